/**
 * A site as one account sees it: its home is `/`, virtual directories appear in it, and every
 * operation passes the request filter, the address restrictions and the authorization rules before
 * it reaches the disk. The one place where a right is enforced; commands cannot go around it.
 */
import type { Right } from "#contract";
import { describeGain, type PathRules } from "../access/moved-rights.ts";
import { formatDecision } from "../access/explanation.ts";
import { formatIpDecision } from "../access/ip-restrictions.ts";
import type { MappedPath, PathMapping } from "../access/path-mapping.ts";
import type { RequestedKind, RequestFilter } from "../access/request-filter.ts";
import { LimitedUpload } from "./limited-upload.ts";
import { UploadRules, type OwnedUploadLimits } from "./upload-rules.ts";
import {
  StorageError,
  type Entry,
  type ReadHandle,
  type Storage,
  type StorageAdapter,
  type WriteHandle,
  type WriteMode,
} from "../storage/storage.ts";
import { joinPath, nameOf, parentOf, pathBelow } from "../protocol/paths.ts";
import { DeniedError } from "./denied-error.ts";

/** What decides about one account on one site. */
export interface SiteRules extends PathRules {
  readonly mapping: PathMapping;
  readonly filter: RequestFilter;
  readonly limits: OwnedUploadLimits;
  /** The storage of the site's root or of a virtual directory's folder. */
  readonly storageOf: (folder: string) => StorageAdapter;
}

/** A client's path that passed the rules. */
interface Place {
  readonly mapped: MappedPath;
  /** Nothing leads out of it, not even a symbolic link. */
  readonly storage: StorageAdapter;
  readonly path: string;
}

export class SiteStorage implements Storage {
  /** How large uploads may be, and what the quota leaves. */
  readonly uploads: UploadRules;
  readonly #rules: SiteRules;
  readonly #homeFolder: string;
  /** By folder and confinement, once there are some. */
  #confined: Map<string, StorageAdapter> | undefined;

