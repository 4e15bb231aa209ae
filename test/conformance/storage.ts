/** The suite that every storage adapter passes. */
import { describe } from "vitest";
import { testEntries } from "./storage-entries.ts";
import type { StorageSubject } from "./storage-subject.ts";
import { testUploads } from "./storage-uploads.ts";

export function describeStorage(name: string, open: () => Promise<StorageSubject>): void {
  describe(`${name} as storage`, () => {
    testEntries(open);
    testUploads(open);
  });
}
