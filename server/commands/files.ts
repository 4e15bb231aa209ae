/** Files: RETR, STOR, APPE, STOU, DELE, RNFR, RNTO. */
import { joinPath, nameOf } from "../protocol/paths.ts";
import { RangedUpload } from "../data/ranged-upload.ts";
import { reply, type Reply } from "../protocol/replies.ts";
import type { Outcome } from "../session/outcomes.ts";
import { currentSite } from "../session/principal.ts";
import type { SessionState } from "../session/state.ts";
import { StorageError, type WriteMode } from "../storage/storage.ts";
import { optionalPath, path } from "./arguments.ts";
import { answer, loggedIn, type Command, type LoggedInContext } from "./command.ts";

function restartOffset({ pending }: SessionState): number {
  return pending.kind === "restart" ? pending.offset : 0;
}

/** RANG was given: the last byte to send. */
function rangeLast({ pending }: SessionState): number | undefined {
  return pending.kind === "restart" ? pending.last : undefined;
}

/** Offsets count bytes of the file; in ASCII, bytes on the wire are others. */
function checkRestart(state: SessionState): Reply | undefined {
  return state.type === "ascii" && (restartOffset(state) > 0 || rangeLast(state) !== undefined)
    ? reply.typeMismatch("A restart needs TYPE I.")
    : undefined;
}

const retrieve = loggedIn(
  "RETR",
  path,
  { right: "read", transfers: true },
  async ({ principal, state }, source) => {
    const refusal = checkRestart(state);
    if (refusal !== undefined) return answer(refusal);
    const handle = await principal.storage.openRead(source);
    const { sizeBytes } = handle;
    const last = rangeLast(state);
    const offset = restartOffset(state);
    if (offset > sizeBytes && last === undefined) {
      await handle[Symbol.asyncDispose]();
      throw new StorageError("offsetBeyondEnd");
    }
    // Of a range, what the file has of it is sent, which may be nothing.
    const end = last === undefined ? undefined : Math.max(offset, Math.min(last + 1, sizeBytes));
    const bytes = end === undefined ? sizeBytes : end - offset;
    const size = state.type === "image" ? ` (${String(bytes)} bytes)` : "";
    return {
      kind: "transfer",
      plan: {
        direction: "send",
        opening: `Sending ${nameOf(source)}${size}.`,
        path: source,
        source: handle,
        offset,
        ...(end === undefined ? {} : { end }),
        ascii: state.type === "ascii",
      },
    };
  },
);

async function receive(
  { principal, state }: LoggedInContext,
  target: string,
  mode: WriteMode,
): Promise<Outcome> {
  const refusal = checkRestart(state);
  if (refusal !== undefined) return answer(refusal);
  const last = rangeLast(state);
  if (last !== undefined && mode.kind !== "resume") {
    return answer(reply.parameterNotImplemented("RANG is for RETR, STOR and HASH; use REST."));
  }
  const opened = await principal.storage.openWrite(target, mode);
  const handle =
    last === undefined ? opened : new RangedUpload(opened, last + 1 - restartOffset(state));
  return {
    kind: "transfer",
    plan: {
      direction: "receive",
      // The form that RFC 1123 section 4.1.2.9 gives STOU.
      opening: mode.kind === "unique" ? `FILE: ${handle.name}` : `Receiving ${handle.name}.`,
      path: target,
      target: handle,
      ascii: state.type === "ascii",
    },
  };
}

const store = loggedIn("STOR", path, { transfers: true }, (context, target) => {
  const offset = restartOffset(context.state);
  // Nothing outside a range is touched (draft-bryan-ftp-range section 4.3).
  const keepsRest = rangeLast(context.state) !== undefined;
  const { uploads } = currentSite(context.view, context.state).settings;
  return receive(
    context,
    target,
    offset > 0 || keepsRest
      ? { kind: "resume", offset, keepsRest }
      : {
          kind: "replace",
          keepsPartial: uploads.keepPartial,
          showsPartial: uploads.readWhileUploading,
        },
  );
});

const append = loggedIn("APPE", path, { transfers: true }, (context, target) =>
  restartOffset(context.state) > 0 || rangeLast(context.state) !== undefined
    ? answer(reply.badSequence("APPE begins at the end; use REST or RANG with STOR."))
    : receive(context, target, { kind: "append" }),
);

/** Name that STOU begins with when the client gives none. */
const UNIQUE_NAME = "upload";

const storeUnique = loggedIn(
  "STOU",
  optionalPath,
  { right: "create", transfers: true },
  (context, target) =>
    receive(context, target ?? joinPath(context.state.folder, UNIQUE_NAME), { kind: "unique" }),
);

const remove = loggedIn("DELE", path, { right: "delete" }, async ({ principal }, target) => {
  await principal.storage.removeFile(target);
  return answer(reply.completed("File removed."));
});

const renameFrom = loggedIn("RNFR", path, { right: "rename" }, async ({ principal }, from) => {
  if (from === "/") return answer(reply.fileUnavailable("The root cannot be renamed."));
  await principal.storage.entry(from);
  return answer(reply.pending("Now RNTO."), { pending: { kind: "rename", from } });
});

const renameTo = loggedIn(
  "RNTO",
  path,
  { right: "rename", needs: "rename" },
  async ({ principal, state }, to) => {
    if (state.pending.kind !== "rename") return answer(reply.badSequence("Use RNFR first."));
    const { from } = state.pending;
    await principal.storage.rename(from, to);
    return answer(reply.completed("Renamed."));
  },
);

export const FILE_COMMANDS: readonly Command[] = [
  retrieve,
  store,
  append,
  storeUnique,
  remove,
  renameFrom,
  renameTo,
];
