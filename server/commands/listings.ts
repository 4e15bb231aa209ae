/** Listings: LIST, NLST, MLSD over a data connection, STAT over the control connection. */
import type { Listing } from "#contract";
import { formatDosLine, formatFactsLine, formatUnixLine } from "../protocol/listings.ts";
import { nameOf, parentOf } from "../protocol/paths.ts";
import { isPattern, matchesPattern, parseListArgument } from "../protocol/patterns.ts";
import { reply } from "../protocol/replies.ts";
import { checkAccountRight } from "../session/gate.ts";
import type { Outcome } from "../session/outcomes.ts";
import { currentSite } from "../session/principal.ts";
import { StorageError, type Entry, type Storage } from "../storage/storage.ts";
import { anything, optionalPath, toPath } from "./arguments.ts";
import { answer, loggedIn, type Command, type LoggedInContext } from "./command.ts";
import { permissionsOf } from "./facts.ts";
import { describeStatus } from "./status.ts";

/** What a listing shows. `prefix` leads from the current folder to the names, as the client put it. */
interface Selection {
  readonly path: string;
  readonly entries: AsyncIterable<readonly Entry[]>;
  /** What `entries` come from. */
  readonly source: AsyncDisposable;
  readonly kind: "folder" | "file" | "pattern";
  readonly prefix: string;
}

/**
 * Finds what the argument of LIST, NLST or STAT means: a folder, a file, or a pattern in the last
 * name when nothing is called exactly that.
 *
 * @throws StorageError
 */
async function select(
  storage: Storage,
  path: string,
  asWritten: string | undefined,
): Promise<Selection> {
  const pattern = nameOf(path);
  try {
    const entry = await storage.entry(path);
    const isFolder = entry.kind === "directory";
    const entries = await begin(isFolder ? storage.list(path) : single(entry));
    return isFolder
      ? { path, entries, source: entries, kind: "folder", prefix: folderPrefix(asWritten) }
      : { path, entries, source: entries, kind: "file", prefix: parentPrefix(asWritten) };
  } catch (error) {
    const missing = error instanceof StorageError && error.kind === "notFound";
    if (!missing || !isPattern(pattern)) throw error;
  }
  const folder = parentOf(path);
  const holder = await storage.entry(folder);
  if (holder.kind !== "directory") throw new StorageError("notADirectory");
  const source = await begin(storage.list(folder));
  const entries = matching(source, pattern);
  return { path: folder, entries, source, kind: "pattern", prefix: parentPrefix(asWritten) };
}

/** A listing that has begun: its folder could be read. Whoever does not read on disposes it. */
type Begun<T> = AsyncIterable<T> & AsyncDisposable;

/**
 * Reads the first batch, so that a folder which cannot be read is refused (550) and no data
 * connection is opened for nothing.
 *
 * @throws StorageError
 */
async function begin<T>(batches: AsyncIterable<T>): Promise<Begun<T>> {
  const iterator = batches[Symbol.asyncIterator]();
  let first: Promise<IteratorResult<T>> | undefined = Promise.resolve(await iterator.next());
  const end = async (): Promise<void> => void (await iterator.return?.());
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const next = first ?? iterator.next();
        first = undefined;
        return next;
      },
      return: async () => {
        await end();
        return { done: true, value: undefined };
      },
    }),
    [Symbol.asyncDispose]: end,
  };
}

/** `NLST folder` answers `folder/name`: names that can be given back (RFC 1123, 4.1.2.7). */
function folderPrefix(asWritten: string | undefined): string {
  if (asWritten === undefined || asWritten === "." || asWritten === "./") return "";
  return asWritten.endsWith("/") ? asWritten : `${asWritten}/`;
}

function parentPrefix(asWritten: string | undefined): string {
  return asWritten === undefined ? "" : asWritten.slice(0, asWritten.lastIndexOf("/") + 1);
}

async function* single(entry: Entry): AsyncIterable<readonly Entry[]> {
  yield await Promise.resolve([entry]);
}

async function* matching(
  batches: AsyncIterable<readonly Entry[]>,
  pattern: string,
): AsyncIterable<readonly Entry[]> {
  for await (const batch of batches) {
    yield batch.filter(({ name }) => matchesPattern(pattern, name));
  }
}

/** Bytes of a batch's lines, but for names that are unusually long. */
const CHUNK_BYTES = 64 * 1024;
/** UTF-8 takes no more for one unit of a string. */
const MOST_BYTES_PER_UNIT = 3;

/**
 * One chunk per batch, so that memory does not grow with the folder. A chunk is good until the next
 * one is asked for: they are all written into one buffer, which no other listing ever sees, so that
 * a connection that breaks off with half of a chunk unsent cannot leak another client's lines.
 */
async function* toChunks(
  batches: AsyncIterable<readonly Entry[]>,
  format: (entry: Entry) => string,
): AsyncIterable<Uint8Array> {
  let buffer: Buffer | undefined;
  let chunks = 0;
  for await (const batch of batches) {
    let text = "";
    for (const entry of batch) text += `${format(entry)}\r\n`;
    if (text === "") continue;
    // Most listings are one chunk.
    if (++chunks > 1) buffer ??= Buffer.allocUnsafeSlow(CHUNK_BYTES);
    yield buffer === undefined || text.length * MOST_BYTES_PER_UNIT > buffer.length
      ? Buffer.from(text)
      : buffer.subarray(0, buffer.write(text));
  }
}

