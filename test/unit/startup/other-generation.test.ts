import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { watchOtherGeneration } from "../../../server/startup/other-generation.ts";

const LOOK_MILLISECONDS = 5;

describe("the other generation", () => {
  let folder: string;
  let other: Server | undefined;
  const socketOf = (generation: string) => join(folder, generation, "status.sock");

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "gangway-generations-"));
    for (const generation of ["a", "b"]) await mkdir(join(folder, generation));
  });
  afterEach(async () => {
    other?.close();
    other = undefined;
    await rm(folder, { recursive: true });
  });

  it("has ended where it has no socket", async () => {
    const hasEnded = watchOtherGeneration("a", socketOf("a"), LOOK_MILLISECONDS);
    expect(hasEnded()).toBe(false);
    await expect.poll(hasEnded).toBe(true);
  });

  it("lives while somebody accepts on its socket, and has ended afterwards", async () => {
    let looks = 0;
    other = createServer((socket) => {
      looks += 1;
      socket.on("error", () => undefined).destroy();
    }).listen(socketOf("a"));
    await once(other, "listening");
    const hasEnded = watchOtherGeneration("b", socketOf("b"), LOOK_MILLISECONDS);
    await expect.poll(() => looks).toBeGreaterThan(2);
    expect(hasEnded()).toBe(false);
    other.close();
    await once(other, "close");
    await expect.poll(hasEnded).toBe(true);
  });
});
