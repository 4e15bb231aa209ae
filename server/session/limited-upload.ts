/** An upload held to the size that site and account allow, and to what is left of the quota. */
import {
  planUploadAllowance,
  type UploadAllowance,
  type UploadLimits,
} from "../access/upload-allowance.ts";
import { StorageError, type StorageUsage, type WriteHandle } from "../storage/storage.ts";

export interface UploadBounds {
  readonly site: UploadLimits & { readonly name: string };
  readonly account: UploadLimits & { readonly name: string };
  /** What counts against the account's quota; undefined where nothing does. */
  readonly usage: StorageUsage | undefined;
}

type Limited = Extract<UploadAllowance, { readonly kind: "limited" }>;

/**
 * Counts what is written to the file, whatever came over the wire for it (MODE Z, type A). The chunk
 * that would exceed a limit fails the upload, and what an appending or resuming upload has written
 * by then is taken back: it could never become whole.
 */
export class LimitedUpload implements WriteHandle {
  readonly name: string;
  readonly startOffset: number;
  readonly fileDescriptor: number | undefined;
  readonly #target: WriteHandle;
  readonly #bounds: UploadBounds;
  readonly #existingBytes: number;
  #writtenBytes = 0;
  /** Of the quota, for this upload. */
  #reservedBytes = 0;
  #exceeded = false;

  /**
   * @param target passes to the upload.
   * @param existingBytes size of the file that the upload replaces or changes.
   */
  private constructor(target: WriteHandle, bounds: UploadBounds, existingBytes: number) {
    this.name = target.name;
    this.startOffset = target.startOffset;
    this.fileDescriptor = target.fileDescriptor;
    this.#target = target;
    this.#bounds = bounds;
    this.#existingBytes = existingBytes;
  }

  /** @throws StorageError `quotaExceeded`, `tooLarge` when not one byte may be written */
  static async open(
    target: WriteHandle,
    bounds: UploadBounds,
    existingBytes: number,
  ): Promise<LimitedUpload> {
    const upload = new LimitedUpload(target, bounds, existingBytes);
    const allowance = upload.#allowance();
    if (allowance.kind === "unlimited" || allowance.bytes > 0) return upload;
    await target[Symbol.asyncDispose]();
    throw upload.#refusal(allowance);
  }

  reserve(bytes: number): void {
    this.#count(bytes);
    this.#target.reserve?.(bytes);
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#count(chunk.length);
    await this.#target.write(chunk);
  }

  commit(): Promise<string> {
    return this.#target.commit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#exceeded) await this.#target.rollBack?.();
    } finally {
      await this.#target[Symbol.asyncDispose]();
      // By now the file itself is counted, or gone.
      this.#bounds.usage?.reserve(-this.#reservedBytes);
      this.#reservedBytes = 0;
    }
  }

  #allowance(): UploadAllowance {
    const { site, account, usage } = this.#bounds;
    return planUploadAllowance(site, usage === undefined ? withoutQuota(account) : account, {
      usedBytes: (usage?.usedBytes ?? 0) - this.#reservedBytes,
      existingBytes: this.#existingBytes,
      startOffset: this.startOffset,
    });
  }

  #count(bytes: number): void {
    const allowance = this.#allowance();
    this.#writtenBytes += bytes;
    if (allowance.kind === "limited" && this.#writtenBytes > allowance.bytes) {
      this.#exceeded = true;
      throw this.#refusal(allowance);
    }
    // Bytes of the file that are written over are in its home's count already.
    const growth = this.startOffset + this.#writtenBytes - this.#existingBytes;
    const more = Math.max(0, growth) - this.#reservedBytes;
    this.#bounds.usage?.reserve(more);
    this.#reservedBytes += more;
  }

  #refusal({ by }: Limited): StorageError {
    const { site, account, usage } = this.#bounds;
    switch (by) {
      case "site uploadBytes":
        return tooLarge(`limits.uploadBytes of site ${site.name}`, site.uploadBytes);
      case "account uploadBytes":
        return tooLarge(`limits.uploadBytes of account ${account.name}`, account.uploadBytes);
      case "account storageBytes": {
        const limit = `limits.storageBytes of account ${account.name}`;
        const used = (usage?.usedBytes ?? 0) - this.#reservedBytes;
        const reason = `${limit} is ${String(account.storageBytes)}, and its home holds ${String(used)} bytes`;
        return new StorageError("quotaExceeded", { reason });
      }
    }
  }
}

function tooLarge(limit: string, bytes: number | undefined): StorageError {
  return new StorageError("tooLarge", { reason: `${limit} is ${String(bytes)}` });
}

function withoutQuota({ uploadBytes }: UploadLimits): UploadLimits {
  return { uploadBytes };
}
