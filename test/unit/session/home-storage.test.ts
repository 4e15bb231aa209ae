import { describe, expect, it } from "vitest";
import { HomeStorage } from "../../../server/session/home-storage.ts";
import type { Storage } from "../../../server/storage/storage.ts";

describe("an account's view of its site", () => {
  it("puts every path of every operation below the home", async () => {
    const seen: string[] = [];
    // Stands for any storage: notes the paths that it is asked for.
    const recorder = new Proxy({} as Storage, {
      get:
        (_target, operation) =>
        (...args: readonly unknown[]) => {
          const paths = args.filter((arg) => typeof arg === "string" && arg.startsWith("/"));
          seen.push(`${String(operation)} ${paths.join(" ")}`);
          return Promise.resolve();
        },
    });
    const home = new HomeStorage(recorder, "/home");
    await home.entry("/");
    home.list("/a");
    await home.openRead("/a");
    await home.openWrite("/a", { kind: "replace" });
    await home.makeDirectory("/a");
    await home.removeDirectory("/a");
    await home.removeFile("/a");
    await home.rename("/a", "/b");
    await home.setModified("/a", 0);
    await home.setMode("/a", 0);
    await home.freeBytes("/a");
    expect(seen).toEqual([
      "entry /home",
      "list /home/a",
      "openRead /home/a",
      "openWrite /home/a",
      "makeDirectory /home/a",
      "removeDirectory /home/a",
      "removeFile /home/a",
      "rename /home/a /home/b",
      "setModified /home/a",
      "setMode /home/a",
      "freeBytes /home/a",
    ]);
  });
});
