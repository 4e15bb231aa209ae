/** The storage that a suite is run on, and how its files are written and read. */
import { expect } from "vitest";
import type {
  Entry,
  Storage,
  StorageAdapter,
  StorageErrorKind,
  WriteMode,
} from "../../server/storage/storage.ts";

export interface StorageSubject extends AsyncDisposable {
  readonly storage: StorageAdapter;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export async function write(
  storage: Storage,
  path: string,
  content: string,
  mode: WriteMode = { kind: "replace" },
): Promise<string> {
  await using upload = await storage.openWrite(path, mode);
  await upload.write(bytes(content));
  return await upload.commit();
}

export async function read(storage: Storage, path: string): Promise<string> {
  await using file = await storage.openRead(path);
  const buffer = new Uint8Array(file.sizeBytes);
  let position = 0;
  while (position < buffer.length) {
    const got = await file.read(buffer.subarray(position, position + 7), position);
    if (got === 0) break;
    position += got;
  }
  return new TextDecoder().decode(buffer.subarray(0, position));
}

/** Names in the batches of a listing, sorted. */
export async function namesOf(
  batches: AsyncIterable<readonly Entry[]>,
): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const batch of batches) names.push(...batch.map(({ name }) => name));
  return names.toSorted();
}

export const namesIn = (storage: Storage, path: string): Promise<readonly string[]> =>
  namesOf(storage.list(path));

export const fails = (operation: Promise<unknown>, kind: StorageErrorKind) =>
  expect(operation).rejects.toMatchObject({ name: "StorageError", kind });
