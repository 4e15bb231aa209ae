/**
 * Hashes of files: HASH with OPTS HASH (draft-bryan-ftpext-hash), and the older commands that
 * FTP clients know, each for one hash.
 */
import { digestRange, type ByteRange } from "../data/digest.ts";
import {
  formatHashes,
  parseChecksumArgument,
  parseHashName,
  type ChecksumArgument,
  type HashName,
} from "../protocol/hashes.ts";
import { nameOf } from "../protocol/paths.ts";
import { reply, type Reply } from "../protocol/replies.ts";
import type { Outcome } from "../session/outcomes.ts";
import type { SessionState } from "../session/state.ts";
import { StorageError, type Storage } from "../storage/storage.ts";
import { anything, path, toPath } from "./arguments.ts";
import {
  answer,
  anytime,
  loggedIn,
  type ArgumentKind,
  type Command,
  type LoggedInContext,
} from "./command.ts";

const NOT_A_FILE = reply.nameNotAllowed("Folders have no hash.");
const BEYOND_END = reply.invalidRestart("The range lies beyond the end of the file.");

/** What is to be hashed, and how the result is put into a reply. */
interface HashPlan {
  readonly file: string;
  readonly hash: HashName;
  /** First byte. */
  readonly start: number;
  /** Byte after the last one; cut to the size of the file. Undefined: its end. */
  readonly end: number | undefined;
  readonly format: (hex: string, range: ByteRange) => Reply;
}

/** Hashes a file of any size: it may take minutes. */
function hashFile({ principal: { storage } }: LoggedInContext, plan: HashPlan): Outcome {
  const { file, hash, start, end, format } = plan;
  let [doneBytes, allBytes] = [0, 0];
  return {
    kind: "calculation",
    code: format("", { start, end: end ?? start }).code,
    title: `Calculating ${hash} of ${nameOf(file)}`,
    progress: () => `${String(doneBytes)} of ${String(allBytes)} bytes`,
    run: async (signal) => {
      const { kind } = await storage.entry(file);
      if (kind === "directory") return NOT_A_FILE;
      await using handle = await storage.openRead(file);
      const { sizeBytes } = handle;
      const range = { start, end: Math.min(end ?? sizeBytes, sizeBytes) };
      // An empty range at the very beginning is an empty file.
      if (start > 0 && start >= sizeBytes) return BEYOND_END;
      allBytes = range.end - range.start;
      const onBytes = (count: number): void => void (doneBytes += count);
      return format(await digestRange(handle, hash, range, signal, onBytes), range);
    },
  };
}

/** A path as the reply repeats it, and resolved. */
const writtenPath: ArgumentKind<{ readonly written: string; readonly file: string }> = {
  syntax: path.syntax,
  parse: (argument, state) => {
    const parsed = path.parse(argument, state);
    return parsed.ok
      ? { ok: true, value: { written: argument ?? "", file: parsed.value } }
      : parsed;
  },
};

const hash = loggedIn(
  "HASH",
  writtenPath,
  { right: "read", features: ({ state }) => [`HASH ${formatHashes(state.hash)}`] },
  (context, { written, file }) => {
    const { pending, hash: name } = context.state;
    const { offset, last } =
      pending.kind === "restart" && pending.last !== undefined
        ? pending
        : { offset: 0, last: undefined };
    const end = last === undefined ? undefined : last + 1;
    const format = (hex: string, { start, end: after }: ByteRange): Reply => {
      // Ends are inclusive here; of an empty file the draft leaves no other form than 0-0.
      const range = `${String(start)}-${String(Math.max(start, after - 1))}`;
      return reply.fileStatus(`${name} ${range} ${hex} ${written}`);
    };
    return hashFile(context, { file, hash: name, start: offset, end, format });
  },
);

const selectHash = anytime(
  "OPTS HASH",
  { ...anything, syntax: "[<hash>]" },
  { inClear: true },
  ({ state }, argument) => {
    if (argument === undefined) return answer(reply.ok(state.hash));
    const chosen = parseHashName(argument);
    return chosen === undefined
      ? answer(reply.syntaxError("Unknown hash; the selection stays as it is."))
      : answer(reply.ok(chosen), { hash: chosen });
  },
);

const ofChecksum: ArgumentKind<readonly ChecksumArgument[]> = {
  syntax: "<path> [<start> [<end>]]",
  parse: (argument) => {
    const meanings = parseChecksumArgument(argument ?? "").filter(({ path: name }) => name !== "");
    return meanings.length === 0
      ? { ok: false, reply: reply.syntaxError("Needs a path, and perhaps a start and an end.") }
      : { ok: true, value: meanings };
  },
};

/** The first meaning whose file exists; of none, the first one. */
async function choose(
  storage: Storage,
  state: SessionState,
  meanings: readonly ChecksumArgument[],
): Promise<ChecksumArgument | undefined> {
  for (const meaning of meanings) {
    const resolved = toPath(meaning.path, state);
    if (!resolved.ok) continue;
    try {
      await storage.entry(resolved.value);
      return meaning;
    } catch (error) {
      if (!(error instanceof StorageError) || error.kind !== "notFound") throw error;
    }
  }
  return meanings[0];
}

/** `start` and `end` count from 0, and the byte at `end` is not part of it. */
const checksum = (verb: string, name: HashName): Command =>
  loggedIn(
    verb,
    ofChecksum,
    { right: "read", features: () => [verb] },
    async (context, meanings) => {
      const { principal, state } = context;
      const meaning = await choose(principal.storage, state, meanings);
      const resolved = toPath(meaning?.path ?? "", state);
      if (!resolved.ok) return answer(resolved.reply);
      const { start = 0, end } = meaning ?? {};
      const format = (hex: string): Reply => reply.completed(hex.toUpperCase());
      return hashFile(context, { file: resolved.value, hash: name, start, end, format });
    },
  );

export const CHECKSUM_COMMANDS: readonly Command[] = [
  hash,
  selectHash,
  checksum("XCRC", "CRC32"),
  checksum("XMD5", "MD5"),
  checksum("XSHA", "SHA-1"),
  checksum("XSHA1", "SHA-1"),
  checksum("XSHA256", "SHA-256"),
  checksum("XSHA512", "SHA-512"),
];
