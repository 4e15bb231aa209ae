/** The server of a simulated machine: started so that it outlives us, and stopped by its record. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { endProcess, findProcess, recordProcess } from "../processes.ts";
import type { CommandLine } from "../programs.ts";
import { DeliveryRefused } from "./delivery.ts";
import { followLog, lastLines, logPosition } from "./server-log.ts";

/** Lines of the server's log that a failure shows; Azure keeps the last 4 KB of all output. */
const LOG_LINES = 15;
/** The delivery script gives the server as long on a real machine. */
const LISTENING_WITHIN_MILLISECONDS = 30_000;
const RELOADED_WITHIN_MILLISECONDS = 10_000;

const roleOf = (machine: string) => `server-${machine}`;

export interface ServerStart {
  readonly labFolder: string;
  readonly machine: string;
  readonly command: CommandLine;
  readonly logFile: string;
}

/**
 * Starts the server in a session of its own and returns once it listens.
 *
 * @throws DeliveryRefused with the last lines of the log when it ends or stays silent instead.
 */
export async function startServer(start: ServerStart): Promise<void> {
  const { labFolder, machine, command, logFile } = start;
  mkdirSync(dirname(logFile), { recursive: true });
  const position = await logPosition(logFile);
  const log = openSync(logFile, "a", 0o600);
  const [program, ...args] = command;
  const child = spawn(program, args, {
    detached: true,
    stdio: ["ignore", log, log],
    // What systemd would give it; nothing of the person's own environment.
    env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
  });
  closeSync(log);
  const settled = new AbortController();
  const gone = once(child, "exit").then(() => "gone" as const);
  try {
    await once(child, "spawn");
    if (child.pid !== undefined) recordProcess(labFolder, roleOf(machine), child.pid);
    const outcome = await Promise.race([
      sawEvent(logFile, position, ["listening"], LISTENING_WITHIN_MILLISECONDS, settled.signal),
      gone,
    ]);
    if (typeof outcome === "object") return;
    await stopServer(labFolder, machine, 0);
    throw new DeliveryRefused(
      `${outcome === "gone" ? "The server ended as soon as it was started" : "The server did not begin to listen"}; last lines of its log:\n${await lastLines(logFile, position, LOG_LINES)}`,
    );
  } finally {
    settled.abort();
    child.removeAllListeners();
    child.unref();
  }
}

/** Ends the server; sessions get `graceMilliseconds` to finish. False when there was none. */
export function stopServer(
  labFolder: string,
  machine: string,
  graceMilliseconds: number,
): Promise<boolean> {
  return endProcess(labFolder, roleOf(machine), graceMilliseconds);
}

export function isServerRunning(labFolder: string, machine: string): boolean {
  return findProcess(labFolder, roleOf(machine)) !== undefined;
}

/** Events of the server's log after its files have changed. */
const RELOAD_EVENTS = { done: "settingsReloaded", refused: "settingsRefused" } as const;

/**
 * Returns once the server has read files that were changed after `position`; it notices by itself.
 *
 * @throws DeliveryRefused when it keeps its old settings, and why.
 */
export async function waitForReload(logFile: string, position: number): Promise<void> {
  const settled = new AbortController();
  const events = Object.values(RELOAD_EVENTS);
  const seen = await sawEvent(
    logFile,
    position,
    events,
    RELOADED_WITHIN_MILLISECONDS,
    settled.signal,
  );
  settled.abort();
  if (typeof seen === "object" && seen.event === RELOAD_EVENTS.done) return;
  throw new DeliveryRefused(
    `The server did not take the new settings; last lines of its log:\n${await lastLines(logFile, position, LOG_LINES)}`,
  );
}

async function sawEvent(
  logFile: string,
  position: number,
  events: readonly string[],
  milliseconds: number,
  signal: AbortSignal,
) {
  const either = AbortSignal.any([signal, AbortSignal.timeout(milliseconds)]);
  for await (const record of followLog(logFile, position, either)) {
    if (events.includes(record.event)) return record;
  }
  return "silent" as const;
}
