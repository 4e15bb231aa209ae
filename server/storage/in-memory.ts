/** Storage in memory: the second adapter, for tests and for demonstrations that leave no trace. */
import {
  StorageError,
  type Entry,
  type ReadHandle,
  type StorageAdapter,
  type StorageUsage,
  type WriteHandle,
  type WriteMode,
} from "./storage.ts";

interface Folder {
  readonly kind: "directory";
  readonly unique: string;
  readonly children: Map<string, Node>;
  modifiedMs: number;
  mode: number;
}

interface File {
  readonly kind: "file";
  readonly unique: string;
  content: Uint8Array;
  modifiedMs: number;
  mode: number;
}

type Node = Folder | File;

const BATCH = 256;

/** What all views of a storage share. */
class Tree {
  #created = 0;
  readonly root: Folder = { kind: "directory", ...this.facts(0o755), children: new Map() };
  readonly writing = new Set<string>();
  /** Of uploads under way, as their quotas count them. */
  reserved = 0;

  facts(mode: number): { unique: string; modifiedMs: number; mode: number } {
    return { unique: String(this.#created++), modifiedMs: Date.now(), mode };
  }
}

export class InMemoryStorage implements StorageAdapter {
  readonly #tree: Tree;
  /** Names of the folder that this view shows as `/`. */
  readonly #folders: readonly string[];

  constructor(tree: Tree = new Tree(), folders: readonly string[] = []) {
    this.#tree = tree;
    this.#folders = folders;
  }

  within(path: string): InMemoryStorage {
    return new InMemoryStorage(this.#tree, [...this.#folders, ...namesOf(path)]);
  }

  async usage(): Promise<StorageUsage> {
    const tree = this.#tree;
    const count = (): number => bytesBelow(this.#node("/"));
    return {
      ready: () => Promise.resolve(),
      get usedBytes() {
        return count() + tree.reserved;
      },
      reserve: (bytes) => {
        tree.reserved += bytes;
      },
    };
  }

  async entry(path: string): Promise<Entry> {
    return entryOf(namesOf(path).at(-1) ?? "", this.#node(path));
  }

  async find(path: string): Promise<Entry | undefined> {
    try {
      return await this.entry(path);
    } catch (error) {
      if (error instanceof StorageError && error.kind === "notFound") return undefined;
      throw error;
    }
  }

  async *list(path: string): AsyncGenerator<readonly Entry[]> {
    const entries = [...folderOrThrow(this.#node(path)).children].map(([name, node]) =>
      entryOf(name, node),
    );
    for (let first = 0; first < entries.length; first += BATCH) {
      yield entries.slice(first, first + BATCH);
    }
  }

  async openRead(path: string): Promise<ReadHandle> {
    const { content } = fileOrThrow(this.#node(path));
    return {
      sizeBytes: content.length,
      fileDescriptor: undefined,
      async read(buffer, position) {
        const part = content.subarray(position, position + buffer.length);
        buffer.set(part);
        return part.length;
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  async openWrite(path: string, mode: WriteMode): Promise<WriteHandle> {
    const { folder, name: wanted } = this.#place(path);
    const name = mode.kind === "unique" ? freeName(folder, wanted) : wanted;
    const existing = folder.children.get(name);
    if (existing?.kind === "directory") throw new StorageError("isADirectory");
    const before = existing?.content ?? new Uint8Array();
    const startOffset =
      mode.kind === "append" ? before.length : mode.kind === "resume" ? mode.offset : 0;
    if (startOffset > before.length) throw new StorageError("offsetBeyondEnd");
    const key = `${folder.unique}/${name}`;
    const { writing } = this.#tree;
    if (writing.has(key)) throw new StorageError("busy");
    writing.add(key);
    const inPlace = mode.kind === "append" || mode.kind === "resume";
    let chunks = [before.slice(0, startOffset)];
    const keepsRest = mode.kind === "resume" && mode.keepsRest === true;
    const isNew = mode.kind === "replace" && existing === undefined;
    const shows = isNew && mode.showsPartial === true;
    const keeps = isNew && mode.keepsPartial === true;
    const file = existing ?? this.#file();
    let state: "open" | "committed" | "rolledBack" = "open";
    const store = (): void => {
      const written = Buffer.concat(chunks);
      const content = keepsRest
        ? Buffer.concat([written, before.subarray(written.length)])
        : written;
      folder.children.set(name, { ...file, content, modifiedMs: Date.now() });
    };
    return {
      name,
      fileDescriptor: undefined,
      startOffset,
      async write(chunk) {
        if (chunk.length === 0) return;
        chunks.push(chunk.slice());
        // What an appended or resumed upload has written stays even when it breaks off.
        if (inPlace || shows) store();
      },
      async rollBack() {
        state = "rolledBack";
        const hasBegun = chunks.length > 1;
        chunks = chunks.slice(0, 1);
        if (inPlace && hasBegun) store();
      },
      async commit() {
        // An appending or resuming upload that brought nothing changes nothing.
        if (!inPlace || existing === undefined || chunks.length > 1) store();
        state = "committed";
        return name;
      },
      [Symbol.asyncDispose]: async () => {
        if (!writing.delete(key) || state === "committed") return;
        if (keeps && state === "open" && chunks.length > 1) store();
        else if (shows) folder.children.delete(name);
      },
    };
  }

  async makeDirectory(path: string): Promise<void> {
    if (namesOf(path).length === 0) throw new StorageError("exists");
    const { folder, name } = this.#place(path);
    if (folder.children.has(name)) throw new StorageError("exists");
    folder.children.set(name, {
      kind: "directory",
      ...this.#tree.facts(0o755),
      children: new Map(),
    });
  }

  async removeDirectory(path: string): Promise<void> {
    if (namesOf(path).length === 0) throw new StorageError("denied");
    const target = folderOrThrow(this.#node(path));
    if (target.children.size > 0) throw new StorageError("notEmpty");
    const { folder, name } = this.#place(path);
    folder.children.delete(name);
  }

  async removeFile(path: string): Promise<void> {
    fileOrThrow(this.#node(path));
    const { folder, name } = this.#place(path);
    folder.children.delete(name);
  }

  async rename(from: string, to: string): Promise<void> {
    if (namesOf(from).length === 0 || namesOf(to).length === 0) throw new StorageError("denied");
    const node = this.#node(from);
    const [source, target] = [this.#place(from), this.#place(to)];
    if (target.folder.children.get(target.name)?.kind === "directory") {
      throw new StorageError("exists");
    }
    if (node.kind === "directory" && `${to}/`.startsWith(`${from}/`)) {
      throw new StorageError("invalidName");
    }
    source.folder.children.delete(source.name);
    target.folder.children.set(target.name, node);
  }

  async setModified(path: string, modifiedMs: number): Promise<void> {
    this.#node(path).modifiedMs = modifiedMs;
  }

  async setMode(path: string, mode: number): Promise<void> {
    this.#node(path).mode = mode & 0o777;
  }

  async freeBytes(path: string): Promise<number | undefined> {
    this.#node(path);
    return undefined;
  }

  #file(): File {
    return { kind: "file", ...this.#tree.facts(0o644), content: new Uint8Array() };
  }

  #node(path: string): Node {
    let node: Node = this.#tree.root;
    for (const name of [...this.#folders, ...namesOf(path)]) {
      const child: Node | undefined = folderOrThrow(node).children.get(name);
      if (child === undefined) throw new StorageError("notFound");
      node = child;
    }
    return node;
  }

  /** The folder that holds the last name, which need not exist. */
  #place(path: string): { readonly folder: Folder; readonly name: string } {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw new StorageError("isADirectory");
    return { folder: folderOrThrow(this.#node(`/${names.join("/")}`)), name };
  }
}

function namesOf(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "");
  if (names.some((name) => /[\u0000\r\n]/u.test(name) || Buffer.byteLength(name) > 255)) {
    throw new StorageError("invalidName");
  }
  return names;
}

function entryOf(name: string, node: Node): Entry {
  const { kind, modifiedMs, mode, unique } = node;
  const sizeBytes = node.kind === "file" ? node.content.length : 0;
  return { name, kind, sizeBytes, modifiedMs, mode, unique };
}

function bytesBelow(node: Node): number {
  if (node.kind === "file") return node.content.length;
  return node.children.values().reduce((sum, child) => sum + bytesBelow(child), 0);
}

function folderOrThrow(node: Node): Folder {
  if (node.kind !== "directory") throw new StorageError("notADirectory");
  return node;
}

function fileOrThrow(node: Node): File {
  if (node.kind !== "file") throw new StorageError("isADirectory");
  return node;
}

function freeName(folder: Folder, name: string): string {
  for (let number = 0; ; number++) {
    const candidate = number === 0 ? name : `${name}.${String(number)}`;
    if (!folder.children.has(candidate)) return candidate;
  }
}