/** @param source what the chunks come from; disposed with the plan, also when nobody reads them. */
function listPlan(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  source: AsyncDisposable,
): Outcome {
  const owning = {
    [Symbol.asyncIterator]: () => chunks[Symbol.asyncIterator](),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
  return {
    kind: "transfer",
    plan: { direction: "list", opening: "Listing.", path, chunks: owning },
  };
}

/** How the site of a session wants its listings. */
function listingOf({ view, state }: LoggedInContext): Listing {
  return currentSite(view, state).settings.listing;
}

function lineFormat(listing: Listing, nowMs: number): (entry: Entry) => string {
  return listing.style === "dos"
    ? (entry) => formatDosLine(entry, listing.fourDigitYears)
    : (entry) => formatUnixLine(entry, nowMs);
}

/** Names with a leading dot only to those who ask, or when the site shows them to everybody. */
function visible(
  batches: AsyncIterable<readonly Entry[]>,
  { hiddenFiles }: Listing,
  options: ReadonlySet<string> = NO_OPTIONS,
): AsyncIterable<readonly Entry[]> {
  return hiddenFiles || options.has("a") || options.has("A") ? batches : withoutDotNames(batches);
}

const NO_OPTIONS: ReadonlySet<string> = new Set();

async function* withoutDotNames(
  batches: AsyncIterable<readonly Entry[]>,
): AsyncIterable<readonly Entry[]> {
  for await (const batch of batches) yield batch.filter(({ name }) => !name.startsWith("."));
}

/** Adds the line of free bytes; what cannot be told is left out. */
async function* withFreeBytes(
  chunks: AsyncIterable<Uint8Array>,
  storage: Storage,
  folder: string,
): AsyncIterable<Uint8Array> {
  yield* chunks;
  const bytes = await storage.freeBytes(folder).catch((error: unknown) => {
    if (error instanceof StorageError) return undefined;
    throw error;
  });
  if (bytes !== undefined) yield Buffer.from(`${String(bytes).padStart(39)} bytes free\r\n`);
}

/** LIST and NLST: of the options only -a means something, the others are tolerated. */
const list = (verb: "LIST" | "NLST"): Command =>
  loggedIn(
    verb,
    { ...anything, syntax: "[<options>] [<path>]" },
    { right: "list", transfers: true },
    async (context, argument) => {
      const { principal, state, nowMs } = context;
      const { path: asWritten, options } = parseListArgument(argument);
      const path = toPath(asWritten ?? ".", state);
      if (!path.ok) return answer(path.reply);
      const selection = await select(principal.storage, path.value, asWritten);
      const listing = listingOf(context);
      // A name that was asked for is no secret.
      const entries =
        selection.kind === "folder"
          ? visible(selection.entries, listing, options)
          : selection.entries;
      if (verb === "NLST") {
        return listPlan(
          selection.path,
          toChunks(entries, ({ name }) => selection.prefix + name),
          selection.source,
        );
      }
      const chunks = toChunks(entries, lineFormat(listing, nowMs));
      return listPlan(
        selection.path,
        listing.freeBytes && selection.kind === "folder"
          ? withFreeBytes(chunks, principal.storage, selection.path)
          : chunks,
        selection.source,
      );
    },
  );

const machineList = loggedIn(
  "MLSD",
  optionalPath,
  { right: "list", transfers: true },
  async (context, path = context.state.folder) => {
    const { principal, state } = context;
    const entry = await principal.storage.entry(path);
    // RFC 3659 section 7.2.1: 501 when the path is no folder.
    if (entry.kind !== "directory") return answer(reply.syntaxError("Not a folder; use MLST."));
    const { storage } = principal;
    const entries = await begin(storage.list(path));
    const rightsOf = storage.rightsIn(path);
    const chunks = toChunks(visible(entries, listingOf(context)), (each) =>
      formatFactsLine(each, state.facts, permissionsOf(rightsOf(each.name))),
    );
    return listPlan(path, chunks, entries);
  },
);

async function statusOfPath(context: LoggedInContext, argument: string): Promise<Outcome> {
  const { principal, state, nowMs } = context;
  const refusal = checkAccountRight(principal, "list");
  if (refusal !== undefined) return { kind: "reply", ...refusal };
  const { path: asWritten = ".", options } = parseListArgument(argument);
  const listing = listingOf(context);
  const path = toPath(asWritten, state);
  if (!path.ok) return answer(path.reply);
  const { entries, kind } = await select(principal.storage, path.value, asWritten);
  return {
    kind: "streamedReply",
    code: (kind === "file" ? reply.fileStatus("") : reply.directoryStatus("")).code,
    first: `Status of ${path.value}`,
    lines: toLines(
      kind === "folder" ? visible(entries, listing, options) : entries,
      lineFormat(listing, nowMs),
    ),
    last: "End of status.",
  };
}

async function* toLines(
  batches: AsyncIterable<readonly Entry[]>,
  format: (entry: Entry) => string,
): AsyncIterable<readonly string[]> {
  try {
    for await (const batch of batches) yield batch.map(format);
  } catch (error) {
    // The reply has begun; its client learns in the reply that it is not complete.
    if (!(error instanceof StorageError)) throw error;
    yield ["The rest cannot be read."];
  }
}

const status = loggedIn(
  "STAT",
  { ...anything, syntax: "[<path>]" },
  { duringTransfer: "answer", keeps: ["restart"] },
  (context, argument) =>
    argument === undefined
      ? answer(describeStatus(context, context.principal))
      : statusOfPath(context, argument),
);

export const LISTING_COMMANDS: readonly Command[] = [
  list("LIST"),
  list("NLST"),
  machineList,
  status,
];
