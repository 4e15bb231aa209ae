/** Two generations find each other, and notice when one of them is gone. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Neighbour } from "../../../server/data/neighbour.ts";
import { GenerationLink } from "../../../server/startup/generation-link.ts";

let folder: string;
let links: DisposableStack;

beforeEach(async () => {
  links = new DisposableStack();
  folder = await mkdtemp(join(tmpdir(), "gangway-generations-"));
  for (const generation of ["a", "b"]) await mkdir(join(folder, generation));
});
afterEach(async () => {
  links.dispose();
  await rm(folder, { recursive: true });
});

async function open(
  generation: "a" | "b",
  neighbour = new Neighbour("predecessor"),
): Promise<{ readonly neighbour: Neighbour; readonly link: GenerationLink }> {
  const statusSocket = join(folder, generation, "status.sock");
  const link = links.use(
    await GenerationLink.open({ generation, statusSocket, neighbour, patienceMilliseconds: 300 }),
  );
  return { neighbour, link };
}

test("one that finds nobody is alone, also beside what a dead one left", async () => {
  await writeFile(join(folder, "b", "generation.sock"), "");
  expect((await open("a")).neighbour.state).toBe("absent");
});

test("both know of each other when the later one may serve, and of each end", async () => {
  const a = await open("a");
  const b = await open("b");
  expect([a.neighbour.state, b.neighbour.state]).toEqual(["successor", "predecessor"]);
  a.link[Symbol.dispose]();
  await expect.poll(() => b.neighbour.state).toBe("absent");
  const next = await open("a");
  expect([next.neighbour.state, b.neighbour.state]).toEqual(["predecessor", "successor"]);
  next.link[Symbol.dispose]();
  await expect.poll(() => b.neighbour.state).toBe("absent");
});

test("of two that start at once neither takes what is the other's", async () => {
  const [a, b] = await Promise.all([open("a"), open("b")]);
  const states = [a.neighbour.state, b.neighbour.state];
  expect(states).toContain("successor");
  expect(states).not.toContain("absent");
});

test("the later one waits until the earlier one has made room", async () => {
  const steps: string[] = [];
  const neighbour = new Neighbour("predecessor");
  await open("a", neighbour);
  const room = Promise.withResolvers<void>();
  neighbour.watch(async () => {
    steps.push("asked");
    await room.promise;
    steps.push("room");
  });
  const later = open("b").then(() => steps.push("serves"));
  await expect.poll(() => steps).toEqual(["asked"]);
  room.resolve();
  await later;
  expect(steps).toEqual(["asked", "room", "serves"]);
});

test("a predecessor that does not answer keeps nobody from serving", async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => {
    silent.listen(join(folder, "a", "generation.sock"), resolve);
  });
  links.defer(() => void silent.close());
  expect((await open("b")).neighbour.state).toBe("predecessor");
});
