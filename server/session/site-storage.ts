/**
 * A site as one account sees it: its home is `/`, virtual directories appear in it, and every
 * operation passes the request filter, the address restrictions and the authorization rules before
 * it reaches the disk. The one place where a right is enforced; commands cannot go around it.
 */
import type { Right } from "#contract";
import { formatDecision } from "../access/explanation.ts";
import type { Authorization, Principal as Subject } from "../access/authorization.ts";
import { formatIpDecision, type ClientRestrictions } from "../access/ip-restrictions.ts";
import type { MappedPath, PathMapping } from "../access/path-mapping.ts";
import type { RequestedKind, RequestFilter } from "../access/request-filter.ts";
import {
  StorageError,
  type Entry,
  type ReadHandle,
  type Storage,
  type WriteHandle,
  type WriteMode,
} from "../storage/storage.ts";

/** What decides about one account on one site. */
export interface SiteRules {
  readonly mapping: PathMapping;
  readonly authorization: Authorization;
  readonly filter: RequestFilter;
  readonly clients: ClientRestrictions;
  readonly subject: Subject;
  readonly peerAddress: string;
  /** The storage of the site's root or of a virtual directory's folder. */
  readonly storageOf: (folder: string) => Storage;
}

/** A client's path that passed the rules. */
interface Place {
  readonly mapped: MappedPath;
  readonly storage: Storage;
}

export class SiteStorage implements Storage {
  readonly #rules: SiteRules;

  constructor(rules: SiteRules) {
    this.#rules = rules;
  }

  /** What the account may do at `path`, for the fact `perm`. */
  rightsAt(path: string): ReadonlySet<Right> {
    const { mapping, authorization, subject } = this.#rules;
    return authorization.rightsAt(subject, mapping.map(path).sitePath);
  }

  async entry(path: string): Promise<Entry> {
    const place = this.#place(path, "unknown");
    this.#requireAny(place.mapped);
    const entry = await place.storage.entry(place.mapped.storagePath);
    if (entry.kind === "file") this.#filter(path, "file");
    return place.mapped.isMountPoint ? { ...entry, name: nameIn(path) } : entry;
  }

