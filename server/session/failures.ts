/** From closed kinds of failures to replies: the only place that knows both. */
import { reply, type Reply } from "../protocol/replies.ts";
import type { StorageErrorKind } from "../storage/storage.ts";
import type { TransferFailure, TransferResult } from "./outcomes.ts";

const STORAGE_REPLIES = {
  notFound: reply.fileUnavailable("No such file or folder."),
  notADirectory: reply.fileUnavailable("Not a folder."),
  isADirectory: reply.fileUnavailable("Is a folder."),
  notARegularFile: reply.fileUnavailable("Not a regular file."),
  exists: reply.fileUnavailable("Exists already."),
  notEmpty: reply.fileUnavailable("The folder is not empty."),
  denied: reply.fileUnavailable("Permission denied."),
  noSpace: reply.noSpace("No space left."),
  quotaExceeded: reply.quotaExceeded("The storage that the account may use is full."),
  tooLarge: reply.quotaExceeded("The file is larger than uploads may be."),
  invalidName: reply.nameNotAllowed("Name not allowed."),
  busy: reply.fileBusy("The file is in use."),
  offsetBeyondEnd: reply.invalidRestart("The restart offset lies beyond the end of the file."),
  rangeMismatch: reply.invalidRestart("What was sent is not exactly the range that RANG gave."),
  unavailable: reply.localError("The storage fails; try again later."),
} as const satisfies Record<StorageErrorKind, Reply>;

/** The reply to a command that storage refused. */
export function storageReply(kind: StorageErrorKind): Reply {
  return STORAGE_REPLIES[kind];
}

const TRANSFER_REPLIES = {
  noConnection: reply.noDataConnection("No data connection was made in time."),
  tlsFailed: reply.dataTlsFailed("TLS failed on the data connection."),
  sessionNotReused: reply.dataTlsFailed(
    "Data connections have to resume the TLS session of the control connection.",
  ),
  aborted: reply.transferAborted("Transfer aborted."),
  connectionLost: reply.transferAborted("The data connection broke; transfer aborted."),
  damaged: reply.localError("The compressed data is damaged or cut off; transfer aborted."),
  internal: reply.localError("Internal error; transfer aborted."),
  timedOut: reply.transferAborted("The data connection was idle for too long; transfer aborted."),
} as const satisfies Record<Exclude<TransferFailure["kind"], "storage">, Reply>;

/** The reply to a transfer that began (150) and failed. */
function transferFailureReply(failure: TransferFailure): Reply {
  if (failure.kind !== "storage") return TRANSFER_REPLIES[failure.kind];
  const known = STORAGE_REPLIES[failure.error];
  // A file that vanished or went bad while it was read is a local error of this transfer.
  return known.code === reply.fileUnavailable("").code
    ? reply.localError("Reading or writing failed; transfer aborted.")
    : known;
}

/** The last reply of a transfer. */
export function transferReply(result: TransferResult): Reply {
  return result.kind === "failed"
    ? transferFailureReply(result.failure)
    : reply.transferComplete("Transfer complete.");
}
