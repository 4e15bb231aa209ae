// Whether cost per unit stays flat while the work grows: accounts and rules, sessions, transfers,
// directory entries, passive ports, and what a process has done before. Prints tables as Markdown.
// Measures server CPU and memory only, which other load on the machine changes little. After `npm run bench` (which unpacks the bundle):
//   node_modules/.bin/node bench/scaling.mjs [accounts|sessions|transfers|entries|ports|warmth …]
import crypto from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const SERVER = fileURLToPath(new URL("./.peers/gangway/server.mjs", import.meta.url));
const TICK_MS = 10;
const PASSIVE_FIRST = 40_000;

const salt = crypto.randomBytes(16);
const base64 = (bytes) => bytes.toString("base64").replace(/=+$/u, "");
const hash = crypto.scryptSync("bench", salt, 32, { N: 2, r: 1, p: 1 });
const passwordHash = `$scrypt$ln=1,r=1,p=1$${base64(salt)}$${base64(hash)}`;

/** A server of its own, with `prepare(dataFolder)` called before it starts. */
async function serve(settings, prepare = () => undefined) {
  const shared = fs.existsSync("/dev/shm") ? "/dev/shm" : os.tmpdir();
  const folder = fs.mkdtempSync(path.join(shared, "gangway-scaling-"));
  const dataFolder = path.join(folder, "data");
  fs.mkdirSync(dataFolder);
  prepare(dataFolder);
  const controlPort = 20_000 + crypto.randomInt(10_000);
  const file = path.join(folder, "settings.json");
  fs.writeFileSync(
    file,
    JSON.stringify({
      listen: { addresses: ["127.0.0.1"], controlPort },
      passive: { ports: `${PASSIVE_FIRST}-${PASSIVE_FIRST + 99}`, advertisedAddress: "127.0.0.1" },
      tls: { controlPolicy: "allow" },
      dataFolder,
      accounts: [{ name: "bench", passwordHash }],
      ...settings,
    }),
  );
  const startedMs = performance.now();
  const child = spawn(process.execPath, [SERVER, "--settings", file], {
    stdio: "ignore",
  });
  for (;;) {
    const socket = net.connect(controlPort, "127.0.0.1");
    const open = await new Promise((resolve) => {
      socket.once("data", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (open) break;
    if (child.exitCode !== null) throw new Error("the server ended");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const startMs = performance.now() - startedMs;
  const read = (name) => fs.readFileSync(`/proc/${child.pid}/${name}`, "utf8");
  return {
    controlPort,
    startMs,
    cpuMs: () => {
      const fields = read("stat").split(") ")[1].split(" ");
      return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    },
    pssKib: () => Number(/^Pss:\s+(\d+)/mu.exec(read("smaps_rollup"))[1]),
    peakKib: () => Number(/^VmHWM:\s+(\d+)/mu.exec(read("status"))[1]),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await once(child, "exit");
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One session; commands wait for their replies. */
class Client {
  #text = "";
  #wake = () => undefined;

  static async login(port, name = "bench") {
    const client = new Client();
    client.socket = net.connect(port, "127.0.0.1").setNoDelay(true);
    client.socket.on("data", (chunk) => {
      client.#text += chunk.toString();
      client.#wake();
    });
    client.socket.on("error", () => client.#wake());
    await client.reply();
    for (const line of [`USER ${name}`, "PASS bench", "TYPE I"]) await client.command(line);
    return client;
  }

  async reply() {
    for (;;) {
      const found = /^(\d{3}) .*\r\n/mu.exec(this.#text);
      if (found !== null) {
        this.#text = this.#text.slice(found.index + found[0].length);
        if (Number(found[1]) >= 400) throw new Error(found[0].trim());
        return found[0];
      }
      if (this.socket.destroyed) throw new Error("closed");
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }

  command(line) {
    this.socket.write(`${line}\r\n`);
    return this.reply();
  }

  /** Bytes that came. */
  async fetch(line) {
    const port = Number(/\|(\d+)\|/u.exec(await this.command("EPSV"))[1]);
    const onread = { buffer: Buffer.alloc(1 << 18), callback: (count) => ((bytes += count), true) };
    let bytes = 0;
    const data = net.connect({ port, host: "127.0.0.1", onread });
    const closed = once(data, "close");
    await this.command(line);
    await closed;
    await this.reply();
    return bytes;
  }

  close() {
    this.socket.destroy();
  }
}

/** Runs `work(index, lane)` for 0 … count-1, in `width` lanes, each of which does one at a time. */
async function each(count, width, work) {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(width, count) }, async (_, lane) => {
      while (next < count) await work(next++, lane);
    }),
  );
}

const show = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function print(title, head, rows) {
  console.log(`\n**${title}**\n\n| ${head.join(" | ")} |\n|${" ---: |".repeat(head.length)}`);
  for (const row of rows) {
    const [units, ...figures] = row;
    console.log(`| ${units.toLocaleString("en")} | ${figures.map(show).join(" | ")} |`);
  }
}

async function accounts() {
  const rows = [];
  for (const count of [10, 100, 1000, 10_000]) {
    const names = Array.from({ length: count }, (_, index) => `account${index}`);
    const authorization = names.map((name) => ({
      effect: "allow",
      users: [name],
      permissions: ["read", "write"],
      path: `/${name}`,
    }));
    authorization.push({ effect: "allow", users: ["*"], permissions: ["read"], path: "/" });
    const rules = names.map((_, index) => ({
      effect: "allow",
      address: `10.${index >> 8}.${index & 255}.0/24`,
      path: "/",
    }));
    await using server = await serve({
      accounts: names.map((name) => ({ name, passwordHash })),
      sites: [{ name: "default", authorization, ipRestrictions: { rules } }],
    });
    const pssKib = server.pssKib();
    const session = async (index) => {
      const client = await Client.login(server.controlPort, names[(index * 7919) % count]);
      await client.fetch("LIST");
      client.close();
    };
    await each(200, 8, session);
    const before = server.cpuMs();
    await each(500, 8, session);
    const perSession = (server.cpuMs() - before) / 500;
    rows.push([count, server.startMs, pssKib / 1024, perSession]);
  }
  print(
    "Accounts, as many authorization rules, as many address rules",
    ["accounts", "start, ms", "memory, MiB", "login + LIST, ms CPU"],
    rows,
  );
}

async function sessions() {
  const rows = [];
  for (const count of [10, 100, 1000, 5000]) {
    await using server = await serve({ limits: { connections: 6000 } });
    await each(50, 8, async () => (await Client.login(server.controlPort)).close());
    await new Promise((resolve) => setTimeout(resolve, 500));
    const [pssKib, cpuMs] = [server.pssKib(), server.cpuMs()];
    const clients = [];
    await each(count, 16, async () => clients.push(await Client.login(server.controlPort)));
    const perLogin = (server.cpuMs() - cpuMs) / count;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const perSession = (server.pssKib() - pssKib) / count;
    const noops = server.cpuMs();
    const lanes = Math.min(count, 16);
    const depth = Math.floor(count / lanes);
    await each(2000, lanes, (index, lane) =>
      clients[lane + lanes * (index % depth)].command("NOOP"),
    );
    rows.push([count, perSession, perLogin, ((server.cpuMs() - noops) / 2000) * 1000]);
    for (const client of clients) client.close();
  }
  print(
    "Sessions that are open",
    ["sessions", "memory each, KiB", "login, ms CPU", "NOOP, µs CPU"],
    rows,
  );
}

async function transfers() {
  const totalBytes = 2 ** 31;
  const rows = [];
  for (const count of [1, 4, 16, 64]) {
    await using server = await serve({}, (folder) => {
      fs.writeFileSync(path.join(folder, "file"), Buffer.alloc(totalBytes / 64, 1));
    });
    const clients = await Promise.all(
      Array.from({ length: count }, () => Client.login(server.controlPort)),
    );
    await clients[0].fetch("RETR file");
    const before = server.cpuMs();
    await each(64, count, (_, lane) => clients[lane].fetch("RETR file"));
    rows.push([count, (server.cpuMs() - before) / 1000 / (totalBytes / 1e9)]);
    for (const client of clients) client.close();
  }
  print("Downloads at the same time", ["transfers", "s CPU/GB"], rows);
}

async function entries() {
  const rows = [];
  for (const count of [1000, 10_000, 100_000]) {
    await using server = await serve({}, (folder) => {
      fs.mkdirSync(path.join(folder, "big"));
      for (let index = 0; index < count; index++) {
        fs.writeFileSync(path.join(folder, "big", `entry-${index}.dat`), "");
      }
    });
    const client = await Client.login(server.controlPort);
    await client.fetch("LIST");
    const baseKib = server.peakKib();
    const repeats = Math.max(1, 100_000 / count);
    const perEntry = [];
    for (const command of ["LIST", "MLSD"]) {
      const before = server.cpuMs();
      for (let repeat = 0; repeat < repeats; repeat++) await client.fetch(`${command} big`);
      perEntry.push(((server.cpuMs() - before) / repeats / count) * 1000);
    }
    rows.push([count, ...perEntry, (server.peakKib() - baseKib) / 1024]);
    client.close();
  }
  print(
    "Entries of one directory",
    ["entries", "LIST, µs CPU/entry", "MLSD, µs CPU/entry", "peak above base, MiB"],
    rows,
  );
}

async function ports() {
  const rows = [];
  for (const count of [10, 100, 1000, 10_000]) {
    const range = `${PASSIVE_FIRST}-${PASSIVE_FIRST + count - 1}`;
    await using server = await serve(
      { passive: { ports: range, advertisedAddress: "127.0.0.1" } },
      (folder) => fs.writeFileSync(path.join(folder, "file"), Buffer.alloc(4096, 1)),
    );
    const clients = await Promise.all([1, 2, 3, 4].map(() => Client.login(server.controlPort)));
    await each(200, 4, (_, lane) => clients[lane].fetch("RETR file"));
    const pssKib = server.pssKib();
    const before = server.cpuMs();
    await each(600, 4, (_, lane) => clients[lane].fetch("RETR file"));
    rows.push([count, server.startMs, pssKib / 1024, (server.cpuMs() - before) / 600]);
    for (const client of clients) client.close();
  }
  print(
    "Ports of the passive range",
    ["ports", "start, ms", "memory, MiB", "RETR of 4 KiB, ms CPU"],
    rows,
  );
}

async function warmth() {
  const windowFiles = 2000;
  const rows = [];
  await using server = await serve({}, (folder) => {
    fs.writeFileSync(path.join(folder, "file"), Buffer.alloc(4096, 1));
  });
  const clients = await Promise.all(
    Array.from({ length: 8 }, () => Client.login(server.controlPort)),
  );
  for (let files = windowFiles; files <= 24_000; files += windowFiles) {
    const before = server.cpuMs();
    await each(windowFiles, 8, (_, lane) => clients[lane].fetch("RETR file"));
    rows.push([files, (server.cpuMs() - before) / windowFiles]);
  }
  for (const client of clients) client.close();
  print("Files that a process has sent", ["files so far", "RETR of 4 KiB, ms CPU"], rows);
}

const ALL = { accounts, sessions, transfers, entries, ports, warmth };
const wanted = process.argv.slice(2);
for (const [name, measure] of Object.entries(ALL)) {
  if (wanted.length === 0 || wanted.includes(name)) await measure();
}
