/**
 * How many bytes an upload may still write: the size limits of site and account, and what is left
 * of the account's storage. Reaching it is reply 552 (RFC 959, 4.2.2: exceeded storage allocation).
 */

/** `SiteLimits` and `AccountLimits` fit. */
export interface UploadLimits {
  readonly uploadBytes?: number | undefined;
  readonly storageBytes?: number | undefined;
}

export interface UploadPlace {
  /** Bytes that the account's home holds now. */
  readonly usedBytes: number;
  /** Size of the file that the upload replaces or continues; 0 for a new one. */
  readonly existingBytes: number;
  /** Where the first byte lands: 0, the restart offset, or the end of a file appended to. */
  readonly startOffset: number;
}

export type UploadAllowance =
  | { readonly kind: "unlimited" }
  | {
      readonly kind: "limited";
      /** Bytes that this upload may write; 0 refuses it at once. */
      readonly bytes: number;
      readonly by: "site uploadBytes" | "account uploadBytes" | "account storageBytes";
    };

/** The tightest of the limits. */
export function planUploadAllowance(
  site: UploadLimits,
  account: UploadLimits,
  { usedBytes, existingBytes, startOffset }: UploadPlace,
): UploadAllowance {
  const ofFile = (limit: number | undefined): number => (limit ?? Infinity) - startOffset;
  // Bytes of the existing file count as used already: those that are written over cost nothing.
  const ofStorage = (account.storageBytes ?? Infinity) - usedBytes + existingBytes - startOffset;
  const candidates = [
    { bytes: ofFile(site.uploadBytes), by: "site uploadBytes" },
    { bytes: ofFile(account.uploadBytes), by: "account uploadBytes" },
    { bytes: ofStorage, by: "account storageBytes" },
  ] as const;
  const tightest = candidates.reduce((a, b) => (b.bytes < a.bytes ? b : a));
  return tightest.bytes === Infinity
    ? { kind: "unlimited" }
    : { kind: "limited", by: tightest.by, bytes: Math.max(0, tightest.bytes) };
}
