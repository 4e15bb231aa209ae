/** The limits of one account's uploads on one site, and what is left of them. */
import type { UploadLimits } from "../access/upload-allowance.ts";
import { StorageError, type StorageAdapter, type StorageUsage } from "../storage/storage.ts";
import type { UploadBounds } from "./limited-upload.ts";

/** Of uploads. The account's quota is about its home, not about virtual directories. */
export interface OwnedUploadLimits {
  readonly site: UploadLimits & { readonly name: string };
  readonly account: UploadLimits & { readonly name: string };
}

/** What an account may store, and how much of it is taken. */
export interface Quota {
  readonly usedBytes: number;
  readonly storageBytes: number;
}

export class UploadRules {
  readonly #limits: OwnedUploadLimits;
  readonly #home: () => StorageAdapter;

  constructor(limits: OwnedUploadLimits, home: () => StorageAdapter) {
    this.#limits = limits;
    this.#home = home;
  }

  /** Largest file, by the tighter of the two limits; undefined: any size. */
  get largestBytes(): number | undefined {
    const { site, account } = this.#limits;
    const largest = Math.min(site.uploadBytes ?? Infinity, account.uploadBytes ?? Infinity);
    return largest === Infinity ? undefined : largest;
  }

  /** Undefined for an account without a quota. @throws StorageError when the home is missing */
  async quota(): Promise<Quota | undefined> {
    const { storageBytes } = this.#limits.account;
    if (storageBytes === undefined) return undefined;
    const { usedBytes } = await this.#usage();
    return { usedBytes, storageBytes };
  }

  /** What holds an upload; undefined when nothing does. @param inHome whether it counts for the quota */
  async bounds(inHome: boolean): Promise<UploadBounds | undefined> {
    const counts = inHome && this.#limits.account.storageBytes !== undefined;
    if (!counts && this.largestBytes === undefined) return undefined;
    return { ...this.#limits, usage: counts ? await this.#usage() : undefined };
  }

  /**
   * Refuses a size that no upload could ever have, whatever it replaces.
   *
   * @throws StorageError `tooLarge`, `quotaExceeded`
   */
  requireFitting(bytes: number): void {
    const { site, account } = this.#limits;
    for (const { name, limit, kind } of [
      { name: `uploadBytes of site ${site.name}`, limit: site.uploadBytes, kind: "tooLarge" },
      {
        name: `uploadBytes of account ${account.name}`,
        limit: account.uploadBytes,
        kind: "tooLarge",
      },
      {
        name: `storageBytes of account ${account.name}`,
        limit: account.storageBytes,
        kind: "quotaExceeded",
      },
    ] as const) {
      if (limit === undefined || bytes <= limit) continue;
      const reason = `limits.${name} is ${String(limit)}, and ${String(bytes)} bytes were announced`;
      throw new StorageError(kind, { reason });
    }
  }

  async #usage(): Promise<StorageUsage> {
    const usage = await this.#home().usage();
    await usage.ready();
    return usage;
  }
}
