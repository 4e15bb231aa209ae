/** From closed kinds of failures to the causes that the log names. Pure. */
import { FAILURE_CAUSES, type FailureCause } from "./failure-causes.ts";
import type { ParsedCommand } from "../protocol/commands.ts";
import { reply, type Reply } from "../protocol/replies.ts";
import type { StorageError, StorageErrorKind } from "../storage/storage.ts";
import { DeniedError } from "./denied-error.ts";
import type { Explanation, TransferFailure } from "./outcomes.ts";
import type { SessionState } from "./state.ts";

const OF_STORAGE = {
  notFound: "notFound",
  notADirectory: "notADirectory",
  isADirectory: "isADirectory",
  notARegularFile: "notARegularFile",
  exists: "exists",
  notEmpty: "notEmpty",
  denied: "fileSystemDenied",
  noSpace: "noSpace",
  quotaExceeded: "quota",
  tooLarge: "tooLarge",
  invalidName: "name",
  busy: "busy",
  offsetBeyondEnd: "range",
  rangeMismatch: "range",
  unavailable: "storageUnavailable",
} as const satisfies Record<StorageErrorKind, FailureCause>;

/** What the log says of a command that storage refused. */
export function explain(error: StorageError): Required<Explanation> {
  const cause = error instanceof DeniedError ? error.denial : OF_STORAGE[error.kind];
  return { reason: error.reason ?? FAILURE_CAUSES[cause].meaning, cause };
}

const OF_TRANSFER = {
  noConnection: "dataTimeout",
  tlsFailed: "tlsFailed",
  sessionNotReused: "sessionNotReused",
  aborted: "aborted",
  connectionLost: "dataLost",
  timedOut: "dataTimeout",
  damaged: "damagedData",
  internal: "dataFailed",
} as const satisfies Record<Exclude<TransferFailure["kind"], "storage">, FailureCause>;

export function causeOfTransfer(failure: TransferFailure): FailureCause {
  return failure.kind === "storage" ? OF_STORAGE[failure.error] : OF_TRANSFER[failure.kind];
}

/** What policy stands behind a reply that named no cause itself, by its code and the command. */
export function causeOfReply(
  { verb, argument }: ParsedCommand,
  { protection }: Pick<SessionState, "protection">,
  { code }: Reply,
): FailureCause | undefined {
  switch (code) {
    case reply.policyDenied("").code: {
      if (verb === "PROT") return /^P/iu.test(argument ?? "") ? "dataTlsDenied" : "dataTlsRequired";
      return verb === "USER" || verb === "PASS" ? "credentialTlsRequired" : "controlTlsRequired";
    }
    case reply.protectionMismatch("").code:
      return protection.level === "clear" ? "dataTlsRequired" : "dataTlsDenied";
    case reply.securityUnavailable("").code:
      return "noCertificate";
    case reply.noSpace("").code:
      return "noSpace";
  }
  return undefined;
}
