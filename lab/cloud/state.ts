/** The simulated cloud's state: every resource that exists, kept as readable JSON in a lab folder. */
import { createHash, randomUUID } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { isAsset, type Properties, type Value } from "./values.ts";

/** A resource as Azure holds it. */
export interface CloudResource {
  /** ARM id; the case of its parts is that of the declaration. */
  readonly id: string;
  /** Pulumi's type token without API version, for example `azure-native:network:Subnet`. */
  readonly type: string;
  readonly name: string;
  /** As declared, defaults included. */
  readonly inputs: Properties;
  /** As Azure answers. */
  readonly outputs: Properties;
  /** Paths of inputs that were secret in the program, for example `protectedParameters[0].value`. */
  readonly secrets: readonly string[];
  /** The resource that came along with this one and is no one's declaration: a machine's OS disk. */
  readonly implicitOwner?: string;
}

/** What others may read of the state. */
export interface CloudState {
  /** Folder of the lab that this cloud belongs to. */
  readonly folder: string;
  /** Every resource, in order of creation. */
  resources(): readonly CloudResource[];
  /** Resources of one type, for example `azure-native:network:NetworkInterface`. */
  ofType(type: string): readonly CloudResource[];
  /** The resource with this id; ARM ids are compared without regard to case. */
  find(id: string): CloudResource | undefined;
  /** Path of the file that holds a blob's content, by the blob's URL. */
  blobFile(url: string): string | undefined;
  /** Value of a Key Vault secret by its URI, with or without version. */
  secretValue(uri: string): string | undefined;
  /** Vaults that were deleted and not purged. */
  deletedVaults(): readonly DeletedVault[];
  /** How often an identity or disk with this id was deleted: a new one is not the same. */
  deletions(id: string): number;
}

interface StateFile {
  readonly version: 1;
  readonly resources: readonly CloudResource[];
  /** Vault names that Azure still holds after a delete. */
  readonly deletedVaults: readonly DeletedVault[];
  /** How often each identity and disk was deleted, by id. */
  readonly deletedIdentities: Readonly<Record<string, number>>;
}

/** A soft-deleted vault: its name stays taken until it is purged or recovered. */
export interface DeletedVault {
  readonly name: string;
  readonly location: string;
}

/** Types of which the same declaration, made anew, is another one: other ids, a blank disk. */
const NEVER_THE_SAME: ReadonlySet<string | undefined> = new Set([
  "azure-native:managedidentity:UserAssignedIdentity",
  "azure-native:compute:Disk",
  "azure-native:dataprotection:BackupVault",
]);

/** File names inside the lab folder. */
const STATE_FILE = "cloud.json";
const BLOB_FOLDER = "blobs";

const OWNER_ONLY = 0o600;

/**
 * State with its file. Every change is written before the call returns, by renaming a complete
 * file over the old one; a change by another process is noticed by the file's time and read first.
 * Without a folder the state lives in memory only.
 */
export class CloudStore implements CloudState {
  readonly folder: string;
  readonly #persistent: boolean;
  #resources = new Map<string, CloudResource>();
  #deletedVaults: readonly DeletedVault[] = [];
  #deletedIdentities: Readonly<Record<string, number>> = {};
  #readAt = "";

  constructor(folder: string | undefined) {
    this.#persistent = folder !== undefined;
    this.folder = folder ?? "";
    this.#refresh();
  }

