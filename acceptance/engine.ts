/** What runs the program: Pulumi's CLI on a subscription, or the lab. */
import type { SettingsInput } from "#contract";
import type { ProbeReport } from "../probe/index.ts";

export type Operation = "create" | "update" | "replace" | "delete";

/** What happened, or would happen, to one resource. */
export interface Change {
  readonly operation: Operation;
  readonly name: string;
}

export interface DeployedResource {
  /** For example `azure-native:compute:VirtualMachine`. */
  readonly type: string;
  readonly name: string;
  /** Id in Azure Resource Manager, or of the simulated one. */
  readonly id: string;
}

/** What is still there after a run, for the person who has to remove it. */
export interface Leftovers {
  /** One for each resource. */
  readonly names: readonly string[];
  /** Command line that removes them. */
  readonly command: string;
}

/** One throw-away stack. Operations never overlap; all of them reject when the signal aborts. */
export interface Engine {
  /** What the report says of it, line by line, versions among them. */
  readonly description: readonly string[];
  /** Texts that no report may hold. */
  readonly secrets: readonly string[];
  /** Command line that removes whatever a run has left. */
  readonly removalCommand: string;
  preview(settings: SettingsInput, signal: AbortSignal): Promise<readonly Change[]>;
  /**
   * @returns what changed; components and the engine's own resources left out.
   * @throws Error with the last lines that the deployment said.
   */
  up(settings: SettingsInput, signal: AbortSignal): Promise<readonly Change[]>;
  /** Runs the probe from the place of a client, with the command that the stack itself names. */
  prove(signal: AbortSignal): Promise<ProbeReport>;
  resources(): Promise<readonly DeployedResource[]>;
  /** Removes everything, whatever state it is in. Can be repeated. */
  destroy(signal: AbortSignal): Promise<void>;
  /**
   * Undefined when nothing is left.
   *
   * @throws Error when nobody can tell.
   */
  leftovers(): Promise<Leftovers | undefined>;
  /** Removes what the run itself needed here, once nothing is left of the stack. */
  forget(): Promise<void>;
}

/** `update nic-nsg` each, sorted: the form of the documented change sets. */
export function stepsOf(changes: readonly Change[]): readonly string[] {
  return changes
    .map(({ operation, name }) => `${operation} ${name.replace(/^settings-.*/, "settings")}`)
    .toSorted();
}
