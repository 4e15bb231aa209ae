import { InMemoryStorage } from "../../server/storage/in-memory.ts";
import { openDisk } from "./disk-subject.ts";
import { describeStorage } from "./storage.ts";

describeStorage("the local disk", openDisk);
describeStorage("a home on the local disk", async () => {
  const disk = await openDisk();
  await disk.storage.makeDirectory("/home");
  await disk.storage.makeDirectory("/home/ann");
  return { ...disk, storage: disk.storage.within("/home").within("/ann") };
});
describeStorage("memory", async () => ({
  storage: new InMemoryStorage(),
  [Symbol.asyncDispose]: async () => undefined,
}));
describeStorage("a home in memory", async () => {
  const storage = new InMemoryStorage();
  await storage.makeDirectory("/home");
  return { storage: storage.within("/home"), [Symbol.asyncDispose]: async () => undefined };
});
