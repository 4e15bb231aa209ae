/** Facts of single entries: SIZE, MDTM, MFMT, MLST (RFC 3659, draft-somers-ftp-mfxx). */
import type { Right } from "#contract";
import {
  formatFacts,
  formatFactsLine,
  formatPermissions,
  type Permissions,
} from "../protocol/listings.ts";
import { reply } from "../protocol/replies.ts";
import { formatTimeValue, parseTimeValue } from "../protocol/times.ts";
import { optionalPath, path, wordAndPath } from "./arguments.ts";
import { answer, loggedIn, type Command } from "./command.ts";
import { changeModified, NOT_KEPT } from "./modification-times.ts";

const size = loggedIn(
  "SIZE",
  path,
  { right: "list", keeps: ["restart"], features: () => ["SIZE"] },
  async ({ principal, state }, target) => {
    // The size in ASCII is that of the converted file, known only by reading all of it.
    if (state.type === "ascii") {
      return answer(reply.fileUnavailable("SIZE needs TYPE I."));
    }
    const entry = await principal.storage.entry(target);
    return entry.kind === "file"
      ? answer(reply.fileStatus(String(entry.sizeBytes)))
      : answer(reply.fileUnavailable("Not a regular file."));
  },
);

const modified = loggedIn(
  "MDTM",
  path,
  { right: "list", keeps: ["restart"], features: () => ["MDTM"] },
  async ({ principal }, target) => {
    const entry = await principal.storage.entry(target);
    return answer(reply.fileStatus(formatTimeValue(entry.modifiedMs)));
  },
);

const setModified = loggedIn(
  "MFMT",
  wordAndPath("<YYYYMMDDHHMMSS> <path>", "Needs YYYYMMDDHHMMSS and a path.", parseTimeValue),
  { right: "overwrite", features: () => ["MFMT"] },
  async ({ principal }, { first: modifiedMs, path: target }) => {
    return (await changeModified(principal.storage, target, modifiedMs))
      ? answer(reply.fileStatus(`Modify=${formatTimeValue(modifiedMs)}; ${target}`))
      : answer(NOT_KEPT);
  },
);

/**
 * No file system that Linux serves files from lets anybody set when a file was created. The command
 * is known and its argument is checked, but FEAT does not announce it, nor MLST a fact `create`.
 */
const setCreated = loggedIn(
  "MFCT",
  wordAndPath("<YYYYMMDDHHMMSS> <path>", "Needs YYYYMMDDHHMMSS and a path.", parseTimeValue),
  { right: "overwrite" },
  async ({ principal }, { path: target }) => {
    await principal.storage.entry(target);
    return answer(
      reply.parameterNotImplemented("The file system does not let the creation time be set."),
    );
  },
);

/** By the set, of which there is one for the same rights: a listing asks for each of its lines. */
const knownPermissions = new WeakMap<ReadonlySet<Right>, Permissions>();

/** What rights become in the fact `perm`. */
export function permissionsOf(rights: ReadonlySet<Right>): Permissions {
  const known = knownPermissions.get(rights);
  if (known !== undefined) return known;
  const permissions = formatPermissions(rights);
  knownPermissions.set(rights, permissions);
  return permissions;
}

const machineEntry = loggedIn(
  "MLST",
  optionalPath,
  {
    right: "list",
    features: ({ state }) => [`MLST ${formatFacts(state.facts, "selected")}`],
  },
  async ({ principal, state }, target = state.folder) => {
    const entry = await principal.storage.entry(target);
    const permissions = permissionsOf(principal.storage.rightsAt(target));
    const line = formatFactsLine(entry, state.facts, permissions, target);
    return answer(reply.completed("Listing", ` ${line}`, "End"));
  },
);

export const FACT_COMMANDS: readonly Command[] = [
  size,
  modified,
  setModified,
  setCreated,
  machineEntry,
];
