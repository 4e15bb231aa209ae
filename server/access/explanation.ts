/** Decisions in words: for the log's plain-language reason and `gangway access USER PATH`. */
import { RIGHTS, type Right } from "#contract";
import { ALL_USERS, ANONYMOUS_USERS } from "#contract";
import type { Authorization, Decision, PlacedRule, Principal } from "./authorization.ts";

/** `authorization.3 (deny read to user3 at /test.txt)`. */
function formatRule({ rule, index }: PlacedRule): string {
  const subjects = [
    ...rule.users.map((user) =>
      user === ALL_USERS ? "everybody" : user === ANONYMOUS_USERS ? "anonymous" : user,
    ),
    ...rule.groups.map((group) => `group ${group}`),
  ];
  return `authorization.${String(index)} (${rule.effect} ${rule.permissions.join(", ")} to ${subjects.join(", ")} at ${rule.path})`;
}

/** One sentence without a full stop: what was decided and what decided it. */
export function formatDecision(
  decision: Decision,
  principal: Principal,
  right: Right,
  path: string,
): string {
  if (decision.allowed) return `${right} is allowed by ${formatRule(decision.by)}`;
  const { reason } = decision;
  switch (reason.kind) {
    case "rule":
      return `${right} is denied by ${formatRule(reason.by)}`;
    case "noRule":
      return `${right} is denied: no authorization rule allows it to ${principal.name} at ${path} or above`;
    case "account":
      return formatMissingRight(principal, right);
  }
}

/** A right that no rule could give: the account's own permissions lack it. */
export function formatMissingRight({ name }: Pick<Principal, "name">, right: Right): string {
  return `${right} is denied: the permissions of account ${name} do not include it`;
}

/** What one right came to, for a table. */
export interface ExplainedRight {
  readonly right: Right;
  readonly decision: Decision;
  readonly text: string;
}

/** Every right of `principal` at `path` with the rule that decides it. */
export function explainAccess(
  authorization: Authorization,
  principal: Principal,
  path: string,
): readonly ExplainedRight[] {
  return RIGHTS.map((right) => {
    const decision = authorization.decide(principal, right, path);
    return { right, decision, text: formatDecision(decision, principal, right, path) };
  });
}
