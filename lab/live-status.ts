/** Follows a server's status page, from where the page is open: the machine itself. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { programEnvironment } from "./programs.ts";

/** What a person wants to see of a running server. */
export interface LiveStatus {
  readonly sessions: number;
  readonly transfers: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

const READER = fileURLToPath(new URL("machine/status-reader.mjs", import.meta.url));

export interface StatusRequest {
  /** Start of a command line that enters the machine; empty at the level `process`. */
  readonly enter: readonly string[];
  readonly healthProbePort: number;
  readonly signal: AbortSignal;
}

/** Yields the status every few seconds; undefined when the server does not answer. */
export async function* followStatus(
  request: StatusRequest,
): AsyncGenerator<LiveStatus | undefined, void> {
  const { enter, healthProbePort, signal } = request;
  const [program = "", ...args] = [...enter, process.execPath, READER, String(healthProbePort)];
  const reader = spawn(program, args, {
    stdio: ["pipe", "pipe", "ignore"],
    env: programEnvironment(),
  });
  const closed = new Promise<void>((resolve) => reader.once("close", () => resolve()));
  const leave = () => reader.kill();
  signal.addEventListener("abort", leave, { once: true });
  try {
    for await (const line of createInterface({ input: reader.stdout })) {
      if (signal.aborted) break;
      yield parseStatus(line);
    }
  } finally {
    signal.removeEventListener("abort", leave);
    reader.kill();
    await closed;
  }
}

function parseStatus(line: string): LiveStatus | undefined {
  const page: unknown = JSON.parse(line);
  if (typeof page !== "object" || page === null) return undefined;
  const counted = "counted" in page && typeof page.counted === "object" ? page.counted : {};
  const number = (from: object | null, name: string) => {
    const value: unknown = Object.entries(from ?? {}).find(([key]) => key === name)?.[1];
    return typeof value === "number" ? value : 0;
  };
  return {
    sessions: number(page, "sessions"),
    transfers: number(page, "transfers"),
    bytesReceived: number(counted, "bytesReceived"),
    bytesSent: number(counted, "bytesSent"),
  };
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** `12.3 MiB`. */
function formatBytes(bytes: number): string {
  const step = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** step;
  return `${step === 0 ? String(value) : value.toFixed(1)} ${UNITS[step] ?? "B"}`;
}

export function formatStatus(status: LiveStatus | undefined): string {
  if (status === undefined) return "The server does not answer on its status port.";
  const { sessions, transfers, bytesReceived, bytesSent } = status;
  return `${String(sessions)} sessions, ${String(transfers)} transfers now; received ${formatBytes(bytesReceived)}, sent ${formatBytes(bytesSent)}`;
}
