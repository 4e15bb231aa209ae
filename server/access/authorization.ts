/**
 * Authorization rules as in IIS: allow or deny, to everybody, anonymous, accounts or groups, by
 * path of the site, inherited.
 *
 * One right at one path is decided so: the account's own permissions must hold the right; then the
 * nearest level (the path itself, its folder, … the root) that has a rule for this principal and
 * this right decides; at one level deny wins; no rule at all denies. Rules are compiled once into
 * a tree of paths with one index of principals per level, so a decision costs as much as the path
 * is deep and the principal has groups, however many rules there are.
 *
 * Paths, account and group names are compared exactly, as the machine's disk does. On a disk that
 * ignores case (a lab on macOS or Windows) a deny rule covers only the spelling that it names.
 */
import { RIGHTS, rightsOf, type Right } from "#contract";
import { ALL_USERS, ANONYMOUS_USERS, type AuthorizationRule } from "#contract";
import { planPathTree, type PathEntry } from "./path-tree.ts";

/** Who asks. */
export interface Principal {
  readonly name: string;
  readonly groups: readonly string[];
  readonly anonymous: boolean;
  /** What the account's own permissions allow anywhere, `rightsOf(account.permissions)`. */
  readonly rights: ReadonlySet<Right>;
}

/** A rule with its place in the settings: `authorization.3`. */
export interface PlacedRule {
  readonly rule: AuthorizationRule;
  readonly index: number;
}

export type Decision =
  | { readonly allowed: true; readonly by: PlacedRule }
  | { readonly allowed: false; readonly reason: Denial };

export type Denial =
  | { readonly kind: "rule"; readonly by: PlacedRule }
  /** No rule for this principal and right at the path or above. */
  | { readonly kind: "noRule" }
  /** The account's own permissions lack the right. */
  | { readonly kind: "account" };

export interface Authorization {
  /** @param path absolute, normalised path of the site (see `path-mapping.ts`). */
  decide(principal: Principal, right: Right, path: string): Decision;
  /** All rights at once, for the fact `perm` and for explanations; same answers as `decide`. */
  rightsAt(principal: Principal, path: string): ReadonlySet<Right>;
  /** The same for what lies in `folder`, by its name: asked for every line of a listing. */
  rightsIn(principal: Principal, folder: string): (name: string) => ReadonlySet<Right>;
}

/** Rights as bits, so that one level answers for all of them at once. */
const BITS = Object.fromEntries(RIGHTS.map((right, index) => [right, 1 << index])) as Record<
  Right,
  number
>;
const EVERY_RIGHT = (1 << RIGHTS.length) - 1;

/** What the rules of one level say about one subject: the first rule for each bit. */
interface Grants {
  allowed: number;
  denied: number;
  readonly allowing: Map<number, IndexedDecision>;
  readonly denying: Map<number, IndexedDecision>;
}

interface IndexedDecision {
  readonly index: number;
  readonly decision: Decision;
}

interface Level {
  everybody: Grants | undefined;
  anonymous: Grants | undefined;
  readonly users: Map<string, Grants>;
  readonly groups: Map<string, Grants>;
}

const NO_RULE: Decision = { allowed: false, reason: { kind: "noRule" } };
const NOT_IN_ACCOUNT: Decision = { allowed: false, reason: { kind: "account" } };

/** Compiles the rules of a site. */
export function planAuthorization(rules: readonly AuthorizationRule[]): Authorization {
  const levels = new Map<string, Level>();
  for (const [index, rule] of rules.entries()) {
    const level = levels.get(rule.path) ?? emptyLevel();
    levels.set(rule.path, level);
    addRule(level, { rule, index });
  }
  const tree = planPathTree(levels);
  return {
    decide: (principal, right, path) =>
      principal.rights.has(right)
        ? decideFrom(tree.nearest(path), principal, BITS[right])
        : NOT_IN_ACCOUNT,
    rightsAt: (principal, path) => collectRights(tree.nearest(path), principal),
    rightsIn: (principal, folder) => {
      const nearestIn = tree.nearestIn(folder);
      // Nothing has this name: what the folder passes on.
      let nearest = nearestIn("");
      let rights = collectRights(nearest, principal);
      return (name) => {
        const next = nearestIn(name);
        if (next !== nearest) [nearest, rights] = [next, collectRights(next, principal)];
        return rights;
      };
    },
  };
}

