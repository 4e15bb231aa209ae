/**
 * The storage interface: what the server needs of a place that keeps files. The local disk is the
 * first adapter; every adapter passes the suite in `test/conformance/storage.ts`.
 *
 * Paths are virtual: absolute, normalised by `protocol/paths.ts`, `/`-separated, never with `..`.
 * An adapter maps them below its root and never leaves it, symbolic links included.
 */

/** Why a storage operation failed; closed, mapped to replies in one place. */
export type StorageErrorKind =
  | "notFound"
  | "notADirectory"
  | "isADirectory"
  | "notARegularFile"
  | "exists"
  | "notEmpty"
  | "denied"
  | "noSpace"
  | "quotaExceeded"
  /** Larger than any file may be. */
  | "tooLarge"
  | "invalidName"
  | "busy"
  | "offsetBeyondEnd"
  /** Not as many bytes as the range that was announced. */
  | "rangeMismatch"
  /** The storage itself fails: an I/O error, a server that is gone, no descriptors left. */
  | "unavailable";

/** Thrown by adapters for expected failures. Anything else that they throw is a bug. */
export class StorageError extends Error {
  readonly kind: StorageErrorKind;
  /** For the log: the rule or the limit that decided. */
  readonly reason: string | undefined;

  constructor(kind: StorageErrorKind, options?: ErrorOptions & { readonly reason?: string }) {
    super(kind, options);
    this.name = "StorageError";
    this.kind = kind;
    this.reason = options?.reason;
  }
}

/** What is known of one entry. */
export interface Entry {
  /** Name in its folder; of the root `""`. Never holds `/`, NUL, CR or LF. */
  readonly name: string;
  readonly kind: "file" | "directory" | "other";
  readonly sizeBytes: number;
  /** Milliseconds since the epoch, UTC. */
  readonly modifiedMs: number;
  /** POSIX permission bits, `0o644`. */
  readonly mode: number;
  /** Stable identity while the entry exists, for the MLSD fact `unique`. */
  readonly unique: string;
}

/** An open file being read. `await using` closes it. */
export interface ReadHandle extends AsyncDisposable {
  readonly sizeBytes: number;
  /** The descriptor of a local regular file, for the fast data paths; undefined elsewhere. */
  readonly fileDescriptor: number | undefined;
  /** There is no disk to wait for. */
  readonly isInMemory?: boolean;
  /** Reads up to `buffer.length` bytes at `position`; 0 at the end. */
  read(buffer: Uint8Array, position: number): Promise<number>;
}

/**
 * An open upload. The previous file stays untouched until `commit`; an upload that appends or
 * resumes changes it from its first byte on. Disposing without `commit` abandons the upload: a
 * replacing one leaves no trace (but see `WriteMode`), an appending or resuming one what it has
 * written, and nothing when no byte came.
 */
export interface WriteHandle extends AsyncDisposable {
  /** Name that the file has or gets; known at once, so that STOU can announce it. */
  readonly name: string;
  /** The descriptor of the local file that receives the bytes; undefined elsewhere. */
  readonly fileDescriptor: number | undefined;
  /** Where the first byte written lands: the restart offset, or the size of a file appended to. */
  readonly startOffset: number;
  /** Appends; the caller may reuse `chunk` once the promise has settled. */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Whoever writes to `fileDescriptor` calls this before each chunk, with its bytes: nothing of the
   * file changes before the first call, and a limit that the chunk would exceed shows here. `write`
   * does the same by itself.
   *
   * @throws StorageError `quotaExceeded`, `tooLarge`, or what keeps the file from being changed
   */
  reserve?(bytes: number): void;
  /** Takes back what has been written, however it is to end; then only dispose may follow. */
  rollBack?(): Promise<void>;
  /** Makes the upload durable and visible under its name. Resolves with the entry's final name. */
  commit(): Promise<string>;
}

/** How an upload meets what is already there. */
export type WriteMode =
  | {
      readonly kind: "replace";
      /** Of a new file: what has been written stays under its name when the upload is abandoned. */
      readonly keepsPartial?: boolean;
      /** A new file has its name from the first byte on. */
      readonly showsPartial?: boolean;
    }
  | { readonly kind: "append" }
  /**
   * Overwrites from `offset` on; the offset must not lie beyond the end. What lies behind it belongs
   * to the attempt that is repeated (REST + STOR) and goes, unless the rest is to stay (RANG + STOR).
   */
  | { readonly kind: "resume"; readonly offset: number; readonly keepsRest?: boolean }
  /** Takes a name that is free, beginning with the given one (STOU). */
  | { readonly kind: "unique" };

export interface Storage {
  /** @throws StorageError */
  entry(path: string): Promise<Entry>;
  /**
   * Entries of a folder in batches, without `.` and `..`, with bounded memory however large the
   * folder is. Names that hold CR, LF or NUL are left out: they would forge lines of a listing.
   */
  list(path: string): AsyncIterable<readonly Entry[]>;
  openRead(path: string): Promise<ReadHandle>;
  openWrite(path: string, mode: WriteMode): Promise<WriteHandle>;
  makeDirectory(path: string): Promise<void>;
  removeDirectory(path: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  /** Replaces an existing file; refuses to replace a folder. */
  rename(from: string, to: string): Promise<void>;
  setModified(path: string, modifiedMs: number): Promise<void>;
  setMode(path: string, mode: number): Promise<void>;
  /** Bytes that can still be stored below `path`; undefined when unknown. */
  freeBytes(path: string): Promise<number | undefined>;
}

/** How much of a folder's quota is taken. */
export interface StorageUsage {
  /** Resolves once the folder has been counted, and keeps the figure fresh. */
  ready(): Promise<void>;
  /** Bytes of all files below the folder, and of what uploads under way have reserved. */
  readonly usedBytes: number;
  /** For an upload under way; a negative number gives back. */
  reserve(bytes: number): void;
}

/** What an adapter offers beyond the operations that clients ask for. */
export interface StorageAdapter extends Storage {
  /**
   * The same storage with the folder at `path` as its `/`: nothing, symbolic links included, leads
   * out of it. The folder need not exist yet.
   */
  within(path: string): StorageAdapter;
  /** The entry at `path`, without the cost of an error when there is none. */
  find(path: string): Promise<Entry | undefined>;
  /** What lies below `/`. */
  usage(): Promise<StorageUsage>;
}
