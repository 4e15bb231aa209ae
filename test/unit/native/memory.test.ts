import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { releaseStartup } from "../../../server/native/memory.ts";
import { systemCalls } from "../../../server/native/system-calls.ts";

const SMAPS = `00400000-00746000 r--p 00000000 00:20 77   /opt/node
Size:               3352 kB
Rss:                3352 kB
Anonymous:             0 kB
VmFlags: rd mr mw me sd
00747000-03041000 r-xp 00347000 00:20 77   /opt/node
Rss:               24904 kB
Anonymous:             0 kB
06a00000-06c00000 r--p 06500000 00:20 77   /opt/node
Anonymous:           512 kB
06c00000-06d00000 rw-p 06700000 00:20 77   /opt/node
Anonymous:             0 kB
7f0000000000-7f0000001000 r-xp 00000000 00:20 78   /lib/libc.so.6
Anonymous:             0 kB
7f0000002000-7f0000003000 r--p 00000000 00:00 0
Anonymous:             0 kB
7ffd0000-7ffd1000 r-xp 00000000 00:00 0    [vdso]
Anonymous:             0 kB
`;

test("lets go only of pages of the program that are still as in its file", () => {
  const released: (readonly [bigint, number])[] = [];
  releaseStartup("/opt/node", () => SMAPS, {
    unmapPages: (address, bytes) => released.push([address, bytes]),
  });
  expect(released).toEqual([
    [0x400000n, 0x346000],
    [0x747000n, 0x28fa000],
  ]);
});

/** KiB of files in memory. */
function mappedKib(): number {
  return Number(/^RssFile:\s+(\d+) kB$/mu.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}

test.runIf(systemCalls())("makes this very process smaller, and it goes on", () => {
  const before = mappedKib();
  releaseStartup(process.execPath);
  expect(mappedKib()).toBeLessThan(before - 4096);
  expect(JSON.parse('{"a":[1]}')).toEqual({ a: [1] });
});
