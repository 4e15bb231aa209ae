/** What a command returns. The session alone turns it into replies on the wire. */
import type { FailureCause } from "./failure-causes.ts";
import type { Reply } from "../protocol/replies.ts";
import type { ReadHandle, StorageErrorKind, WriteHandle } from "../storage/storage.ts";
import type { StateChange } from "./state.ts";

/** What moves over a data connection. The session disposes the handles. */
export type TransferPlan = {
  /** Text of the reply 150. */
  readonly opening: string;
  /** Virtual path, for STAT and logs. */
  readonly path: string;
} & (
  | {
      readonly direction: "send";
      readonly source: ReadHandle;
      readonly offset: number;
      /** Byte of the file before which to stop; absent: its end. */
      readonly end?: number;
      readonly ascii: boolean;
    }
  | {
      readonly direction: "receive";
      readonly target: WriteHandle;
      readonly ascii: boolean;
    }
  | {
      readonly direction: "list";
      readonly chunks: AsyncIterable<Uint8Array> & AsyncDisposable;
    }
);

/** For the log only: what lies behind a refusal. */
export interface Explanation {
  /** In words; names the rule or the setting. */
  readonly reason?: string | undefined;
  readonly cause?: FailureCause | undefined;
}

export type Outcome =
  | ({
      readonly kind: "reply";
      readonly reply: Reply;
      readonly next?: StateChange;
    } & Explanation)
  /** Reply 150, data connection, transfer, then the reply to its result. */
  | { readonly kind: "transfer"; readonly plan: TransferPlan }
  /** A multi-line reply that is produced while it is sent. */
  | {
      readonly kind: "streamedReply";
      readonly code: number;
      readonly first: string;
      /** As many at a time as are known. */
      readonly lines: AsyncIterable<readonly string[]>;
      readonly last: string;
    }
  /** A result that may take long: interim lines say that it goes on, and ABOR ends it. */
  | Calculation
  /** Reply, then the TLS handshake on the control connection. */
  | { readonly kind: "secure"; readonly reply: Reply; readonly next: StateChange }
  /** Reply, then the end of TLS on the control connection. */
  | { readonly kind: "clear"; readonly reply: Reply; readonly next: StateChange }
  /** Reply, then close. */
  | ({ readonly kind: "close"; readonly reply: Reply } & Explanation);

/** Work whose result is one reply. */
export interface Calculation {
  readonly kind: "calculation";
  /** Of the reply with the result, and so of the interim lines before it. */
  readonly code: number;
  /** First of the interim lines. */
  readonly title: string;
  /** How far it has come, for the others. */
  readonly progress: () => string;
  /** @throws StorageError; the signal's reason */
  readonly run: (signal: AbortSignal) => Promise<Reply>;
}

/** Outcomes that begin or end TLS. */
export type Reprotection = Extract<Outcome, { kind: "secure" | "clear" }>;

/** How a transfer ended. */
export type TransferResult =
  | { readonly kind: "complete"; readonly bytes: number }
  | { readonly kind: "failed"; readonly failure: TransferFailure; readonly bytes: number };

export type TransferFailure =
  | { readonly kind: "noConnection" }
  | { readonly kind: "tlsFailed" }
  /** The data connection had to resume the control connection's TLS session and did not. */
  | { readonly kind: "sessionNotReused" }
  | { readonly kind: "aborted" }
  | { readonly kind: "connectionLost" }
  | { readonly kind: "timedOut" }
  | { readonly kind: "damaged" }
  /** A fault of the server; the structured log has it. */
  | { readonly kind: "internal" }
  | {
      readonly kind: "storage";
      readonly error: StorageErrorKind;
      /** For the log: the rule or the limit that decided. */
      readonly reason?: string | undefined;
    };

/** A running transfer as STAT reports it. */
export interface TransferStatus {
  readonly direction: TransferPlan["direction"];
  readonly path: string;
  readonly bytes: number;
}
