/** What can be observed from outside: closed kinds, which the diagnosis turns into a suspect. */

/** What a port is for; decides which setting and which layers matter. */
export type PortRole = "control" | "implicit" | "bound" | "passive";

export type Symptom =
  | { readonly kind: "nameUnknown"; readonly host: string }
  /** The SYN stayed unanswered: something on the way drops packets. */
  | { readonly kind: "noAnswer"; readonly port: number; readonly role: PortRole }
  /** RST: packets reach a host, and nothing listens there. */
  | { readonly kind: "refused"; readonly port: number; readonly role: PortRole }
  /** ICMP, or no route on this side. */
  | {
      readonly kind: "unreachable";
      readonly port: number;
      readonly role: PortRole;
      readonly code: string;
    }
  /** Connected, then silence. */
  | { readonly kind: "stalled"; readonly waitingFor: string }
  /** Connected, then RST or an early end. */
  | { readonly kind: "lost"; readonly how: "reset" | "closed"; readonly waitingFor: string }
  | { readonly kind: "malformedReply"; readonly text: string }
  | {
      readonly kind: "unexpectedReply";
      readonly command: string;
      readonly code: number;
      readonly text: string;
    }
  | {
      readonly kind: "handshakeFailed";
      readonly channel: "control" | "data";
      readonly code: string;
    }
  | { readonly kind: "untrusted"; readonly reason: string }
  | { readonly kind: "fingerprintDiffers"; readonly expected: string; readonly actual: string }
  | {
      readonly kind: "nameMismatch";
      readonly missing: readonly string[];
      readonly covered: readonly string[];
    }
  | { readonly kind: "expired"; readonly at: string }
  | { readonly kind: "expiresSoon"; readonly at: string }
  | { readonly kind: "notYetValid"; readonly from: string }
  | {
      readonly kind: "tlsVersion";
      readonly version: string;
      readonly problem: "accepted" | "refused";
    }
  | { readonly kind: "wrongAddress"; readonly advertised: string; readonly expected: string }
  | { readonly kind: "portOutsideRange"; readonly port: number }
  /** A port that was never leased and answers with RST: the server's range is narrower. */
  | { readonly kind: "neverLeased"; readonly ports: readonly number[] }
  | { readonly kind: "openOutsideRange"; readonly ports: readonly number[] }
  | { readonly kind: "clearAccepted"; readonly channel: "control" | "data" }
  | { readonly kind: "privateAccepted" }
  | { readonly kind: "contentDiffers"; readonly sentBytes: number; readonly receivedBytes: number }
  | { readonly kind: "missingFromListing"; readonly name: string }
  | { readonly kind: "stillListed"; readonly name: string }
  | {
      readonly kind: "idleLost";
      readonly how: "reset" | "closed" | "stalled";
      readonly idleSeconds: number;
    }
  | { readonly kind: "closedByServer"; readonly idleSeconds: number; readonly text: string }
  | { readonly kind: "layerLacks"; readonly layer: string; readonly ranges: readonly string[] }
  | { readonly kind: "layerExceeds"; readonly layer: string; readonly ranges: readonly string[] };

/** Something did not go as it should. Thrown by the client, turned into an outcome by the runner. */
export class ProbeFault extends Error {
  override readonly name = "ProbeFault";
  readonly symptom: Symptom;

  constructor(symptom: Symptom) {
    super(describeSymptom(symptom));
    this.symptom = symptom;
  }
}

const PURPOSES = {
  control: "control port",
  implicit: "implicit TLS port",
  bound: "port of a binding",
  passive: "passive port",
} as const satisfies Record<PortRole, string>;

/** One line, without a final full stop. */
export function describeSymptom(symptom: Symptom): string {
  switch (symptom.kind) {
    case "nameUnknown":
      return `${symptom.host} has no IPv4 address in the DNS`;
    case "noAnswer":
      return `${PURPOSES[symptom.role]} ${String(symptom.port)} does not answer (packets are dropped)`;
    case "refused":
      return `${PURPOSES[symptom.role]} ${String(symptom.port)} refuses connections (a host answers, nothing listens)`;
    case "unreachable":
      return `${PURPOSES[symptom.role]} ${String(symptom.port)} is unreachable (${symptom.code})`;
    case "stalled":
      return `no answer in time while waiting for ${symptom.waitingFor}`;
    case "lost":
      return `the connection was ${symptom.how} while waiting for ${symptom.waitingFor}`;
    case "malformedReply":
      return `not a reply of an FTP server: ${quote(symptom.text)}`;
    case "unexpectedReply":
      return `${symptom.command} was answered with ${String(symptom.code)} ${quote(symptom.text)}`;
    case "handshakeFailed":
      return `TLS handshake on the ${symptom.channel} connection failed (${symptom.code})`;
    case "untrusted":
      return `the certificate is not trusted: ${symptom.reason}`;
    case "fingerprintDiffers":
      return `the certificate's fingerprint is ${symptom.actual}, expected ${symptom.expected}`;
    case "nameMismatch":
      return `the certificate does not cover ${symptom.missing.join(", ")}; it covers ${symptom.covered.join(", ") || "no name"}`;
    case "expired":
      return `the certificate expired on ${symptom.at}`;
    case "expiresSoon":
      return `the certificate expires on ${symptom.at}`;
    case "notYetValid":
      return `the certificate is valid only from ${symptom.from}`;
    case "tlsVersion":
      return `${symptom.version} is ${symptom.problem}`;
    case "wrongAddress":
      return `the reply to PASV carries ${symptom.advertised}, expected ${symptom.expected}`;
    case "portOutsideRange":
      return `the server leased port ${String(symptom.port)}, outside the declared range`;
    case "neverLeased":
      return `never leased, and nothing listens there: ${symptom.ports.join(", ")}`;
    case "openOutsideRange":
      return `ports outside the declared range accept connections: ${symptom.ports.join(", ")}`;
    case "clearAccepted":
      return symptom.channel === "control"
        ? "USER is accepted without TLS, although the policy requires it"
        : "data in clear is accepted, although the policy requires TLS";
    case "privateAccepted":
      return "PROT P is accepted, although the policy denies TLS for data";
    case "contentDiffers":
      return `sent ${String(symptom.sentBytes)} bytes, got ${String(symptom.receivedBytes)} back${symptom.sentBytes === symptom.receivedBytes ? ", with other content" : ""}`;
    case "missingFromListing":
      return `${symptom.name} was uploaded, but the listing lacks it`;
    case "stillListed":
      return `${symptom.name} was deleted, but is still listed`;
    case "idleLost":
      return `after ${String(symptom.idleSeconds)} s of silence the control connection was ${symptom.how === "stalled" ? "dead (no answer)" : symptom.how}`;
    case "closedByServer":
      return `the server ended the session within ${String(symptom.idleSeconds)} s of silence: ${quote(symptom.text)}`;
    case "layerLacks":
      return `${symptom.layer} lacks ${symptom.ranges.join(", ")}`;
    case "layerExceeds":
      return `${symptom.layer} also lets ${symptom.ranges.join(", ")} through`;
  }
}

/** Server text may hold anything: shown without control characters, shortened. */
export function quote(text: string): string {
  const clean = text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, " ").trim();
  return JSON.stringify(clean.length > 120 ? `${clean.slice(0, 119)}…` : clean);
}

/** The `code` of an error of Node's network or TLS modules, or undefined. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}
