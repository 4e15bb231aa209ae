/**
 * `npm run generate`: writes everything that follows from the sources, `Pulumi.yaml`'s settings and
 * the reference pages. A test fails when a file differs from what this would write.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { format, resolveConfig } from "prettier";
import { describeCoverage, formatCoverage } from "../lab/cloud/coverage.ts";
import { renderPackageSchema } from "../infra/package/schema.ts";
import { regenerateProjectFile } from "../infra/plan/config-block.ts";
import { regenerateChangeTable } from "./reference/changes.ts";
import { renderCommandReference } from "./reference/commands.ts";
import { renderLogReference } from "./reference/log.ts";
import { renderSettingsReference } from "./reference/settings.ts";

/** A file whose content follows from the sources. */
export interface Generated {
  /** From the root of the repository. */
  readonly path: string;
  /** @param current what the file holds; empty when there is none. */
  readonly render: (current: string) => string | Promise<string>;
}

const ROOT = join(import.meta.dirname, "..");

export const GENERATED: readonly Generated[] = [
  { path: "Pulumi.yaml", render: regenerateProjectFile },
  { path: "component/schema.json", render: () => renderPackageSchema() },
  { path: "docs/reference/settings.md", render: () => renderSettingsReference() },
  { path: "docs/reference/commands.md", render: () => renderCommandReference() },
  { path: "docs/reference/log.md", render: () => renderLogReference() },
  { path: "docs/operations.md", render: regenerateChangeTable },
  { path: "docs/lab-coverage.md", render: () => formatCoverage(describeCoverage()) },
];

/** What a generated file holds, and what it should. */
export async function regenerate({
  path,
  render,
}: Generated): Promise<{ readonly current: string; readonly wanted: string }> {
  const file = join(ROOT, path);
  const current = await readFile(file, "utf8").catch(() => "");
  const rendered = await render(current);
  if (!path.endsWith(".md")) return { current, wanted: rendered };
  const style = await resolveConfig(file);
  return { current, wanted: await format(rendered, { ...style, filepath: file }) };
}

async function generate(): Promise<void> {
  for (const generated of GENERATED) {
    const { current, wanted } = await regenerate(generated);
    if (current === wanted) continue;
    const file = join(ROOT, generated.path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, wanted);
    console.log(`Wrote ${generated.path}`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await generate();
