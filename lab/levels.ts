/** The levels of the lab, and which of them this computer can offer. */
import { runProgram } from "./programs.ts";
import type { Privileges } from "./network/namespaces.ts";

/** From the least to the most real. */
export const LEVELS = ["process", "network", "machine"] as const;
export type Level = (typeof LEVELS)[number];

/** Whether packets pass the lab's own network at a level. */
export function hasNetwork(level: Level): boolean {
  return level !== "process";
}

export type NetworkAbility =
  | { readonly kind: "able"; readonly privileges: Privileges }
  /** Programs are missing that a package manager has. */
  | { readonly kind: "lacksPrograms"; readonly packages: readonly string[] }
  | { readonly kind: "unable"; readonly reason: string };

/** Programs that the network level runs, and the Debian package that has each. */
const PROGRAMS: Readonly<Record<string, string>> = {
  nft: "nftables",
  ip: "iproute2",
  unshare: "util-linux",
  nsenter: "util-linux",
};

/** A namespace with all that the lab needs of one: a link, and rules that know flows and timeouts. */
const REHEARSAL = `ip link add left type veth peer name right &&
nft -f - <<'RULES' && echo able
table ip rehearsal {
  ct timeout idle {
    protocol tcp;
    l3proto ip;
    policy = { established: 60 }
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state new meta l4proto tcp ct timeout set "idle"
  }
  chain translate {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr 203.0.113.1 dnat to 10.0.0.1
  }
}
RULES
`;

/** Finds out by doing it: permissions, kernel and security modules all have a say. */
export async function networkAbility(): Promise<NetworkAbility> {
  if (process.platform !== "linux") {
    return { kind: "unable", reason: "it needs Linux" };
  }
  const present = await Promise.all(
    Object.keys(PROGRAMS).map(async (program) => {
      const { exitCode } = await runProgram(["sh", "-c", `command -v ${program}`]);
      return { program, present: exitCode === 0 };
    }),
  );
  const missing = present.filter((each) => !each.present).map(({ program }) => program);
  if (missing.length > 0) {
    const packages = new Set(missing.map((program) => PROGRAMS[program] ?? program));
    return { kind: "lacksPrograms", packages: [...packages] };
  }
  const root = process.getuid?.() === 0;
  const asRoot = root ? await rehearse(["--net"]) : "not root";
  if (asRoot === undefined) return { kind: "able", privileges: "root" };
  const asUser = await rehearse(["--user", "--map-root-user", "--net"]);
  if (asUser === undefined) return { kind: "able", privileges: "userNamespace" };
  return {
    kind: "unable",
    reason: root
      ? `this root may not make network namespaces (${asRoot})`
      : `it needs root, or user namespaces, which this system does not allow (${asUser})`,
  };
}

/** Undefined when it worked, or else what stood in the way. */
async function rehearse(flags: readonly string[]): Promise<string | undefined> {
  const { output, error } = await runProgram(["unshare", ...flags, "sh", "-c", REHEARSAL]);
  if (output.trim() === "able") return undefined;
  return error.trim().split("\n")[0] ?? "no reason given";
}
