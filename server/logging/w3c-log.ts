/** Writes the W3C extended log: appended at once, rolled over by time or size. */
import { mkdirSync, openSync, closeSync, fstatSync, writeSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { W3cLogSettings } from "#contract";
import { formatPeriodName, formatW3cHeader, formatW3cLine, type W3cRecord } from "./w3c-format.ts";

interface OpenFile {
  readonly name: string;
  readonly descriptor: number;
  /** Those of `unwritten` too. */
  bytes: number;
  /** Lines of this turn. */
  unwritten: string;
}

/** Where the lines go; one per server, or one per site when the settings say so. */
export interface W3cLog extends Disposable {
  write(record: W3cRecord): void;
}

export interface W3cLogOptions {
  readonly settings: W3cLogSettings;
  /** Absolute folder of the files. */
  readonly folder: string;
  readonly computerName: string;
  /**
   * Called when a line cannot be written (a full disk), once until lines can be written again: the
   * server goes on without them.
   */
  readonly onError: (error: Error) => void;
}

/** Opens the log. Lines of one turn of the event loop are written together, right after it. */
export function openW3cLog({ settings, folder, computerName, onError }: W3cLogOptions): W3cLog {
  const { fields, rollover, maxFileBytes } = settings;
  const files = new Map<string, OpenFile>();
  let pending: W3cRecord[] = [];
  let failing = false;

  const fileFor = (record: W3cRecord): OpenFile => {
    const target = settings.perSite ? join(folder, folderName(record.siteName)) : folder;
    const current = files.get(target);
    const wanted =
      rollover === "size"
        ? current !== undefined && current.bytes < maxFileBytes
          ? current.name
          : nextSizeName(target)
        : formatPeriodName(rollover, record.atMs);
    if (current?.name === wanted) return current;
    // Forgotten first: should the next file fail to open, this one must not be closed again.
    files.delete(target);
    if (current !== undefined) close(current);
    mkdirSync(target, { recursive: true });
    const descriptor = openSync(join(target, wanted), "a", 0o640);
    const opened = { name: wanted, descriptor, bytes: fstatSync(descriptor).size, unwritten: "" };
    files.set(target, opened);
    if (opened.bytes === 0) append(opened, formatW3cHeader(fields, record.atMs));
    return opened;
  };

  const flush = (): void => {
    const records = pending;
    pending = [];
    try {
      try {
        for (const record of records) {
          append(fileFor(record), formatW3cLine(fields, record, computerName));
        }
      } finally {
        for (const file of files.values()) writeOut(file);
      }
      if (records.length > 0) failing = false;
    } catch (error) {
      if (failing) return;
      failing = true;
      onError(error instanceof Error ? error : new Error(String(error)));
    }
  };

  return {
    write(record) {
      if (pending.push(record) === 1) setImmediate(flush);
    },
    [Symbol.dispose]() {
      flush();
      for (const { descriptor } of files.values()) closeSync(descriptor);
      files.clear();
    },
  };
}

function append(file: OpenFile, text: string): void {
  file.unwritten += text;
  file.bytes += Buffer.byteLength(text);
}

function writeOut(file: OpenFile): void {
  const text = file.unwritten;
  // What cannot be written is lost, not kept for ever.
  file.unwritten = "";
  if (text !== "") writeSync(file.descriptor, text);
}

function close(file: OpenFile): void {
  try {
    writeOut(file);
  } finally {
    closeSync(file.descriptor);
  }
}

/** Site names hold no separators (the contract sees to that); sessions without a site share one. */
function folderName(siteName: string | undefined): string {
  return siteName ?? "server";
}

/** `u_extend1.log`, `u_extend2.log` …: the first number that no file of the folder has yet. */
function nextSizeName(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const numbers = readdirSync(folder).map((name) =>
    Number(/^u_extend(\d+)\.log$/.exec(name)?.[1] ?? 0),
  );
  return `u_extend${String(Math.max(0, ...numbers) + 1)}.log`;
}