function emptyLevel(): Level {
  return { everybody: undefined, anonymous: undefined, users: new Map(), groups: new Map() };
}

function emptyGrants(): Grants {
  return { allowed: 0, denied: 0, allowing: new Map(), denying: new Map() };
}

function addRule(level: Level, placed: PlacedRule): void {
  const { rule, index } = placed;
  const decision: Decision =
    rule.effect === "allow"
      ? { allowed: true, by: placed }
      : { allowed: false, reason: { kind: "rule", by: placed } };
  const grantTo = (grants: Grants): Grants => {
    const first = rule.effect === "allow" ? grants.allowing : grants.denying;
    for (const right of rightsOf(rule.permissions)) {
      const bit = BITS[right];
      if (rule.effect === "allow") grants.allowed |= bit;
      else grants.denied |= bit;
      if (!first.has(bit)) first.set(bit, { index, decision });
    }
    return grants;
  };
  for (const user of rule.users) {
    if (user === ALL_USERS) level.everybody = grantTo(level.everybody ?? emptyGrants());
    else if (user === ANONYMOUS_USERS) level.anonymous = grantTo(level.anonymous ?? emptyGrants());
    else level.users.set(user, grantTo(level.users.get(user) ?? emptyGrants()));
  }
  for (const group of rule.groups) {
    level.groups.set(group, grantTo(level.groups.get(group) ?? emptyGrants()));
  }
}

function decideFrom(
  nearest: PathEntry<Level> | undefined,
  principal: Principal,
  bit: number,
): Decision {
  for (let entry = nearest; entry !== undefined; entry = entry.above) {
    let allow: IndexedDecision | undefined;
    let deny: IndexedDecision | undefined;
    forEachGrant(entry.value, principal, (grants) => {
      if ((grants.denied & bit) !== 0) deny = earlier(deny, grants.denying.get(bit));
      else if ((grants.allowed & bit) !== 0) allow = earlier(allow, grants.allowing.get(bit));
    });
    const found = deny ?? allow;
    if (found !== undefined) return found.decision;
  }
  return NO_RULE;
}

function collectRights(
  nearest: PathEntry<Level> | undefined,
  principal: Principal,
): ReadonlySet<Right> {
  let open = EVERY_RIGHT;
  let allowed = 0;
  for (let entry = nearest; entry !== undefined && open !== 0; entry = entry.above) {
    let levelAllowed = 0;
    let levelDenied = 0;
    forEachGrant(entry.value, principal, (grants) => {
      levelAllowed |= grants.allowed;
      levelDenied |= grants.denied;
    });
    allowed |= open & levelAllowed & ~levelDenied;
    open &= ~(levelAllowed | levelDenied);
  }
  let bits = 0;
  for (const right of principal.rights) bits |= BITS[right];
  return setOf(allowed & bits);
}

/** By their bits: the same set for the same rights, so that what is made of it can be kept. */
const knownSets = new Map<number, ReadonlySet<Right>>();

function setOf(bits: number): ReadonlySet<Right> {
  const known = knownSets.get(bits);
  if (known !== undefined) return known;
  const rights = new Set(RIGHTS.filter((right) => (bits & BITS[right]) !== 0));
  knownSets.set(bits, rights);
  return rights;
}

function forEachGrant(level: Level, principal: Principal, visit: (grants: Grants) => void): void {
  if (level.everybody !== undefined) visit(level.everybody);
  if (principal.anonymous && level.anonymous !== undefined) visit(level.anonymous);
  const own = level.users.get(principal.name);
  if (own !== undefined) visit(own);
  if (level.groups.size === 0) return;
  for (const group of principal.groups) {
    const grants = level.groups.get(group);
    if (grants !== undefined) visit(grants);
  }
}

/** The rule that comes first in the settings, so that the same one is always named. */
function earlier(
  a: IndexedDecision | undefined,
  b: IndexedDecision | undefined,
): IndexedDecision | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.index <= b.index ? a : b;
}
