/** Every byte under load: what the server calls complete is complete, whatever happens beside it. */
import { randomBytes, randomInt } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect, it, vi } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

const CLIENTS = 64;
/** Each client moves this many files, up and down by turns. */
const ROUNDS = 3;
/** None is a multiple of what is read, sealed or written at once; one is empty. */
const SIZES = [0, 1, 16_385, 262_145, 1_500_001, 3_000_003];
const PATIENT = { timeout: 60_000, interval: 20 };

/** `cut` is honest: the server said that the transfer failed, or went away. `wrong` never is. */
type Outcome = "whole" | "cut" | "wrong";

interface Load {
  readonly server: TestServer;
  readonly files: readonly { readonly name: string; readonly content: Buffer }[];
}

/** One session after the other until all rounds are done; a session that is cut ends its client. */
async function runClient(load: Load, index: number): Promise<Outcome[]> {
  const { server } = load;
  const secure = index % 2 === 0;
  const outcomes: Outcome[] = [];
  const client = secure
    ? await WireClient.openTls(server.host, server.implicitTlsPort)
    : await WireClient.open(server.host, server.controlPort);
  try {
    await client.login();
    if (secure) {
      await client.expect("PBSZ 0", 200);
      await client.expect("PROT P", 200);
    }
    for (let round = 0; round < ROUNDS; round++) {
      const transfer = (index + round) % 4 < 2 ? upload : download;
      outcomes.push(await transfer(load, client, `${String(index)}-${String(round)}`));
    }
  } catch {
    outcomes.push("cut");
  } finally {
    await client[Symbol.asyncDispose]();
  }
  return outcomes;
}

/** An event; a connection that breaks before it is nobody's error here. */
function heard(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve) => socket.once(event, () => resolve()));
}

/** The data connection, under TLS when the control connection is, and the end of its handshake. */
async function openData(
  client: WireClient,
): Promise<{ readonly data: Socket; readonly ready: Promise<unknown> }> {
  const socket = await client.openData();
  socket.on("error", () => undefined);
  const session = client.tlsSession;
  if (session === undefined) return { data: socket, ready: Promise.resolve() };
  const data = connectTls({ socket, session, rejectUnauthorized: false });
  data.on("error", () => undefined);
  const ready = Promise.race([heard(data, "secureConnect"), heard(data, "close")]);
  return { data, ready };
}

async function upload({ server }: Load, client: WireClient, name: string): Promise<Outcome> {
  const content = randomBytes(SIZES[randomInt(SIZES.length)] ?? 0);
  const { data, ready } = await openData(client);
  const first = client.command(`STOR ${name}`);
  // Before the reply, and before the handshake: clients are free to.
  if (content.length > 0) data.write(content);
  const { code } = await first;
  if (code !== 150) return "cut";
  await ready;
  data.end();
  if ((await client.reply()).code !== 226) return "cut";
  const stored = await readFile(join(server.dataFolder, name));
  return stored.equals(content) ? "whole" : "wrong";
}

async function download({ files }: Load, client: WireClient): Promise<Outcome> {
  const file = files[randomInt(files.length)];
  if (file === undefined) throw new Error("no files");
  const { data } = await openData(client);
  const chunks: Buffer[] = [];
  data.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = heard(data, "close");
  if ((await client.command(`RETR ${file.name}`)).code !== 150) return "cut";
  await ended;
  if ((await client.reply()).code !== 226) return "cut";
  return Buffer.concat(chunks).equals(file.content) ? "whole" : "wrong";
}

it.each([1, 2])("64 clients with %i workers", async (workers) => {
  await using server = await startServer({ settings: { workers }, tls: true, passivePorts: 200 });
  const files = SIZES.map((size) => ({
    name: `file-${String(size)}`,
    content: randomBytes(size),
  }));
  for (const { name, content } of files) await writeFile(join(server.dataFolder, name), content);
  const load = { server, files };
  const events = (name: string): number =>
    server.records.filter(({ event }) => event === name).length;

  const running = Array.from({ length: CLIENTS }, (_, index) => runClient(load, index));
  await vi.waitUntil(() => events("loggedIn") >= CLIENTS, PATIENT);
  const changed = { ...server.settings, limits: { connections: 500 } };
  await writeFile(`${server.settingsFile}.new`, JSON.stringify(changed));
  await rename(`${server.settingsFile}.new`, server.settingsFile);
  await server.logged("settingsReloaded");
  if (workers > 1) {
    const { processId } = await server.logged("workerServes");
    process.kill(Number(processId), "SIGKILL");
  }
  const outcomes = await Promise.all(running);

  expect(outcomes.flat().filter((outcome) => outcome === "wrong")).toEqual([]);
  // Nobody notices a reload; of two workers one was ended, with half of the clients.
  const untouched = outcomes.filter((each) => each.every((outcome) => outcome === "whole"));
  expect(untouched.length).toBeGreaterThanOrEqual(workers === 1 ? CLIENTS : CLIENTS / 2);
  if (workers > 1) await vi.waitUntil(() => events("workerServes") === workers + 1, PATIENT);
  expect(server.records.filter(({ event }) => event === "bug")).toEqual([]);
});
