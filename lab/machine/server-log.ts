/** Follows the server's log, JSON lines in a file, by the events of the file system. */
import { watch } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";

/** A record of the server's log. */
export interface LogRecord {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Size of the log now: where the records to come will begin. A missing log is empty. */
export async function logPosition(logFile: string): Promise<number> {
  return stat(logFile).then(
    ({ size }) => size,
    () => 0,
  );
}

/**
 * Yields the records that are written after `position`, as they come, until the signal aborts.
 * The file must exist.
 */
export async function* followLog(
  logFile: string,
  position: number,
  signal: AbortSignal,
): AsyncGenerator<LogRecord, void> {
  await using file = await open(logFile);
  let wake: () => void = () => undefined;
  let changed = Promise.resolve();
  const arm = () => {
    changed = new Promise((resolve) => {
      wake = resolve;
    });
  };
  arm();
  using watcher = closing(watch(logFile, { persistent: true }, () => wake()));
  watcher.onError(() => wake());
  signal.addEventListener("abort", () => wake(), { once: true });
  const decoder = new StringDecoder("utf8");
  const chunk = Buffer.alloc(65536);
  let offset = position;
  let carry = "";
  while (!signal.aborted) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, offset);
    if (bytesRead === 0) {
      // Armed before the read: a change in between has resolved this already.
      await changed;
      arm();
      continue;
    }
    offset += bytesRead;
    const lines = (carry + decoder.write(chunk.subarray(0, bytesRead))).split("\n");
    carry = lines.pop() ?? "";
    for (const line of lines) {
      const record = parseRecord(line);
      if (record !== undefined) yield record;
    }
  }
}

function closing(watcher: ReturnType<typeof watch>) {
  return {
    onError: (handler: () => void) => watcher.on("error", handler),
    [Symbol.dispose]: () => watcher.close(),
  };
}

/** Undefined for lines that are not of the log: a crash of the runtime, for example. */
function parseRecord(line: string): LogRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || !("event" in value)) return undefined;
    return { event: String(value.event), fields: { ...value } };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The end of the log since `position`, for a person who asks why the server did not start. */
export async function lastLines(logFile: string, position: number, count: number): Promise<string> {
  const text = await readFile(logFile).then(
    (bytes) => bytes.subarray(position).toString("utf8"),
    () => "",
  );
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
