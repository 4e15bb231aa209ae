/** What a check is, and what checks share during one run. */
import type { PeerFacts } from "./certificate.ts";
import type { ExposureRow } from "./exposure.ts";
import type { Expectations } from "./options.ts";
import type { PassiveVerb, ProbeSession } from "./session.ts";
import type { StepLimit } from "./steps.ts";
import { describeSymptom, type Symptom } from "./symptoms.ts";

export type CheckId =
  | "address"
  | "layers"
  | "controlPort"
  | "greeting"
  | "explicitTls"
  | "certificateChain"
  | "certificateNames"
  | "certificateDates"
  | "tlsVersions"
  | "implicitTls"
  | "boundPorts"
  | "clearCredentials"
  | "login"
  | "extendedPassive"
  | "passive"
  | "advertisedAddress"
  | "passivePort"
  | "dataConnection"
  | "roundTrip"
  | "clearData"
  | "edgePorts"
  | "outsidePorts"
  | "idle";

/** What a check found; `symptom` is what the diagnosis starts from. `detail` is one line. */
export type Verdict =
  | { readonly kind: "passed" | "notRun"; readonly detail: string }
  | { readonly kind: "failed" | "warning"; readonly detail: string; readonly symptom?: Symptom };

/**
 * Checks of one lane run one after the other, lanes side by side. `session` is the lane of the
 * shared session and of everything that leases ports.
 */
type Lane = "session" | "versions" | "implicit" | "bound" | "outside" | "layers" | "idle";

export interface Check {
  readonly id: CheckId;
  readonly title: string;
  readonly lane: Lane;
  /** Earlier checks that all have to pass (or warn). */
  readonly needs: readonly CheckId[];
  /** Earlier checks of which one has to pass (or warn). */
  readonly needsOneOf?: readonly CheckId[];
  run(context: ProbeContext): Promise<Verdict>;
}

/** What checks learn for later ones. Each fact has one writer, named here. */
export interface ProbeFacts {
  /** By `address`. */
  address: string | undefined;
  /** By `explicitTls`, or by `implicitTls` when the sessions use that. */
  peer: PeerFacts | undefined;
  /** By `extendedPassive` and `passive`: what was leased first. */
  readonly leases: Map<
    PassiveVerb,
    { readonly port: number; readonly address: string | undefined }
  >;
}

export interface ProbeContext {
  readonly expected: Expectations;
  readonly limit: StepLimit;
  readonly facts: ProbeFacts;
  /** The address of the host. @throws Error when `address` has not passed: a missing need. */
  readonly address: string;
  /** The session that checks of the `session` lane share; opened anew when it broke. */
  session(): Promise<ProbeSession>;
  /** Live rows if there is a provider, else the declared ones. */
  rows(): Promise<readonly ExposureRow[]>;
}

export function passed(detail: string): Verdict {
  return { kind: "passed", detail };
}

export function notRun(detail: string): Verdict {
  return { kind: "notRun", detail };
}

export function failed(symptom: Symptom, detail?: string): Verdict {
  return { kind: "failed", symptom, detail: detail ?? describeSymptom(symptom) };
}

export function warned(symptom: Symptom, detail?: string): Verdict {
  return { kind: "warning", symptom, detail: detail ?? describeSymptom(symptom) };
}
