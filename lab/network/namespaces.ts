/**
 * The lab's network: one namespace for the clients, one for Azure's edge between them, one for each
 * machine. A namespace lives as long as the process that holds it, so ending the holders removes
 * everything that was in them: links, rules, routes, flows and kernel settings.
 *
 *   client 198.51.100.10 ── 198.51.100.1 edge ── 10.20.1.4 machine
 *                        public address ⇄ private address
 *
 * Without root, the holder of the edge opens a user namespace in which all others live.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readlinkSync } from "node:fs";
import { once } from "node:events";
import { LabError } from "../lab-error.ts";
import {
  endProcess,
  findProcess,
  livingRoles,
  recordProcess,
  signalProcess,
} from "../processes.ts";
import { mustRun, programEnvironment, runProgram, type CommandLine } from "../programs.ts";
import { renderEdgeRules } from "./rules.ts";

/** How the lab may make namespaces: as root, or as root of a user namespace of its own. */
export type Privileges = "root" | "userNamespace";

/** Documentation block (RFC 5737) that plays the internet of the clients. */
const CLIENT_SIDE = {
  client: { address: "198.51.100.10", gateway: "198.51.100.1" },
  host: { address: "198.51.100.130", gateway: "198.51.100.129" },
  prefix: 25,
} as const;
export const CLIENT_ADDRESS = CLIENT_SIDE.client.address;

/** The block from which the simulated Azure draws public addresses (RFC 5737). */
const PUBLIC_BLOCK = "203.0.113.0/24";

/** What a machine sees as its gateway: link-local, so that it collides with no declared subnet. */
const MACHINE_GATEWAY = "169.254.1.1";

const EDGE = "edge";
const CLIENT = "client";
const machineRole = (name: string) => `machine-${name}`;

/** Where a command can be run. */
export type Place =
  | { readonly kind: "client" }
  | { readonly kind: "edge" }
  | { readonly kind: "machine"; readonly name: string };

function roleOf(place: Place): string {
  return place.kind === "machine" ? machineRole(place.name) : place.kind;
}

/** Makes client and edge and joins them; does nothing when they are there. */
export async function openNetwork(folder: string, privileges: Privileges): Promise<void> {
  if (findProcess(folder, EDGE) !== undefined && findProcess(folder, CLIENT) !== undefined) return;
  await closeNetwork(folder);
  const unshare: CommandLine =
    privileges === "root"
      ? ["unshare", "--net"]
      : ["unshare", "--user", "--map-root-user", "--net"];
  const edge = await hold(folder, EDGE, unshare);
  const inEdge = enter(edge);
  const client = await hold(folder, CLIENT, [...inEdge, "unshare", "--net"]);
  const { prefix, client: leg } = CLIENT_SIDE;
  // Loads connection tracking, whose settings do not exist before.
  await mustRun([...inEdge, "nft", "-f", "-"], renderEdgeRules([], { idleTimeoutScale: 1 }));
  await writeKernelSettings(inEdge, {
    "net.ipv4.ip_forward": "1",
    // A packet in the middle of a forgotten flow must not bring the flow back.
    "net.netfilter.nf_conntrack_tcp_loose": "0",
  });
  await configure(inEdge, [
    "link set lo up",
    `link add client type veth peer name eth0 netns ${String(client)}`,
    `address add ${leg.gateway}/${String(prefix)} dev client`,
    "link set client up",
    // Addresses that nobody holds are silent, as in Azure.
    `route add blackhole ${PUBLIC_BLOCK}`,
  ]);
  await configure(enter(client), [
    "link set lo up",
    `address add ${leg.address}/${String(prefix)} dev eth0`,
    "link set eth0 up",
    `route add default via ${leg.gateway}`,
  ]);
}

/** True while the lab in `folder` has its network. */
export function isOpen(folder: string): boolean {
  return findProcess(folder, EDGE) !== undefined;
}

/** Ends every namespace of the lab with all that is in it. Servers must be stopped before. */
export async function closeNetwork(folder: string): Promise<void> {
  await detachHost(folder);
  const roles = livingRoles(folder).filter(
    (role) => role === EDGE || role === CLIENT || role.startsWith(machineRole("")),
  );
  // The edge last: without root it holds the user namespace of the others.
  for (const role of roles.toSorted((a, b) => Number(a === EDGE) - Number(b === EDGE))) {
    const holder = findProcess(folder, role);
    if (holder !== undefined) killInhabitants(holder);
    await endProcess(folder, role, 0);
  }
}

/** Ends what else runs in a namespace, such as clients that wait for an answer: it would stay. */
function killInhabitants(holder: number): void {
  const network = networkOf(holder);
  // Never the namespace that this computer itself lives in, whatever a record says.
  if (network === undefined || network === networkOf(process.pid) || network === networkOf(1))
    return;
  const others = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== holder && pid !== process.pid);
  for (const pid of others) {
    if (networkOf(pid) === network) signalProcess(pid, "SIGKILL");
  }
}

