/** From the operating system's errors to the closed kinds of storage. */
import { StorageError, type StorageErrorKind } from "./storage.ts";

const KINDS: Readonly<Record<string, StorageErrorKind>> = {
  ENOENT: "notFound",
  ENOTDIR: "notADirectory",
  EISDIR: "isADirectory",
  ENXIO: "notARegularFile",
  ENODEV: "notARegularFile",
  EEXIST: "exists",
  ENOTEMPTY: "notEmpty",
  EACCES: "denied",
  EPERM: "denied",
  EROFS: "denied",
  // A symbolic link where none may be followed, or too many of them.
  ELOOP: "denied",
  EXDEV: "denied",
  ENOSPC: "noSpace",
  EFBIG: "noSpace",
  EDQUOT: "quotaExceeded",
  ENAMETOOLONG: "invalidName",
  EINVAL: "invalidName",
  EILSEQ: "invalidName",
  EBUSY: "busy",
  ETXTBSY: "busy",
  EIO: "unavailable",
  ESTALE: "unavailable",
  ETIMEDOUT: "unavailable",
  EHOSTDOWN: "unavailable",
  ENOTCONN: "unavailable",
  EMFILE: "unavailable",
  ENFILE: "unavailable",
  ENOMEM: "unavailable",
};

/** The StorageError that an error of the file system means; anything else comes back as it is. */
export function toStorageError(error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const kind = typeof error.code === "string" ? KINDS[error.code] : undefined;
  return kind === undefined ? error : new StorageError(kind, { cause: error });
}

/** Awaits an operation of the file system; its errors become those of storage. */
export async function storing<T>(operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    throw toStorageError(error);
  }
}

/** The operating system's code of an error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

/** Runs several operations of the file system; their errors become those of storage. */
export function mapped<T>(operations: () => Promise<T>): Promise<T> {
  return storing(operations());
}
