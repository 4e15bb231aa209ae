/** The dependency rules of docs/architecture.md, one by one. */
import type { Import, Module } from "./modules.ts";

export interface Rule {
  /** What a reader of a failure needs to know. */
  readonly reason: string;
  /** Modules that the rule speaks of. */
  readonly of: RegExp;
  readonly forbids: (found: Import, from: Module) => boolean;
}

const CONTRACT = "server/contract/index.ts";
const SOCKETS_AND_FILES =
  /^node:(net|tls|dgram|http|https|http2|fs|fs\/promises|child_process|dns)$/;
const HARMLESS_OF_NET = new Set(["isIP", "isIPv4", "isIPv6"]);

const within =
  (...folders: readonly string[]) =>
  ({ own, target }: Import) =>
    own && folders.some((folder) => target.startsWith(folder));

const ownExcept = (...folders: readonly string[]) => {
  const allowed = within(...folders);
  return (found: Import) => found.own && !allowed(found);
};

/** Folders of interfaces with adapters → the modules that say what every adapter has in common. */
const INTERFACES: Readonly<Record<string, RegExp>> = {
  "server/auth/": /\/(authenticator|errors)\.ts$/,
  "server/storage/": /\/(storage|errors)\.ts$/,
  "server/logging/": /\/logger\.ts$/,
};

function isAdapter(found: Import, from: Module): boolean {
  if (!found.own || found.typeOnly) return false;
  const folder = Object.keys(INTERFACES).find((name) => found.target.startsWith(name));
  if (folder === undefined || from.path.startsWith(folder)) return false;
  return INTERFACES[folder]?.test(found.target) === false;
}

function isSocketOrFile({ own, target, typeOnly, names }: Import): boolean {
  if (own || typeOnly || !SOCKETS_AND_FILES.test(target)) return false;
  return !(target === "node:net" && names.every((name) => HARMLESS_OF_NET.has(name)));
}

export const RULES: readonly Rule[] = [
  {
    reason: "the contract is a leaf: it imports nothing but the schema library",
    of: /^server\/contract\//,
    forbids: ({ own, target }) =>
      own ? !target.startsWith("server/contract/") : target !== "valibot",
  },
  {
    reason: "the protocol is pure: it imports nothing of ours, no sockets and no files",
    of: /^server\/protocol\//,
    forbids: (found) => ownExcept("server/protocol/")(found) || isSocketOrFile(found),
  },
  {
    reason: "the server imports only its own folders, and knows nothing of Pulumi",
    of: /^server\//,
    forbids: (found) => ownExcept("server/")(found) || found.target.startsWith("@pulumi/"),
  },
  {
    reason: "commands see the session's types and the protocol, never sockets or files",
    of: /^server\/commands\//,
    forbids: isSocketOrFile,
  },
  {
    reason: "only server/main.ts chooses adapters; others see the interface",
    of: /^server\/(?!main\.ts$)/,
    forbids: isAdapter,
  },
  {
    reason: "infra imports the contract, its own folders and the version of the package",
    of: /^infra\/(?!policy\/)/,
    forbids: ownExcept("infra/", CONTRACT, "package.json"),
  },
  {
    reason: "plans are pure: they know no components, no Pulumi, no sockets and no files",
    of: /^infra\/(plan|machine)\//,
    forbids: (found) =>
      within("infra/components/", "infra/policy/", "infra/bundle/")(found) ||
      found.target.startsWith("@pulumi/") ||
      isSocketOrFile(found),
  },
  {
    reason: "policies judge the stack from outside: they import the contract and their own folder",
    of: /^infra\/policy\//,
    forbids: ownExcept("infra/policy/", "server/contract/"),
  },
  {
    reason: "the certificate agent imports the contract and its own folder",
    of: /^certificates\//,
    forbids: ownExcept("certificates/", CONTRACT),
  },
  {
    reason: "the probe is a client: it imports the contract and its own folder",
    of: /^probe\//,
    forbids: ownExcept("probe/", CONTRACT),
  },
  {
    reason:
      "the lab runs the program as a black box: it imports the contract, its own folder and the installer of system packages",
    of: /^lab\//,
    forbids: ownExcept("lab/", "server/contract/", "scripts/"),
  },
  {
    reason:
      "the acceptance run drives program, lab and probe from outside: it imports the contract, the lab, the probe and how passwords are hashed",
    of: /^acceptance\//,
    forbids: ownExcept("acceptance/", CONTRACT, "lab/", "probe/", "server/auth/password-hash.ts"),
  },
  {
    reason: "nothing imports the command line, but the page that describes it",
    of: /^(server|certificates|infra|probe|lab|acceptance|scripts)\/(?!reference\/)/,
    forbids: within("cli/"),
  },
  {
    reason: "nothing but tests imports tests",
    of: /^(server|certificates|infra|probe|lab|acceptance|cli|scripts)\//,
    forbids: within("test/"),
  },
];

/** `from → target: reason` for every import that a rule forbids. */
export function findViolations(modules: readonly Module[]): readonly string[] {
  return modules.flatMap((from) =>
    from.imports.flatMap((found) =>
      RULES.filter(({ of, forbids }) => of.test(from.path) && forbids(found, from)).map(
        ({ reason }) => `${from.path} → ${found.target}: ${reason}`,
      ),
    ),
  );
}
