/**
 * The level `machine`: the network level's packets, and behind them machines that really boot. What
 * Azure's host does for a machine is done here; what happens in it is cloud-init's, systemd's and
 * the delivered scripts' own doing.
 */
import type { CloudEffects, RunCommandInvocation, RunCommandResult } from "../cloud/effects.ts";
import type { CloudResource, CloudState } from "../cloud/state.ts";
import { LabError } from "../lab-error.ts";
import { holderOf } from "../network/namespaces.ts";
import { readTopology } from "../network/topology.ts";
import { bootMachine, findLeader, removeMachine } from "./boot.ts";
import { bootedFolder } from "./folder.ts";
import { runScriptInside } from "./run-inside.ts";
import { readSpecification, removeDeletedDisks } from "./specification.ts";

export interface BootedEffectsOptions {
  /** What rules the packets: the effects of the level `network`. */
  readonly network: CloudEffects;
  /** Folder of the image that machines boot. */
  readonly image: string;
}

/** Effects for a lab whose network is open (`openNetwork`, as root). */
export function bootedEffects(labFolder: string, options: BootedEffectsOptions): CloudEffects {
  const { network, image } = options;
  return {
    networkChanged: (state) => network.networkChanged(state),
    async machineChanged(state, machine) {
      removeDeletedDisks(state);
      await boot(labFolder, image, state, machine);
    },
    async runCommand(invocation) {
      // After a crash of the lab the state may know a machine that no longer runs.
      await boot(labFolder, image, invocation.state, invocation.machine);
      return runCommand(labFolder, invocation);
    },
    async machineDeleted(state, machine) {
      await removeMachine(labFolder, machine.name);
      removeDeletedDisks(state);
      await network.machineDeleted(state, machine);
    },
  };
}

async function boot(
  labFolder: string,
  image: string,
  state: CloudState,
  machine: CloudResource,
): Promise<void> {
  const edgeMachine = readTopology(state).find(({ name }) => name === machine.name);
  if (edgeMachine === undefined) {
    throw new LabError(`The machine ${machine.name} has no network interface to boot with.`);
  }
  const result = await bootMachine({
    labFolder,
    image,
    specification: readSpecification(state, machine),
    machineHolder: holderOf(labFolder, { kind: "machine", name: machine.name }),
    services: {
      privateAddress: edgeMachine.privateAddress,
      edgeHolder: holderOf(labFolder, { kind: "edge" }),
    },
  });
  if (result === "unchanged" || result.state === "running") return;
  throw new LabError(
    `The machine ${machine.name} booted ${result.state}: ${result.failedUnits.join(", ")} failed.`,
    `Its console is in ${bootedFolder(labFolder, machine.name).consoleFile}.`,
  );
}

async function runCommand(
  labFolder: string,
  { machine, name, script, parameters, timeoutSeconds }: RunCommandInvocation,
): Promise<RunCommandResult> {
  const leader = findLeader(labFolder, machine.name);
  if (leader === undefined) throw new LabError(`The machine ${machine.name} does not run.`);
  return runScriptInside(leader, { name, script, environment: parameters, timeoutSeconds });
}