/** Undefined for processes that ended meanwhile, or belong to somebody else. */
function networkOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${String(pid)}/ns/net`);
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

/** The start of a command line that runs the rest of it in a place of the lab. */
export function enterPlace(folder: string, place: Place): CommandLine {
  return enter(holderOf(folder, place));
}

/** The process that holds a place's namespace. */
export function holderOf(folder: string, place: Place): number {
  const role = roleOf(place);
  const holder = findProcess(folder, role);
  if (holder === undefined) {
    throw new LabError(
      `The lab in ${folder} has no ${role} running.`,
      "Start it with npm start, or with gangway lab pulumi up.",
    );
  }
  return holder;
}

/** Makes a machine's namespace, joined to the edge; does nothing when it is there. */
export async function openMachine(
  folder: string,
  name: string,
  privateAddress: string,
  publicAddress: string | undefined,
): Promise<void> {
  const inEdge = enterPlace(folder, { kind: "edge" });
  const link = `m${shortHash(name)}`;
  const routes = [
    `route replace ${privateAddress} dev ${link}`,
    // Packets without translation have to reach the filter, which counts and answers them.
    ...(publicAddress === undefined ? [] : [`route replace ${publicAddress} dev ${link}`]),
  ];
  const role = machineRole(name);
  if (findProcess(folder, role) === undefined) {
    const machine = await hold(folder, role, [...inEdge, "unshare", "--net"]);
    await configure(inEdge, [
      `link add ${link} type veth peer name eth0 netns ${String(machine)}`,
      `address add ${MACHINE_GATEWAY}/32 dev ${link}`,
      `link set ${link} up`,
    ]);
    await configure(enter(machine), [
      "link set lo up",
      `address add ${privateAddress}/32 dev eth0`,
      "link set eth0 up",
      `route add ${MACHINE_GATEWAY} dev eth0`,
      `route add default via ${MACHINE_GATEWAY}`,
    ]);
  }
  await configure(inEdge, routes);
}

/** Removes a machine's namespace. Its server must be stopped before. */
export async function closeMachine(folder: string, name: string): Promise<void> {
  await endProcess(folder, machineRole(name), 0);
}

/** The host's end of its link to the edge; one per lab folder, within 15 characters. */
const hostLink = (folder: string) => `gw-${shortHash(folder)}`;

/**
 * Gives the host itself a way to the public addresses, for a person's own clients. Root only.
 *
 * @returns false when another lab on this machine has taken that way already.
 */
export async function attachHost(folder: string): Promise<boolean> {
  const link = hostLink(folder);
  const { prefix, host } = CLIENT_SIDE;
  if ((await runProgram(["ip", "link", "show", link])).exitCode === 0) return true;
  const taken = await mustRun(["ip", "-4", "route", "show", PUBLIC_BLOCK]);
  if (taken.trim() !== "") return false;
  const edge = findProcess(folder, EDGE);
  if (edge === undefined) return false;
  await configure([], [`link add ${link} type veth peer name host netns ${String(edge)}`]);
  await configure(enter(edge), [
    `address add ${host.gateway}/${String(prefix)} dev host`,
    "link set host up",
  ]);
  await configure(
    [],
    [
      `address add ${host.address}/${String(prefix)} dev ${link}`,
      `link set ${link} up`,
      `route add ${PUBLIC_BLOCK} via ${host.gateway} dev ${link}`,
    ],
  );
  return true;
}

async function detachHost(folder: string): Promise<void> {
  const link = hostLink(folder);
  if ((await runProgram(["ip", "link", "show", link])).exitCode !== 0) return;
  await mustRun(["ip", "link", "delete", link]);
}

/**
 * Writes kernel settings inside a namespace. Only those that belong to a network namespace exist
 * there, so nothing outside changes.
 *
 * @returns the names of those that the namespace does not have.
 */
export async function writeKernelSettings(
  inside: readonly string[],
  settings: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const foreign = Object.keys(settings).filter((name) => !name.startsWith("net."));
  const own = Object.entries(settings).filter(([name]) => name.startsWith("net."));
  const script =
    'while [ $# -gt 0 ]; do if [ -w "$1" ]; then printf %s "$2" > "$1"; else echo "$1"; fi; shift 2; done';
  const args = own.flatMap(([name, value]) => [`/proc/sys/${name.replaceAll(".", "/")}`, value]);
  const missing = await mustRun(commandLine([...inside, "sh", "-c", script, "sh", ...args]));
  return [...foreign, ...missing.split("\n").filter((line) => line !== "")];
}

/** Starts the process that holds a namespace, and returns its id once the namespace exists. */
async function hold(folder: string, role: string, unshare: CommandLine): Promise<number> {
  const [program, ...args] = unshare;
  const child = spawn(program, [...args, "sh", "-c", "echo ready; exec sleep infinity"], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: programEnvironment(),
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const ready = once(child.stdout, "data").then(() => true);
  const failed = Promise.race([once(child, "close"), once(child, "error")]).then(() => false);
  const isReady = await Promise.race([ready, failed]);
  if (!isReady || child.pid === undefined) {
    throw new LabError(`The lab's ${role} namespace cannot be made: ${said.trim()}`);
  }
  child.stdout.destroy();
  child.stderr.destroy();
  child.unref();
  recordProcess(folder, role, child.pid);
  return child.pid;
}

/** The user namespace is entered only from outside it; the kernel refuses to enter one's own. */
function enter(holder: number): CommandLine {
  const own = readlinkSync("/proc/self/ns/user");
  const theirs = readlinkSync(`/proc/${String(holder)}/ns/user`);
  const user = own === theirs ? [] : ["--user", "--preserve-credentials"];
  return ["nsenter", "--target", String(holder), ...user, "--net", "--"];
}

async function configure(inside: readonly string[], lines: readonly string[]): Promise<void> {
  await mustRun(commandLine([...inside, "ip", "-batch", "-"]), `${lines.join("\n")}\n`);
}

function commandLine(words: readonly string[]): CommandLine {
  const [program = "", ...args] = words;
  return [program, ...args];
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
