/** What goes on from turn to turn, unseen by the kernel, keeps turns short for as long as it takes. */
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { beforeEach, expect, it, vi } from "vitest";
import { sendChunks } from "../../server/data/transfer.ts";
import { transferQuantum } from "../../server/data/turn-quantum.ts";
import { LocalDisk } from "../../server/storage/local-disk.ts";
import { startInProcess } from "../support/in-process-server.ts";
import { connectPair } from "../support/loopback.ts";
import { WireClient } from "../support/wire-client.ts";

/** Holds that were taken, and those of them that have not been given back. */
let taken = 0;
let held = 0;

const original = transferQuantum.needTurns.bind(transferQuantum);
vi.spyOn(transferQuantum, "needTurns").mockImplementation(() => {
  taken++;
  held++;
  const hold = original();
  let isOver = false;
  return {
    [Symbol.dispose]: () => {
      if (!isOver) held--;
      isOver = true;
      hold[Symbol.dispose]();
    },
  };
});
beforeEach(() => {
  taken = held = 0;
});

/** A transfer that waits for its content; `finish` or the signal ends it. */
async function startTransfer(wrap: (accepted: Socket) => Socket, signal: AbortSignal) {
  const { client, accepted } = await connectPair();
  client.resume().once("end", () => client.end());
  const { promise: content, resolve: finish } = Promise.withResolvers<undefined>();
  async function* chunks(): AsyncGenerator<Uint8Array> {
    await content;
    yield* [];
  }
  const socket = wrap(accepted);
  const transfer = sendChunks(socket, chunks(), { signal }).catch((error: unknown) => error);
  return {
    transfer,
    finish: () => finish(undefined),
    async [Symbol.asyncDispose]() {
      client.destroy();
      if (!accepted.destroyed) await once(accepted.destroy(), "close");
    },
  };
}

const secured = (accepted: Socket): Socket => new TLSSocket(accepted, { isServer: true });

it("a transfer under TLS does, until it is aborted", async () => {
  const abort = new AbortController();
  await using started = await startTransfer(secured, abort.signal);
  expect([taken, held]).toEqual([1, 1]);
  abort.abort();
  started.finish();
  expect(await started.transfer).toMatchObject({ kind: "aborted" });
  expect(held).toBe(0);
});

it("a transfer in the clear does not: the kernel tells of it", async () => {
  await using started = await startTransfer((accepted) => accepted, new AbortController().signal);
  started.finish();
  await started.transfer;
  expect(taken).toBe(0);
});

it("DSIZ does, as long as it counts", async () => {
  await using server = await startInProcess({ openStorage: (folder) => LocalDisk.open(folder) });
  await mkdir(join(server.dataFolder, "tree"));
  await writeFile(join(server.dataFolder, "tree", "file"), "1234");
  await using client = await WireClient.open(server.host, server.controlPort);
  await client.login();
  await client.expect("DSIZ tree", 213);
  expect([taken, held]).toEqual([1, 0]);
  expect(await client.code("DSIZ tree/file")).toBe(550);
  expect(held).toBe(0);
});
