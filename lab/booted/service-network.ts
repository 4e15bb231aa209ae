/**
 * The way from a machine to the simulated services, for the process that hosts the machine and has
 * a network namespace of its own. The platform's addresses are next to the machine, past every
 * security group, as in Azure. Storage and vaults lie beyond the edge like the rest of the internet:
 * a stack whose rules let nothing out cannot fetch its delivery.
 */
import { createHash } from "node:crypto";
import { AZURE_PLATFORM_ADDRESS } from "#contract";
import { LabError } from "../lab-error.ts";
import { mustRun, runProgram } from "../programs.ts";
import { METADATA_ADDRESS } from "#contract";

/** Documentation block (RFC 5737) that plays Azure's public services. */
const SERVICE_BLOCK = { prefix: "192.0.2.", first: 1, last: 254 };
/** What a service sees as its gateway; every machine's link to the edge has the same. */
const GATEWAY = "169.254.1.1";

export interface ServiceNetworkRequest {
  readonly machine: string;
  readonly privateAddress: string;
  /** Processes that hold the namespaces. */
  readonly machineHolder: number;
  readonly edgeHolder: number;
}

/**
 * Joins this process's namespace to machine and edge. Everything ends with this process.
 *
 * @returns the address of storage and vaults.
 */
export async function joinServiceNetwork(request: ServiceNetworkRequest): Promise<string> {
  const { machine, privateAddress, machineHolder, edgeHolder } = request;
  const inMachine = enter(machineHolder);
  const inEdge = enter(edgeHolder);
  await configure(
    [],
    [
      "link set lo up",
      `link add azure type veth peer name azure netns ${String(machineHolder)}`,
      `address add ${METADATA_ADDRESS}/32 dev azure`,
      `address add ${AZURE_PLATFORM_ADDRESS}/32 dev azure`,
      "link set azure up",
      `route add ${privateAddress} dev azure`,
    ],
  );
  await configure(inMachine, [
    "link set azure up",
    `route add ${METADATA_ADDRESS} dev azure`,
    `route add ${AZURE_PLATFORM_ADDRESS} dev azure`,
  ]);
  const link = `s${createHash("sha256").update(machine).digest("hex").slice(0, 8)}`;
  await configure(
    [],
    [`link add services type veth peer name ${link} netns ${String(edgeHolder)}`],
  );
  await configure(inEdge, [`address add ${GATEWAY}/32 dev ${link}`, `link set ${link} up`]);
  const address = await takeAddress(inEdge, link);
  await configure(
    [],
    [
      `address add ${address}/32 dev services`,
      "link set services up",
      `route add ${GATEWAY} dev services`,
      `route add default via ${GATEWAY}`,
    ],
  );
  return address;
}

/** Each machine has services of its own; the first free address is theirs. */
async function takeAddress(inEdge: readonly string[], link: string): Promise<string> {
  const { prefix, first, last } = SERVICE_BLOCK;
  for (let host = first; host <= last; host += 1) {
    const address = `${prefix}${String(host)}`;
    const route = [...inEdge, "ip", "route", "add", address, "dev", link];
    const [program = "", ...args] = route;
    if ((await runProgram([program, ...args])).exitCode === 0) return address;
  }
  throw new LabError("The lab has no address left for the services of another machine.");
}

function enter(holder: number): readonly string[] {
  return ["nsenter", "--target", String(holder), "--net", "--"];
}

async function configure(inside: readonly string[], lines: readonly string[]): Promise<void> {
  const [program = "", ...args] = [...inside, "ip", "-batch", "-"];
  await mustRun([program, ...args], `${lines.join("\n")}\n`);
}
