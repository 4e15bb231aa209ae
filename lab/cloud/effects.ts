/**
 * What happens outside the simulated cloud when something changes inside it. A level of the lab
 * implements this: `process` starts a server, `network` builds namespaces and rules.
 *
 * The provider plugin picks an implementation by name: it imports `lab/effects-of-level.ts` and
 * calls its `effectsOfLevel` (see `EffectsOfLevel`), unless the level is `none`.
 */
import type { CloudResource, CloudState } from "./state.ts";
import type { Properties } from "./values.ts";

/** One execution of a Run Command on a machine. */
export interface RunCommandInvocation {
  readonly state: CloudState;
  /** The virtual machine, already in the state. */
  readonly machine: CloudResource;
  readonly name: string;
  /** The inline script. */
  readonly script: string;
  /** Parameters and protected parameters by name: the script's environment variables. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Names of the protected ones among them; their values must not be logged. */
  readonly protectedNames: readonly string[];
  /** All inputs as declared. */
  readonly inputs: Properties;
  readonly timeoutSeconds: number;
}

/** How a Run Command ended. The instance view keeps the last 4 KB of each text. */
export interface RunCommandResult {
  readonly exitCode: number;
  readonly output: string;
  /** Standard error, when it was kept apart. */
  readonly error?: string;
}

/**
 * Consequences of changes. Each is awaited before the change counts as done, and a rejection fails
 * the resource that caused it. All must be idempotent: a second call with the same state changes
 * nothing.
 */
export interface CloudEffects {
  /**
   * Something that packets meet was created, changed or removed: a network, a security group, an
   * address, a network interface, or a machine that holds one. The state is the new one.
   */
  networkChanged(state: CloudState): Promise<void>;
  /** A machine was created (or changed in place); boot it, or bring it in line. */
  machineChanged(state: CloudState, machine: CloudResource): Promise<void>;
  /** Runs a delivered script on a machine. */
  runCommand(invocation: RunCommandInvocation): Promise<RunCommandResult>;
  /** A machine is gone; stop it. The state no longer holds it. */
  machineDeleted(state: CloudState, machine: CloudResource): Promise<void>;
}

/** Nothing outside the cloud: for evaluations that only read what a program declares. */
export const NO_EFFECTS: CloudEffects = {
  networkChanged: async () => undefined,
  machineChanged: async () => undefined,
  runCommand: async () => ({ exitCode: 0, output: "" }),
  machineDeleted: async () => undefined,
};

/** What the module `lab/effects-of-level.ts` exports as `effectsOfLevel`. */
export type EffectsOfLevel = (level: string, labFolder: string) => Promise<CloudEffects>;