  constructor(rules: SiteRules) {
    this.#rules = rules;
    const { limits, mapping } = rules;
    const { folder, storagePath: confinement } = mapping.map("/");
    this.uploads = new UploadRules(limits, () => this.#storageOf({ folder, confinement }));
    this.#homeFolder = folder;
  }

  /** What the account may do at `path`, for the fact `perm`. */
  rightsAt(path: string): ReadonlySet<Right> {
    const { mapping, authorization, subject } = this.#rules;
    return authorization.rightsAt(subject, mapping.map(path).sitePath);
  }

  /** The same for the entries of a folder, by their names. */
  rightsIn(folder: string): (name: string) => ReadonlySet<Right> {
    const { mapping, authorization, subject } = this.#rules;
    const { covered } = mapping.overlay(folder);
    const inFolder = authorization.rightsIn(subject, mapping.map(folder).sitePath);
    return (name) => (covered.has(name) ? this.rightsAt(joinPath(folder, name)) : inFolder(name));
  }

  async entry(path: string): Promise<Entry> {
    const place = await this.#placeOfEither(path);
    this.#requireAny(place.mapped);
    const entry = await place.storage.entry(place.path);
    return place.mapped.isMountPoint ? { ...entry, name: nameOf(path) } : entry;
  }

  async *list(path: string): AsyncGenerator<readonly Entry[]> {
    const { mapping, filter } = this.#rules;
    const { mapped, storage, path: inside } = this.#place(path, "directory");
    this.#require("list", mapped);
    const { added, covered } = mapping.overlay(path);
    for await (const batch of storage.list(inside)) {
      // Also when nothing is left of it: whoever waits for the first batch does not wait for more.
      yield batch.filter(({ name }) => !covered.has(name) && !filter.hides(name));
    }
    const mounts = await Promise.all(
      added.map(({ name, clientPath }) => this.#mountEntry(name, clientPath)),
    );
    const visible = mounts.filter((entry) => entry !== undefined && !filter.hides(entry.name));
    if (visible.length > 0) yield visible.filter((entry) => entry !== undefined);
  }

  async openRead(path: string): Promise<ReadHandle> {
    const { mapped, storage, path: inside } = this.#place(path, "file");
    this.#require("read", mapped);
    return storage.openRead(inside);
  }

  async openWrite(path: string, mode: WriteMode): Promise<WriteHandle> {
    const { mapped, storage, path: inside } = this.#place(path, "file");
    const existing = mode.kind === "unique" ? undefined : await findEntry(storage, inside);
    const needed = rightToWrite(existing, mode);
    // Who may overwrite may append as well; the rule that denies appending is named all the same.
    if (needed !== "append" || !this.#allows("overwrite", mapped)) this.#require(needed, mapped);
    const bounds = await this.uploads.bounds(this.#isInHome(mapped));
    const upload = await storage.openWrite(inside, mode);
    return bounds === undefined
      ? upload
      : LimitedUpload.open(upload, bounds, existing?.sizeBytes ?? 0);
  }

  async makeDirectory(path: string): Promise<void> {
    const { mapped, storage, path: inside } = this.#place(path, "directory");
    this.#require("makeDirectory", mapped);
    await storage.makeDirectory(inside);
  }

  async removeDirectory(path: string): Promise<void> {
    const { mapped, storage, path: inside } = this.#place(path, "directory");
    this.#require("delete", mapped);
    refuseMountPoint(mapped);
    await storage.removeDirectory(inside);
  }

  async removeFile(path: string): Promise<void> {
    const { mapped, storage, path: inside } = this.#place(path, "file");
    this.#require("delete", mapped);
    await storage.removeFile(inside);
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#place(from, "directory");
    const target = this.#place(to, "directory");
    for (const { mapped } of [source, target]) {
      this.#require("rename", mapped);
      refuseMountPoint(mapped);
    }
    if (source.storage !== target.storage) {
      throw new DeniedError("mountPoint", "rename from one virtual directory to another");
    }
    const moved = await source.storage.entry(source.path);
    // A name must not change into one that the filter would have refused, nor out of it.
    if (moved.kind !== "directory") {
      this.#filter(from, "file");
      this.#filter(to, "file");
    }
    this.#requireNoGain(moved.kind === "directory" ? "directory" : "file", source, target);
    const replaced = await findEntry(target.storage, target.path);
    if (replaced !== undefined && from !== to) this.#require("overwrite", target.mapped);
    await source.storage.rename(source.path, target.path);
  }

  async setModified(path: string, modifiedMs: number): Promise<void> {
    const { mapped, storage, path: inside } = await this.#placeOfEither(path);
    this.#require("overwrite", mapped);
    await storage.setModified(inside, modifiedMs);
  }

  async setMode(path: string, mode: number): Promise<void> {
    const { mapped, storage, path: inside } = await this.#placeOfEither(path);
    this.#require("overwrite", mapped);
    await storage.setMode(inside, mode);
  }

  async freeBytes(path: string): Promise<number | undefined> {
    const { mapped, storage, path: inside } = await this.#placeOfEither(path);
    this.#requireAny(mapped);
    const free = await storage.freeBytes(inside);
    const quota = this.#isInHome(mapped) ? await this.uploads.quota() : undefined;
    if (quota === undefined) return free;
    return Math.min(free ?? Infinity, Math.max(0, quota.storageBytes - quota.usedBytes));
  }

  /**
   * Refuses a size that no upload to `path` could have; what it replaces is not known yet.
   *
   * @throws StorageError `tooLarge`, `quotaExceeded`, `noSpace`
   */
  async requireRoom(path: string, bytes: number): Promise<void> {
    this.uploads.requireFitting(bytes);
    const { mapped, storage, path: inside } = await this.#placeOfEither(path);
    this.#requireAny(mapped);
    const free = await storage.freeBytes(inside);
    if (free !== undefined && bytes > free) throw new StorageError("noSpace");
  }

  /** In the home itself, not in a virtual directory that appears in it. */
  #isInHome(mapped: MappedPath): boolean {
    return mapped.folder === this.#homeFolder;
  }

  /** A virtual directory's entry; undefined when its folder is missing. */
  async #mountEntry(name: string, clientPath: string): Promise<Entry | undefined> {
    const { storage, path } = this.#place(clientPath, "directory");
    const entry = await findEntry(storage, path);
    return entry === undefined ? undefined : { ...entry, name };
  }

  #place(path: string, kind: RequestedKind): Place {
    this.#filter(path, kind);
    return this.#locate(path);
  }

  /** The place of a path that has passed the filter. */
  #locate(path: string): Place {
    const { mapping, clients, peerAddress } = this.#rules;
    const mapped = mapping.map(path);
    const decision = clients.decide(mapped.sitePath);
    if (!decision.allowed) {
      throw new DeniedError("ipRestriction", formatIpDecision(decision, peerAddress));
    }
    const { storagePath, confinement } = mapped;
    return { mapped, storage: this.#storageOf(mapped), path: pathBelow(confinement, storagePath) };
  }

  /** For what may be a file or a folder: only files are filtered by extension, and names of nothing. */
  async #placeOfEither(path: string): Promise<Place> {
    const refusal = this.#rules.filter.checkPath(path, "unknown");
    if (refusal === undefined) return this.#locate(path);
    const place = this.#place(path, "directory");
    const entry = await findEntry(place.storage, place.path);
    if (entry?.kind !== "directory") throw new DeniedError(refusal.kind, refusal.text);
    return place;
  }

  #storageOf({ folder, confinement }: Pick<MappedPath, "folder" | "confinement">): StorageAdapter {
    if (confinement === "/") return this.#rules.storageOf(folder);
    const key = `${folder}\0${confinement}`;
    const known = this.#confined?.get(key);
    if (known !== undefined) return known;
    const storage = this.#rules.storageOf(folder).within(confinement);
    this.#confined ??= new Map();
    this.#confined.set(key, storage);
    return storage;
  }

  #filter(path: string, kind: RequestedKind): void {
    const refusal = this.#rules.filter.checkPath(path, kind);
    if (refusal === undefined) return;
    throw new DeniedError(refusal.kind, refusal.text);
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
    throw new DeniedError("authorizationRule", reason);
  }

  /** A new name brings no right that the old one lacks, and into another folder it is a new entry. */
  #requireNoGain(kind: "file" | "directory", { mapped: from }: Place, { mapped: to }: Place): void {
    if (parentOf(from.sitePath) !== parentOf(to.sitePath)) {
      this.#require(kind === "directory" ? "makeDirectory" : "create", to);
    }
    const gain = describeGain(this.#rules, kind, from.sitePath, to.sitePath);
    if (gain !== undefined) throw new DeniedError("authorizationRule", gain);
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

/** Undefined also when its folder is missing, or what a link leads to. */
async function findEntry(storage: StorageAdapter, path: string): Promise<Entry | undefined> {
  try {
    return await storage.find(path);
  } catch (error) {
    if (error instanceof StorageError && error.kind === "notFound") return undefined;
    throw error;
  }
}

function refuseMountPoint(mapped: MappedPath): void {
  if (mapped.isMountPoint) {
    throw new DeniedError("mountPoint", `${mapped.sitePath} is a root or virtual directory`);
  }
}
