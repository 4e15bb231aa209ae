import { pbkdf2 } from "node:crypto";
import { closeSync, ftruncateSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { descriptorOf } from "../../../server/data/socket-descriptor.ts";
import { systemCalls } from "../../../server/native/system-calls.ts";
import { makeFolder } from "../../support/files.ts";
import { connectPair } from "../../support/loopback.ts";

const MIB = 1024 * 1024;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

test.runIf(systemCalls())(
  "begins where it is told to, whatever is collected meanwhile",
  async () => {
    using folder = makeFolder();
    const path = join(folder.path, "words");
    writeFileSync(
      path,
      BigUint64Array.from({ length: 65536 }, (_, index) => BigInt(index)),
    );
    const file = openSync(path, "r");
    const { client, accepted } = await connectPair();
    const received: Buffer[] = [];
    client.on("data", (chunk: Buffer) => received.push(chunk));
    // No thread is free for a while: the call has to wait.
    for (let thread = 0; thread < 16; thread++)
      pbkdf2("", "", 30_000, 64, "sha512", () => undefined);
    const sending = systemCalls()?.startSending(
      descriptorOf(accepted) ?? -1,
      file,
      8 * 4096,
      8 * 1024,
    );
    await pause(1);
    collectGarbage();
    await pause(1);
    const others = Array.from({ length: 20_000 }, () => new BigUint64Array([8n]));
    expect(await sending?.done).toBe(8 * 1024);
    accepted.end();
    await new Promise((resolve) => client.once("end", resolve));
    expect(Buffer.concat(received).readBigUInt64LE(0)).toBe(4096n);
    expect(others.every(([value]) => value === 8n)).toBe(true);
    client.destroy();
    closeSync(file);
  },
);

test.runIf(systemCalls())(
  "comes back once the socket is full when it is to finish soon, and leaves it usable",
  async () => {
    using folder = makeFolder();
    const file = openSync(join(folder.path, "large"), "w+");
    const bytes = 512 * MIB;
    ftruncateSync(file, bytes);
    const { client, accepted } = await connectPair();
    let received = 0;
    client.on("data", (chunk: Buffer) => (received += chunk.length));
    const sending = systemCalls()?.startSending(descriptorOf(accepted) ?? -1, file, 0, bytes);
    sending?.finishSoon();
    const moved = (await sending?.done) ?? 0;
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(bytes);
    // What is said of a call that has ended changes nothing.
    sending?.finishSoon();
    accepted.end("end");
    await new Promise((resolve) => client.once("end", resolve));
    expect(received).toBe(moved + 3);
    client.destroy();
    closeSync(file);
  },
);
