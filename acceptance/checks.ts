/** What a run checks, one by one. */
import type { SettingsInput } from "#contract";
import type { ProbeReport } from "../probe/index.ts";
import type { AzureAccess } from "./azure/access.ts";
import type { Change, Engine } from "./engine.ts";

/** How a check ended. */
export type Verdict =
  | { readonly kind: "proven"; readonly evidence: string }
  | { readonly kind: "refuted"; readonly evidence: string }
  /** Not with this engine, or not on this machine: neither for nor against the fact. */
  | { readonly kind: "notProvable"; readonly evidence: string }
  /** The proof itself did not come to an end. */
  | { readonly kind: "undecided"; readonly evidence: string };

export type VerdictKind = Verdict["kind"];

/** Says or denies one fact; `evidence` is what was seen, for others to judge. */
export interface Check {
  /** For `--only`, and to speak of it. */
  readonly name: string;
  readonly fact: string;
  /** How it is proved. */
  readonly how: string;
  run(trial: Trial): Promise<Verdict>;
}

/** The stack under trial, as the checks see it. They run one after the other. */
export interface Trial {
  readonly engine: Engine;
  /** Undefined where the engine is not Azure's. */
  readonly azure: AzureAccess | undefined;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Settings in force. */
  readonly settings: SettingsInput;
  /** Brings the stack to these settings, which are in force from then on. */
  up(settings: SettingsInput): Promise<readonly Change[]>;
  /** Runs the probe until it is content or patience ends: a machine may just be starting. */
  prove(): Promise<ProbeReport>;
  /** Changes the server's code, for the next `up`. */
  changeServer(): Promise<void>;
  /** @throws the signal's reason when it aborts. */
  wait(seconds: number): Promise<void>;
  /** Waits for what puts things back, so also after the first Ctrl-C; returns at the second. */
  settle(seconds: number): Promise<void>;
}

export const proven = (evidence: string): Verdict => ({ kind: "proven", evidence });
export const refuted = (evidence: string): Verdict => ({ kind: "refuted", evidence });
export const notProvable = (evidence: string): Verdict => ({ kind: "notProvable", evidence });
