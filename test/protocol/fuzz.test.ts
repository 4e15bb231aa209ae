/** Whatever a client sends, the server stays up, answers the next one, and finds no bug in itself. */
import fc from "fast-check";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { COMMANDS } from "../../server/commands/table.ts";
import { LocalDisk } from "../../server/storage/local-disk.ts";
import { startInProcess, type InProcessServer } from "../support/in-process-server.ts";
import { ConnectionClosedError, WireClient } from "../support/wire-client.ts";

let server: InProcessServer;
beforeAll(async () => {
  server = await startInProcess({
    openStorage: (folder) => LocalDisk.open(join(folder, "inside")),
    limits: { failedLoginDelayMilliseconds: 1, dataConnectionSeconds: 1 },
  });
});
afterAll(() => server[Symbol.asyncDispose]());

/** Verbs that would end the session or wait for a data connection are tried elsewhere. */
const ENDING = ["QUIT", "REIN", "USER", "PASS", "AUTH"];

const path = fc.oneof(
  fc.constantFrom(
    ...[
      "",
      "/",
      "..",
      "../../x",
      "/../../x",
      "a/../../..",
      "a",
      "b/c",
      ".",
      "*",
      "[",
      "-la",
      "-la ..",
      "a*",
    ],
    ...[
      "\\..\\..\\x",
      "%2e%2e/x",
      "..%c0%af..",
      "\u202e",
      "é",
      "e\u0301",
      "x".repeat(300),
      " ",
      "~",
      "$HOME",
    ],
  ),
  fc.string({ maxLength: 20 }),
);
const argument = fc.oneof(
  path,
  fc.constantFrom(
    "A",
    "I",
    "ALL",
    "1",
    "2",
    "0",
    "99999999999999999999",
    "20240231000000 a",
    "644 a",
    "-1",
  ),
);
const line = fc
  .tuple(
    fc.constantFrom(...[...COMMANDS.keys()].filter((verb) => !ENDING.includes(verb))),
    argument,
  )
  .map(([verb, text]) => `${verb} ${text}`);

it("answers each of many odd commands exactly once, and stays inside its folder", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
      await using client = await WireClient.open(server.host, server.controlPort);
      await client.login();
      for (const each of lines.filter((text) => !/[\r\n]/.test(text))) {
        const { code } = await client.command(each);
        expect(code).toBeGreaterThanOrEqual(150);
        expect(code).toBeLessThan(560);
        // A transfer that began has its data connection refused by nobody but time.
        if (code === 150) {
          client.send("ABOR\r\n");
          expect((await client.reply()).code).toBe(426);
          expect((await client.reply()).code).toBe(226);
        }
      }
      expect(await client.code("NOOP")).toBe(200);
    }),
    { numRuns: 150 },
  );
  await expect(stat(join(server.dataFolder, "x"))).rejects.toThrow("ENOENT");
  expect(server.records.filter(({ event }) => event === "bug")).toEqual([]);
});

it("survives any bytes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }),
      fc.boolean(),
      async (chunks, login) => {
        await using client = await WireClient.open(server.host, server.controlPort);
        if (login) await client.login();
        for (const chunk of chunks) client.send(chunk);
        client.socket.end("\r\nNOOP\r\n");
        try {
          for (;;) await client.reply();
        } catch (error) {
          if (!(error instanceof ConnectionClosedError)) throw error;
        }
      },
    ),
    { numRuns: 150 },
  );
  expect(server.records.filter(({ event }) => event === "bug")).toEqual([]);
  await using client = await WireClient.open(server.host, server.controlPort);
  await client.login();
});
