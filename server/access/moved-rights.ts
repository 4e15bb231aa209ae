/**
 * What a rename must not do: rules are about paths, so a new name could give what the old one
 * denies, for the entry itself and for what lies below a folder that is moved.
 */
import { RIGHTS, type Right } from "#contract";
import { formatDecision } from "./explanation.ts";
import { formatIpDecision, type ClientRestrictions } from "./ip-restrictions.ts";
import type { Authorization, Principal } from "./authorization.ts";

/** What decides about one account and client. */
export interface PathRules {
  readonly authorization: Authorization;
  readonly clients: ClientRestrictions;
  readonly subject: Principal;
  readonly peerAddress: string;
  /** Paths of the site that have rules of their own. */
  readonly rulePaths: () => readonly string[];
}

/** Rights that say something about a file; the others are about what a folder holds. */
const OF_FILES: readonly Right[] = ["read", "overwrite", "append", "delete"];

/**
 * Why a rename from `from` to `to` (paths of the site) is refused, for the log; undefined when the
 * account may do nothing at the new path that it may not do at the old one.
 */
export function describeGain(
  rules: PathRules,
  kind: "file" | "directory",
  from: string,
  to: string,
): string | undefined {
  const { authorization, clients, subject, peerAddress } = rules;
  const looked = kind === "directory" ? RIGHTS : OF_FILES;
  for (const below of kind === "directory" ? pathsBelow(rules.rulePaths(), from, to) : [""]) {
    const [before, after] = [from + below, to + below];
    if (!clients.decide(after).allowed) continue;
    const client = clients.decide(before);
    if (!client.allowed) return because(formatIpDecision(client, peerAddress), before, after);
    const [held, gained] = [
      authorization.rightsAt(subject, before),
      authorization.rightsAt(subject, after),
    ];
    const right = looked.find((each) => gained.has(each) && !held.has(each));
    if (right === undefined) continue;
    const decision = authorization.decide(subject, right, before);
    return because(formatDecision(decision, subject, right, before), before, after);
  }
  return undefined;
}

function because(text: string, before: string, after: string): string {
  return `${text}; it would be allowed once ${before} is called ${after}`;
}

/** Where rights can change below either folder, as both see it: `` and `/a/b`. */
function pathsBelow(paths: readonly string[], from: string, to: string): ReadonlySet<string> {
  const roots = [from, to];
  const below = paths.flatMap((path) =>
    roots.filter((root) => path.startsWith(`${root}/`)).map((root) => path.slice(root.length)),
  );
  return new Set(["", ...below]);
}
