/** The level `network`: packets meet what the simulated resources declare. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BUNDLE_LAYOUT } from "#contract";
import type { CloudEffects } from "../cloud/effects.ts";
import type { CloudState } from "../cloud/state.ts";
import { LabError } from "../lab-error.ts";
import type { MachineFolder } from "../machine/layout.ts";
import {
  bootMachine,
  runOnMachine,
  shutDownMachine,
  type MachineGround,
} from "../machine/machine-host.ts";
import { runProgram, type CommandLine } from "../programs.ts";
import {
  closeMachine,
  enterPlace,
  isOpen,
  openMachine,
  writeKernelSettings,
} from "./namespaces.ts";
import { renderEdgeRules, type RulesOptions } from "./rules.ts";
import { readTopology } from "./topology.ts";

/** Effects for a lab whose network is open (`openNetwork`). */
export function networkEffects(labFolder: string, options: RulesOptions): CloudEffects {
  const ground: MachineGround = {
    labFolder,
    enter: (machine) => enterPlace(labFolder, { kind: "machine", name: machine }),
    node: (release) => join(release, BUNDLE_LAYOUT.node),
    serverArguments: [],
    applyRules: (machine, folder) => applyMachineRules(labFolder, machine, folder),
  };
  let inForce: string | undefined;
  let last = Promise.resolve();
  const applyEdgeRules = async (state: CloudState): Promise<void> => {
    // After `lab down` the engine may still delete resources; no packets are left to rule.
    if (!isOpen(labFolder)) return;
    const machines = readTopology(state);
    const rules = renderEdgeRules(machines, options);
    if (rules === inForce) return;
    for (const { name, privateAddress, publicAddress } of machines) {
      await openMachine(labFolder, name, privateAddress, publicAddress);
    }
    await loadRules(enterPlace(labFolder, { kind: "edge" }), rules, "The edge's rules");
    inForce = rules;
  };
  return {
    networkChanged: (state) => {
      // The engine changes resources side by side; the edge has one ruleset, the newest.
      last = last.catch(() => undefined).then(() => applyEdgeRules(state));
      return last;
    },
    machineChanged: (_state, machine) => bootMachine(ground, machine.name),
    runCommand: (invocation) => runOnMachine(invocation, ground),
    machineDeleted: async (_state, machine) => {
      await shutDownMachine(labFolder, machine.name);
      await closeMachine(labFolder, machine.name);
    },
  };
}

async function applyMachineRules(
  labFolder: string,
  machine: string,
  folder: MachineFolder,
): Promise<void> {
  const inside = enterPlace(labFolder, { kind: "machine", name: machine });
  if (existsSync(folder.sysctlFile)) {
    await writeKernelSettings(inside, parseSysctl(await readFile(folder.sysctlFile, "utf8")));
  }
  if (existsSync(folder.guestFirewallFile)) {
    const rules = await readFile(folder.guestFirewallFile, "utf8");
    await loadRules(inside, rules, "The guest firewall");
  }
}

async function loadRules(inside: CommandLine, rules: string, what: string): Promise<void> {
  const { exitCode, error } = await runProgram([...inside, "nft", "-f", "-"], rules);
  if (exitCode !== 0) throw new LabError(`${what} was refused by nftables:\n${error.trim()}`);
}

/** sysctl.conf(5): `name = value`, comments after # or ;, a leading - for names that may lack. */
function parseSysctl(text: string): Readonly<Record<string, string>> {
  const entries = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#") && !line.startsWith(";"))
    .map((line) => {
      const [name = "", ...value] = line.split("=");
      return [name.trim().replace(/^-/, ""), value.join("=").trim()] as const;
    });
  return Object.fromEntries(entries);
}
