import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { releaseStartup, SessionMemory } from "../../../server/native/memory.ts";
import { systemCalls } from "../../../server/native/system-calls.ts";
import { outputOfModule } from "../../support/node-module.ts";
import { memoryKib } from "../../support/process-memory.ts";

/** An entry of /proc/self/smaps, with some of its lines. */
function mapping(head: string, anonymousKib: number, swapKib: number): string {
  const lines = ["Size: 3352 kB", `Anonymous: ${String(anonymousKib)} kB`, "LazyFree: 0 kB"];
  return [head, ...lines, `Swap: ${String(swapKib)} kB`, "VmFlags: rd mr", ""].join("\n");
}

const MAPPINGS = [
  mapping("00400000-00746000 r--p 00000000 00:20 77   /opt/node", 0, 0),
  mapping("00747000-03041000 r-xp 00347000 00:20 77   /opt/node", 0, 0),
  mapping("03200000-06a00000 r--p 02e01000 00:20 77   /opt/node", 0, 0),
  mapping("06a00000-06c00000 r--p 06500000 00:20 77   /opt/node", 512, 0),
  mapping("06c00000-06d00000 r--p 06700000 00:20 77   /opt/node", 0, 8),
  mapping("06d00000-06e00000 rw-p 06800000 00:20 77   /opt/node", 0, 0),
  mapping("7f0000000000-7f0000001000 r--p 00000000 00:20 78   /lib/libc.so.6", 0, 0),
  mapping("7f0000002000-7f0000003000 r--p 00000000 00:00 0", 0, 0),
  mapping("7ffd0000-7ffd1000 r-xp 00000000 00:00 0    [vdso]", 0, 0),
].join("");

test("lets go only of constant data of the program that is still as in its file", () => {
  const released: (readonly [bigint, number])[] = [];
  releaseStartup("/opt/node", () => MAPPINGS, {
    unmapPages: (address, bytes) => released.push([address, bytes]),
  });
  expect(released).toEqual([
    [0x400000n, 0x346000],
    [0x3200000n, 0x3800000],
  ]);
});

test("lets go of nothing where nobody tells what is mapped", () => {
  const noProc = (): never => {
    throw new Error("ENOENT");
  };
  let released = 0;
  releaseStartup("/opt/node", noProc, { unmapPages: () => released++ });
  releaseStartup("/opt/node", () => "00400000-00746000 r--p 0 0 7  /opt/node\nSize: 1 kB\n", {
    unmapPages: () => released++,
  });
  expect(released).toBe(0);
});

test.runIf(systemCalls())("makes this very process smaller, and it goes on", () => {
  const before = memoryKib("self", "RssFile");
  releaseStartup(process.execPath);
  expect(memoryKib("self", "RssFile")).toBeLessThan(before - 1024);
  expect(JSON.parse('{"a":[1]}')).toEqual({ a: [1] });
});

/** MiB that V8 takes at most while objects outlive its space for new ones and become garbage. */
function mostHeapMib(prepare: string): number {
  const module = JSON.stringify(import.meta.resolve("../../../server/native/memory.ts"));
  const program = `
    import { setFlagsFromString } from "node:v8";
    import { keepHeapSmall } from ${module};
    ${prepare};
    const kept = [];
    let most = 0;
    for (let made = 0; made < 4_000_000; made++) {
      kept[made % 20_000] = { made: [made] };
      if (made % 50_000 === 0) most = Math.max(most, process.memoryUsage().heapTotal);
    }
    console.log(most / 1024 / 1024);`;
  // On threads of its own the collector would be as far as the machine lets it.
  return Number(outputOfModule(program, ["--single-threaded-gc"]));
}

test("a small heap holds less garbage than V8 lets pile up by itself", () => {
  // Zero is V8's own way; what else keeps the heap small stays.
  const leftAlone = mostHeapMib('keepHeapSmall(); setFlagsFromString("--heap-growing-percent=0")');
  expect(mostHeapMib("keepHeapSmall()")).toBeLessThan(leftAlone * 0.6);
});

describe("what sessions leave behind is given back", () => {
  let runs = 0;
  const rush = { worthwhileSessions: 3, quietMilliseconds: 100, run: () => void runs++ };

  beforeEach(() => {
    runs = 0;
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("once a rush is over, and again after the next", () => {
    const memory = new SessionMemory([rush]);
    for (let round = 1; round <= 2; round++) {
      for (let session = 0; session < 5; session++) {
        memory.begin();
        vi.advanceTimersByTime(99);
      }
      expect(runs).toBe(round - 1);
      vi.advanceTimersByTime(1);
      expect(runs).toBe(round);
    }
  });

  test("not after a few, however long it is quiet, until they are many", () => {
    const memory = new SessionMemory([rush]);
    for (let session = 1; session <= 3; session++) {
      expect(runs).toBe(0);
      memory.begin();
      vi.advanceTimersByTime(1000);
    }
    expect(runs).toBe(1);
  });

  test("each kind at its own time", () => {
    let others = 0;
    const other = { worthwhileSessions: 4, quietMilliseconds: 500, run: () => void others++ };
    const memory = new SessionMemory([rush, other]);
    for (let session = 0; session < 4; session++) memory.begin();
    vi.advanceTimersByTime(100);
    expect([runs, others]).toEqual([1, 0]);
    vi.advanceTimersByTime(400);
    expect([runs, others]).toEqual([1, 1]);
  });
});
