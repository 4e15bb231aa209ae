/** The level `process`: the delivered server on this computer's loopback, without privileges. */
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
    // The delivered runtime is Linux's; here the server runs anywhere.
    node: () => process.execPath,
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
