import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { releaseStartup } from "../../../server/native/memory.ts";
import { systemCalls } from "../../../server/native/system-calls.ts";

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

/** KiB of files in memory. */
function mappedKib(): number {
  return Number(/^RssFile:\s+(\d+) kB$/mu.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}

test.runIf(systemCalls())("makes this very process smaller, and it goes on", () => {
  const before = mappedKib();
  releaseStartup(process.execPath);
  expect(mappedKib()).toBeLessThan(before - 1024);
  expect(JSON.parse('{"a":[1]}')).toEqual({ a: [1] });
});
