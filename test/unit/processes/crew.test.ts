import type { ChildProcess } from "node:child_process";
import { EventEmitter } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Crew } from "../../../server/processes/crew.ts";
import type { WorkerSettings } from "../../../server/processes/messages.ts";
import type { WorkerProcess } from "../../../server/processes/worker-process.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** No process here looks at them. */
const NO_SETTINGS = {} as WorkerSettings;
const LONGER_THAN_ANY_DELAY_MS = 60_000;

/** As much of a process as is asked for. */
function fakeChild(pid: number | undefined): ChildProcess {
  const child = new EventEmitter();
  Object.assign(child, { pid, connected: true, send: () => true, kill: () => true });
  // What a crew does not use is not there.
  return child as ChildProcess;
}

/** One that the system had no room for: it has an error, and never an exit. */
function unstarted(): ChildProcess {
  const child = fakeChild(undefined);
  process.nextTick(() => child.emit("error", new Error("spawn EAGAIN")));
  return child;
}

function refused(): ChildProcess {
  throw new Error("spawn EMFILE");
}

/** A crew of one, whose processes come from `spawns` in turn. */
function openCrew(...spawns: (() => ChildProcess)[]) {
  const events: string[] = [];
  const logger = {
    log: (_level: string, event: string) => void events.push(event),
    with: () => logger,
  };
  const crew = new Crew({
    workers: 1,
    spawn: () => spawns.shift()?.() ?? fakeChild(4),
    bringUp: async (worker: WorkerProcess) => {
      // As long as the process neither tells of itself nor ends, this waits.
      const { problem } = await worker.prepare(NO_SETTINGS);
      if (problem === null && !worker.ended) worker.serving = true;
    },
    host: { onAdmit: vi.fn(), onFailure: vi.fn(), onW3c: vi.fn() },
    logger,
  });
  return { crew, events };
}

/** Tells that it listens, and that everything is prepared. */
function ready(pid: number): { child: ChildProcess; spawn: () => ChildProcess } {
  const child = fakeChild(pid);
  const mail = (message: object): boolean => child.emit("message", [message]);
  Object.assign(child, {
    send: ({ id }: { id?: number }) => mail({ kind: "prepared", id, problem: null }),
  });
  const spawn = (): ChildProcess => {
    process.nextTick(() => mail({ kind: "started" }));
    return child;
  };
  return { child, spawn };
}

describe("a crew", () => {
  it("does not wait for a first process that could not be started", async () => {
    const { crew } = openCrew(unstarted);
    await expect(crew.start()).rejects.toThrow("ended before it could serve");
  });

  it.each([
    ["fails to start", unstarted],
    ["is refused by the system", refused],
  ])("tries again when the replacement of a worker %s", async (_how, failing) => {
    const [first, last] = [ready(1), ready(2)];
    const { crew, events } = openCrew(first.spawn, failing, failing, last.spawn);
    await crew.start();
    expect(crew.serving().map(({ processId }) => processId)).toEqual([1]);
    first.child.emit("exit", null, "SIGKILL");
    expect(crew.serving()).toEqual([]);
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_DELAY_MS);
    expect(crew.serving().map(({ processId }) => processId)).toEqual([2]);
    expect(events.filter((event) => event === "workerNotReplaced")).toHaveLength(2);
  });
});