  get #file(): string {
    return join(this.folder, STATE_FILE);
  }

  resources(): readonly CloudResource[] {
    this.#refresh();
    return [...this.#resources.values()];
  }

  ofType(type: string): readonly CloudResource[] {
    return this.resources().filter((resource) => resource.type === type);
  }

  find(id: string): CloudResource | undefined {
    this.#refresh();
    return this.#resources.get(id.toLowerCase());
  }

  deletedVaults(): readonly DeletedVault[] {
    this.#refresh();
    return this.#deletedVaults;
  }

  deletions(id: string): number {
    this.#refresh();
    return this.#deletedIdentities[id.toLowerCase()] ?? 0;
  }

  blobFile(url: string): string | undefined {
    const blob = this.ofType("azure-native:storage:Blob").find(
      ({ outputs }) => outputs["url"] === url,
    );
    const source = blob?.inputs["source"];
    return isAsset(source) ? this.#contentFile(source.asset.hash) : undefined;
  }

  secretValue(uri: string): string | undefined {
    const secret = this.ofType("azure-native:keyvault:Secret").find(({ outputs }) => {
      const properties = outputs["properties"] as Properties | undefined;
      return properties?.["secretUri"] === uri || properties?.["secretUriWithVersion"] === uri;
    });
    const value = (secret?.inputs["properties"] as Properties | undefined)?.["value"];
    return typeof value === "string" ? value : undefined;
  }

  /** Adds a resource, or replaces the one with the same id in its place. */
  put(resource: CloudResource): void {
    this.#refresh();
    this.#resources.set(resource.id.toLowerCase(), resource);
    this.#write();
  }

  /** Removes resources; unknown ids are ignored. */
  remove(ids: readonly string[], deletedVaults: readonly DeletedVault[] = []): void {
    this.#refresh();
    for (const key of ids.map((id) => id.toLowerCase())) {
      const count = (this.#deletedIdentities[key] ?? 0) + 1;
      const counts = NEVER_THE_SAME.has(this.#resources.get(key)?.type);
      if (counts) this.#deletedIdentities = { ...this.#deletedIdentities, [key]: count };
      this.#resources.delete(key);
    }
    this.#deletedVaults = [...this.#deletedVaults, ...deletedVaults];
    this.#write();
    this.#dropContents();
  }

  /** Keeps an asset's content and returns its size in bytes. */
  keepContent(asset: Value): number {
    if (!isAsset(asset)) return 0;
    const { file, text } = asset.asset;
    const content = file === undefined ? Buffer.from(text ?? "") : readFileSync(file);
    if (this.#persistent) {
      const target = this.#contentFile(asset.asset.hash);
      mkdirSync(join(this.folder, BLOB_FOLDER), { recursive: true });
      if (!existsSync(target)) writeWhole(target, content);
    }
    return content.byteLength;
  }

  /** Deletes contents that no blob holds any more. */
  #dropContents(): void {
    if (!this.#persistent || this.#contents().length === 0) return;
    const held = new Set(
      [...this.#resources.values()].flatMap(({ inputs }) =>
        isAsset(inputs["source"]) ? [inputs["source"].asset.hash] : [],
      ),
    );
    for (const hash of this.#contents()) {
      if (!held.has(hash)) rmSync(this.#contentFile(hash), { force: true });
    }
  }

  #contents(): readonly string[] {
    const folder = join(this.folder, BLOB_FOLDER);
    return existsSync(folder) ? readdirSync(folder) : [];
  }

  #contentFile(hash: string): string {
    return join(this.folder, BLOB_FOLDER, hash);
  }

  #refresh(): void {
    if (!this.#persistent) return;
    const stats = statSync(this.#file, { throwIfNoEntry: false, bigint: true });
    const stamp = stats === undefined ? "" : `${stats.mtimeNs}-${stats.ino}-${stats.size}`;
    if (stamp === this.#readAt) return;
    this.#readAt = stamp;
    if (stats === undefined) {
      this.#resources = new Map();
      this.#deletedVaults = [];
      this.#deletedIdentities = {};
      return;
    }
    const file = JSON.parse(readFileSync(this.#file, "utf8")) as StateFile;
    if (file.version !== 1) {
      throw new Error(
        `${this.#file} was written by another version of the lab; delete the folder ${this.folder}.`,
      );
    }
    this.#resources = new Map(
      file.resources.map((resource) => [resource.id.toLowerCase(), resource]),
    );
    this.#deletedVaults = file.deletedVaults;
    this.#deletedIdentities = file.deletedIdentities;
  }

  #write(): void {
    if (!this.#persistent) return;
    mkdirSync(this.folder, { recursive: true });
    const file: StateFile = {
      version: 1,
      resources: [...this.#resources.values()],
      deletedVaults: this.#deletedVaults,
      deletedIdentities: this.#deletedIdentities,
    };
    writeWhole(this.#file, `${JSON.stringify(file, undefined, 2)}\n`);
    const stats = statSync(this.#file, { bigint: true });
    this.#readAt = `${stats.mtimeNs}-${stats.ino}-${stats.size}`;
  }
}

/** Writes a file that only its owner may read, whole or not at all. */
export function writeWhole(file: string, content: string | Buffer): void {
  const draft = `${file}.${randomUUID()}`;
  try {
    writeFileSync(draft, content, { mode: OWNER_ONLY });
    chmodSync(draft, OWNER_ONLY);
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** SHA-256 of a text or of bytes, in hexadecimal. */
export function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
