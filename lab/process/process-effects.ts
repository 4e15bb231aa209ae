/** The level `process`: the delivered server on this computer's loopback, without privileges. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { BUNDLE_LAYOUT } from "#contract";
import type { CloudEffects } from "../cloud/effects.ts";
import {
  bootMachine,
  runOnMachine,
  shutDownMachine,
  type MachineGround,
} from "../machine/machine-host.ts";
import { LOOPBACK } from "./free-ports.ts";

export function processEffects(labFolder: string): CloudEffects {
  const ground: MachineGround = {
    labFolder,
    enter: () => [],
    node: runtimeOf,
    serverArguments: ["--host", LOOPBACK],
    applyRules: async () => undefined,
  };
  return {
    networkChanged: async () => undefined,
    machineChanged: (_state, machine) => bootMachine(ground, machine.name),
    runCommand: (invocation) => runOnMachine(invocation, ground),
    machineDeleted: (_state, machine) => shutDownMachine(labFolder, machine.name),
  };
}

/**
 * The delivered runtime, beside which lies the library for system calls: without that, each small upload
 * under TLS takes 40 ms longer. It is for the machine's processor and for Linux; where this computer is
 * another, the Node that runs the lab has to do.
 */
function runtimeOf(release: string): string {
  const delivered = join(release, BUNDLE_LAYOUT.node);
  return spawnSync(delivered, ["--version"]).status === 0 ? delivered : process.execPath;
}