  async *list(path: string): AsyncGenerator<readonly Entry[]> {
    const { mapping, filter } = this.#rules;
    const { mapped, storage } = this.#place(path, "directory");
    this.#require("list", mapped);
    const { added, covered } = mapping.overlay(path);
    for await (const batch of storage.list(mapped.storagePath)) {
      const shown = batch.filter(({ name }) => !covered.has(name) && !filter.hides(name));
      if (shown.length > 0) yield shown;
    }
    const mounts = await Promise.all(
      added.map(({ name, clientPath }) => this.#mountEntry(name, clientPath)),
    );
    const visible = mounts.filter((entry) => entry !== undefined && !filter.hides(entry.name));
    if (visible.length > 0) yield visible.filter((entry) => entry !== undefined);
  }

  async openRead(path: string): Promise<ReadHandle> {
    const { mapped, storage } = this.#place(path, "file");
    this.#require("read", mapped);
    return storage.openRead(mapped.storagePath);
  }

  async openWrite(path: string, mode: WriteMode): Promise<WriteHandle> {
    const { mapped, storage } = this.#place(path, "file");
    const existing =
      mode.kind === "unique" ? undefined : await findEntry(storage, mapped.storagePath);
    const needed = rightToWrite(existing, mode);
    // Who may overwrite may append as well; the rule that denies appending is named all the same.
    if (needed !== "append" || !this.#allows("overwrite", mapped)) this.#require(needed, mapped);
    return storage.openWrite(mapped.storagePath, mode);
  }

  async makeDirectory(path: string): Promise<void> {
    const { mapped, storage } = this.#place(path, "directory");
    this.#require("makeDirectory", mapped);
    await storage.makeDirectory(mapped.storagePath);
  }

  async removeDirectory(path: string): Promise<void> {
    const { mapped, storage } = this.#place(path, "directory");
    this.#require("delete", mapped);
    refuseMountPoint(mapped);
    await storage.removeDirectory(mapped.storagePath);
  }

  async removeFile(path: string): Promise<void> {
    const { mapped, storage } = this.#place(path, "file");
    this.#require("delete", mapped);
    await storage.removeFile(mapped.storagePath);
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#place(from, "unknown");
    const target = this.#place(to, "unknown");
    for (const { mapped } of [source, target]) {
      this.#require("rename", mapped);
      refuseMountPoint(mapped);
    }
    if (source.mapped.folder !== target.mapped.folder) {
      throw new StorageError("denied", { reason: "rename from one virtual directory to another" });
    }
    const moved = await source.storage.entry(source.mapped.storagePath);
    // A name must not change into one that the filter would have refused, nor out of it.
    if (moved.kind === "file") {
      this.#filter(from, "file");
      this.#filter(to, "file");
    }
    const replaced = await findEntry(target.storage, target.mapped.storagePath);
    if (replaced !== undefined && from !== to) this.#require("overwrite", target.mapped);
    await source.storage.rename(source.mapped.storagePath, target.mapped.storagePath);
  }

  async setModified(path: string, modifiedMs: number): Promise<void> {
    const { mapped, storage } = this.#place(path, "unknown");
    this.#require("overwrite", mapped);
    await storage.setModified(mapped.storagePath, modifiedMs);
  }

  async setMode(path: string, mode: number): Promise<void> {
    const { mapped, storage } = this.#place(path, "unknown");
    this.#require("overwrite", mapped);
    await storage.setMode(mapped.storagePath, mode);
  }

  async freeBytes(path: string): Promise<number | undefined> {
    const { mapped, storage } = this.#place(path, "unknown");
    this.#requireAny(mapped);
    return storage.freeBytes(mapped.storagePath);
  }

  /** A virtual directory's entry; undefined when its folder is missing. */
  async #mountEntry(name: string, clientPath: string): Promise<Entry | undefined> {
    const { mapped, storage } = this.#place(clientPath, "directory");
    const entry = await findEntry(storage, mapped.storagePath);
    return entry === undefined ? undefined : { ...entry, name };
  }

  #place(path: string, kind: RequestedKind): Place {
    const { mapping, storageOf, clients, peerAddress } = this.#rules;
    this.#filter(path, kind);
    const mapped = mapping.map(path);
    const decision = clients.decide(mapped.sitePath);
    if (!decision.allowed) {
      throw new StorageError("denied", { reason: formatIpDecision(decision, peerAddress) });
    }
    return { mapped, storage: storageOf(mapped.folder) };
  }

  #filter(path: string, kind: RequestedKind): void {
    const refusal = this.#rules.filter.checkPath(path, kind);
    if (refusal === undefined) return;
    // What is hidden is not there.
    const error = refusal.kind === "hiddenSegment" ? "notFound" : "denied";
    throw new StorageError(error, { reason: refusal.text });
  }

  #allows(right: Right, { sitePath }: MappedPath): boolean {
    const { authorization, subject } = this.#rules;
    return authorization.decide(subject, right, sitePath).allowed;
  }

  #require(right: Right, { sitePath }: MappedPath): void {
    const { authorization, subject } = this.#rules;
    const decision = authorization.decide(subject, right, sitePath);
    if (decision.allowed) return;
    const reason = formatDecision(decision, subject, right, sitePath);
    throw new StorageError("denied", { reason });
  }

  /** Whoever may do nothing at a path learns nothing of what is there. */
  #requireAny(mapped: MappedPath): void {
    const { authorization, subject } = this.#rules;
    if (authorization.rightsAt(subject, mapped.sitePath).size === 0) this.#require("list", mapped);
  }
}

/** Which right an upload needs, by what it meets. */
function rightToWrite(existing: Entry | undefined, mode: WriteMode): Right {
  if (mode.kind === "unique" || existing === undefined) return "create";
  if (mode.kind === "append") return "append";
  return mode.kind === "resume" && mode.offset === existing.sizeBytes ? "append" : "overwrite";
}

async function findEntry(storage: Storage, path: string): Promise<Entry | undefined> {
  try {
    return await storage.entry(path);
  } catch (error) {
    if (error instanceof StorageError && error.kind === "notFound") return undefined;
    throw error;
  }
}

function refuseMountPoint(mapped: MappedPath): void {
  if (mapped.isMountPoint) {
    throw new StorageError("denied", {
      reason: `${mapped.sitePath} is a root or virtual directory`,
    });
  }
}

function nameIn(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
