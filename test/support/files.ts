/** File handles for tests of transfers: on disk with a descriptor, or in memory without one. */
import {
  openSync,
  closeSync,
  fstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiskPace } from "../../server/data/disk-pace.ts";
import type { ReadHandle, WriteHandle } from "../../server/storage/storage.ts";

/** A write handle whose content can be looked at. */
export interface InspectableTarget extends WriteHandle {
  content(): Buffer;
}

/** A folder of its own that is removed when disposed. */
export function makeFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "gangway-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A disk that was seen to be slow a moment ago. */
export function slowPace(): DiskPace {
  let nowMs = 0;
  const pace = new DiskPace(() => nowMs);
  pace.measure(() => (nowMs += 1000));
  return pace;
}

export function memorySource(content: Uint8Array): ReadHandle {
  return {
    sizeBytes: content.length,
    fileDescriptor: undefined,
    read: (buffer, position) => {
      const part = content.subarray(position, position + buffer.length);
      buffer.set(part);
      return Promise.resolve(part.length);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

export function memoryTarget(): InspectableTarget {
  const chunks: Buffer[] = [];
  return {
    name: "target",
    fileDescriptor: undefined,
    startOffset: 0,
    write: (chunk) => {
      chunks.push(Buffer.from(chunk));
      return Promise.resolve();
    },
    commit: () => Promise.resolve("name"),
    content: () => Buffer.concat(chunks),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

export function diskSource(folder: string, content: Uint8Array): ReadHandle {
  const file = join(folder, `source-${String(Math.random()).slice(2)}`);
  writeFileSync(file, content);
  const fileDescriptor = openSync(file, "r");
  return {
    sizeBytes: fstatSync(fileDescriptor).size,
    fileDescriptor,
    read: () => Promise.reject(new Error("the descriptor is the faster way")),
    [Symbol.asyncDispose]: () => Promise.resolve(closeSync(fileDescriptor)),
  };
}

export function diskTarget(folder: string, before = Buffer.alloc(0)): InspectableTarget {
  const file = join(folder, `target-${String(Math.random()).slice(2)}`);
  writeFileSync(file, before);
  const fileDescriptor = openSync(file, "r+");
  return {
    name: "target",
    fileDescriptor,
    startOffset: before.length,
    write: () => Promise.reject(new Error("the descriptor is the faster way")),
    commit: () => Promise.resolve("name"),
    content: () => readFileSync(file),
    [Symbol.asyncDispose]: () => Promise.resolve(closeSync(fileDescriptor)),
  };
}
