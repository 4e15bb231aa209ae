/** Does what systemd does with socket units: holds the control sockets and hands them to servers. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { get } from "node:http";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { LogRecord } from "./server.ts";

const ENTRY = fileURLToPath(new URL("../../server/main.ts", import.meta.url));

/**
 * The shell keeps the sockets open and starts a server for each line that it reads. Each server
 * finds the sockets from descriptor 3 on and its own process id in LISTEN_PID.
 */
const HOLDER = `
while read -r line; do
  LISTEN_FDS="$1" sh -c 'export LISTEN_PID=$$; printf "{\\"event\\":\\"spawned\\",\\"pid\\":%d}\\n" $$; exec "$@"' server $line &
done
wait
`;

export interface Unit {
  readonly name: string;
  readonly processId: number;
  readonly statusSocket: string;
}

export class SocketHolder implements AsyncDisposable {
  readonly records: LogRecord[] = [];
  readonly #shell: ChildProcess;
  readonly #folder: string;
  readonly #units: Unit[] = [];
  readonly #waiting: (() => void)[] = [];

  private constructor(shell: ChildProcess, folder: string) {
    this.#shell = shell;
    this.#folder = folder;
    if (shell.stdout === null) throw new Error("the shell has no output");
    createInterface({ input: shell.stdout }).on("line", (line) => {
      this.records.push(JSON.parse(line) as LogRecord);
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /** Listens on the ports of `host` and keeps them for servers to come. */
  static async open(host: string, ports: readonly number[], folder: string): Promise<SocketHolder> {
    const servers = ports.map((port) => createServer().listen(port, host));
    await Promise.all(servers.map((server) => once(server, "listening")));
    const shell = spawn("sh", ["-c", HOLDER, "holder", String(ports.length)], {
      stdio: ["pipe", "pipe", "inherit", ...servers.map(descriptorOf)],
    });
    await once(shell, "spawn");
    // From now on the sockets are the shell's alone.
    for (const server of servers) server.close();
    return new SocketHolder(shell, folder);
  }

  /** Starts a generation of the server; resolves once its health page says that it serves. */
  async start(name: "a" | "b", args: readonly string[]): Promise<Unit> {
    // As the service manager makes it: a folder for each generation.
    await mkdir(join(this.#folder, name), { recursive: true });
    const statusSocket = join(this.#folder, name, "status.sock");
    const generation = ["--generation", name, "--status-socket", statusSocket];
    const before = this.records.length;
    const command = [process.execPath, ENTRY, ...args, ...generation];
    this.#shell.stdin?.write(`${command.join(" ")}\n`);
    const spawned = await this.#next(before, "spawned");
    const unit = { name, processId: Number(spawned["pid"]), statusSocket };
    this.#units.push(unit);
    while ((await statusOf(unit, "/healthz"))?.status !== 200) {
      if (this.records.length > before + 1 && !isAlive(unit)) throw new Error(`${name} ended`);
      await pause(50);
    }
    return unit;
  }

  /** Resolves when nobody answers for the unit any more. */
  async ended(unit: Unit): Promise<void> {
    while ((await statusOf(unit, "/healthz")) !== undefined) await pause(50);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#shell.stdin?.end();
    for (const unit of this.#units) if (isAlive(unit)) process.kill(unit.processId, "SIGKILL");
    this.#shell.stdin?.end();
    if (this.#shell.exitCode === null) await once(this.#shell, "close");
  }

  async #next(from: number, event: string): Promise<LogRecord> {
    for (;;) {
      const found = this.records.slice(from).find((record) => record["event"] === event);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

/** A page of the unit's status socket; undefined while nobody answers there. */
export function statusOf(
  { statusSocket }: Unit,
  path: string,
): Promise<{ readonly status: number; readonly body: string } | undefined> {
  return new Promise((resolve) => {
    get({ socketPath: statusSocket, path }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    }).on("error", () => resolve(undefined));
  });
}

function isAlive({ processId }: Unit): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    // There is no such process any more.
    return false;
  }
}

/** Node keeps the descriptor of a listener to itself. */
function descriptorOf(server: Server): number {
  const { _handle: handle } = server as unknown as { readonly _handle: { readonly fd: number } };
  return handle.fd;
}
