// A server of its own for a measurement, and FTP clients that drive it.
import crypto from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** What `npm run bench` has bundled. */
export const SERVER = fileURLToPath(new URL("./.peers/gangway/server.mjs", import.meta.url));
const TICK_MS = 10;
export const PASSIVE_FIRST = 40_000;

const salt = crypto.randomBytes(16);
const base64 = (bytes) => bytes.toString("base64").replace(/=+$/u, "");
const hash = crypto.scryptSync("bench", salt, 32, { N: 2, r: 1, p: 1 });
export const passwordHash = `$scrypt$ln=1,r=1,p=1$${base64(salt)}$${base64(hash)}`;

/** A server of its own, with `prepare(dataFolder)` called before it starts. */
export async function serve(settings, prepare = () => undefined) {
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
export class Client {
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
export async function each(count, width, work) {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(width, count) }, async (_, lane) => {
      while (next < count) await work(next++, lane);
    }),
  );
}
