/** The table of docs/operations.md: what an update changes. */
import { DOCUMENTED_CHANGES, type DocumentedChange } from "../../acceptance/change-sets.ts";

const BEGIN =
  "<!-- What follows is generated from acceptance/change-sets.ts by `npm run generate`. -->";
const END = "<!-- End of what is generated. -->";

/**
 * Puts the table between its two comments.
 *
 * @throws Error when the page has lost one of them.
 */
export function regenerateChangeTable(page: string): string {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from < 0 || to < from) throw new Error(`The page lacks ${from < 0 ? BEGIN : END}`);
  const rows = [
    "| change | resources that change | clients notice |",
    "| --- | --- | --- |",
    ...DOCUMENTED_CHANGES.map(
      (change) => `| ${change.title} | ${describeResources(change)} | ${change.noticed} |`,
    ),
  ];
  return `${page.slice(0, from)}${BEGIN}\n\n${rows.join("\n")}\n\n${page.slice(to)}`;
}

function describeResources({ cases, remark = "" }: DocumentedChange): string {
  const steps = cases.find(({ environment }) => environment === "prod")?.steps ?? [];
  const named = (operation: string) =>
    steps
      .filter((step) => step.startsWith(`${operation} `))
      .map((step) => step.slice(operation.length + 1));
  const [created, updated, replaced, deleted] = ["create", "update", "replace", "delete"].map(
    named,
  );
  const renamed = (created ?? []).filter((name) => deleted?.includes(name));
  const following = (created ?? []).filter((name) => !renamed.includes(name));
  const parts = [
    ...renamed.map((name) => `\`${name}-…\` blob (new, old one deleted)`),
    ...(replaced ?? []).map((name) => `\`${name}\` replaced`),
    ...(updated ?? []).map((name) => `\`${name}\``),
  ];
  const anew = following.map((name) => `\`${name}\``).join(", ");
  const all = anew === "" ? parts : [...parts, `and with it what lies on it: ${anew}`];
  return `${all.join(", ")}${remark}`;
}
