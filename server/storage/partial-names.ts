/** Names of uploads under way, and which of them nobody writes any more. */
import { createHash, randomBytes } from "node:crypto";
import { hostname } from "node:os";

/** Uploads that are not complete yet have names of this form; clients neither see nor reach them. */
const PREFIX = ".gangway-partial-";
/** What another machine left on shared storage counts as abandoned after a day without a byte. */
const FOREIGN_MS = 24 * 60 * 60 * 1000;

/** This machine and this run of this process. */
const MACHINE = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
const RUN = `${MACHINE}-${String(process.pid)}-${randomBytes(4).toString("hex")}`;

export function isPartialName(name: string): boolean {
  return name.startsWith(PREFIX);
}

let made = 0;

/** A fresh name: `.gangway-partial-MACHINE-PROCESS-RUN-NUMBER`, well below 255 bytes. */
export function makePartialName(): string {
  return `${PREFIX}${RUN}-${(++made).toString(36)}`;
}

/** Whether it is an upload of another process. */
export function isForeignPartial(name: string): boolean {
  return isPartialName(name) && !isOwnPartial(name);
}

function isOwnPartial(name: string): boolean {
  return name.startsWith(`${PREFIX}${RUN}-`);
}

/**
 * Whether the process that an upload's name tells of is gone, so that the file will never be
 * complete.
 */
export function isAbandoned(name: string, modifiedMs: number, nowMs: number): boolean {
  if (isOwnPartial(name)) return false;
  const [machine, pid] = name.slice(PREFIX.length).split("-");
  if (machine !== MACHINE) return nowMs - modifiedMs > FOREIGN_MS;
  // Our number, but not our run: a process before us had the same number.
  return Number(pid) === process.pid || !isRunning(Number(pid));
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, as somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
