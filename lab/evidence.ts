/**
 * The layers of a running lab as they are now, each read from its own place: the simulated
 * resources, the machine's kernel, the files in force. The probe names the layer at fault with it;
 * from outside alone, layers that drop packets look the same.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  controlPorts,
  formatRange,
  MACHINE_LAYOUT,
  parseRange,
  parseWith,
  serverSettingsSchema,
  singlePort,
  type PortRange,
} from "#contract";
import { findLeader } from "./booted/boot.ts";
import { enterMachine } from "./booted/run-inside.ts";
import { CloudStore } from "./cloud/state.ts";
import type { Value } from "./cloud/values.ts";
import { LabError } from "./lab-error.ts";
import { machineFolder } from "./machine/layout.ts";
import { openGuestPorts } from "./network/guest-firewall.ts";
import { CLIENT_ADDRESS, enterPlace } from "./network/namespaces.ts";
import { readTopology, type EdgeMachine } from "./network/topology.ts";
import { reachablePorts } from "./network/verdicts.ts";
import { mustRun } from "./programs.ts";

/** A row as the probe takes it. */
export interface EvidenceRow {
  readonly layer: "subnetNsg" | "nicNsg" | "guestFirewall" | "reservedPorts" | "server";
  /** `first-last` each. */
  readonly ranges: readonly string[];
}

/**
 * Rows of the first machine, for a client of the lab. Not at the level `process`.
 *
 * @throws LabError when no machine is up.
 */
export async function readEvidence(labFolder: string): Promise<readonly EvidenceRow[]> {
  const [machine] = readTopology(new CloudStore(labFolder));
  if (machine === undefined) {
    throw new LabError(`No machine is up in ${labFolder}.`, "Start one with npm start.");
  }
  const inside = enterPlace(labFolder, { kind: "machine", name: machine.name });
  const [firewall, reserved, settings] = await Promise.all([
    mustRun([...inside, "nft", "--json", "list", "ruleset"]),
    mustRun([...inside, "cat", "/proc/sys/net/ipv4/ip_local_reserved_ports"]),
    readSettings(labFolder, machine.name),
  ]);
  return [
    ...groupRow("subnetNsg", machine, { nicGroup: undefined }),
    ...groupRow("nicNsg", machine, { subnetGroup: undefined }),
    row("guestFirewall", openGuestPorts(JSON.parse(firewall) as Value, CLIENT_ADDRESS)),
    row("reservedPorts", parseRanges(reserved.trim().split(","))),
    row("server", listenedPorts(JSON.parse(settings))),
  ];
}

/** The settings in force: a booted machine has them on a disk of its own. */
async function readSettings(labFolder: string, machine: string): Promise<string> {
  const leader = findLeader(labFolder, machine);
  if (leader === undefined) {
    return readFile(machineFolder(labFolder, machine).settingsFile, "utf8");
  }
  return mustRun([...enterMachine(leader), "cat", MACHINE_LAYOUT.settingsFile]);
}

/** Environment that has the probe ask the lab for evidence, by the name that the probe gives it. */
export function evidenceEnvironment(
  projectFolder: string,
  labFolder: string,
): Readonly<Record<string, string>> {
  const words = [process.execPath, join(projectFolder, "cli", "gangway.mjs"), "lab", "evidence"];
  const quoted = [...words, "--lab-folder", labFolder].map(
    (word) => `'${word.replaceAll("'", "'\\''")}'`,
  );
  return { GANGWAY_PROBE_EVIDENCE: quoted.join(" ") };
}

/** A layer by itself; none where no group stands. */
function groupRow(
  layer: "subnetNsg" | "nicNsg",
  machine: EdgeMachine,
  without: Partial<EdgeMachine>,
): readonly EvidenceRow[] {
  const alone: EdgeMachine = { ...machine, ...without };
  if (alone.subnetGroup === undefined && alone.nicGroup === undefined) return [];
  return [row(layer, reachablePorts(alone, CLIENT_ADDRESS))];
}

function listenedPorts(settings: unknown): readonly PortRange[] {
  const { listen, passive, sites } = parseWith(serverSettingsSchema, settings);
  return [...controlPorts(listen, sites).map(({ port }) => singlePort(port)), passive.ports];
}

function parseRanges(texts: readonly string[]): readonly PortRange[] {
  return texts.map(parseRange).filter((range) => range !== undefined);
}

function row(layer: EvidenceRow["layer"], ranges: readonly PortRange[]): EvidenceRow {
  return { layer, ranges: ranges.map(formatRange) };
}
