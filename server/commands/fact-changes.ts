/** MFF: changes several facts of an entry at once (draft-somers-ftp-mfxx section 4). */
import {
  CHANGEABLE_FACTS,
  parseFactChanges,
  type ParsedFactChanges,
} from "../protocol/fact-changes.ts";
import { reply } from "../protocol/replies.ts";
import { formatTimeValue } from "../protocol/times.ts";
import { wordAndPath } from "./arguments.ts";
import { answer, loggedIn, type Command } from "./command.ts";
import { changeModified, NOT_KEPT } from "./modification-times.ts";

const NEEDED = "Needs facts such as Modify=20240131120000; and a path.";

const readFacts = (text: string): Exclude<ParsedFactChanges, { kind: "malformed" }> | undefined => {
  const parsed = parseFactChanges(text);
  return parsed.kind === "malformed" ? undefined : parsed;
};

const modifyFacts = loggedIn(
  "MFF",
  wordAndPath("<fact>=<value>;… <path>", NEEDED, readFacts),
  { right: "overwrite", features: () => [`MFF ${CHANGEABLE_FACTS.join(";")};`] },
  async ({ principal: { storage } }, { first, path }) => {
    if (first.kind === "unchangeable") {
      return answer(reply.parameterNotImplemented(`The fact ${first.fact} cannot be changed.`));
    }
    const { modifiedMs, mode } = first.changes;
    let changed = "";
    const before = modifiedMs === undefined ? undefined : await storage.entry(path);
    if (modifiedMs !== undefined) {
      if (!(await changeModified(storage, path, modifiedMs))) return answer(NOT_KEPT);
      changed += `Modify=${formatTimeValue(modifiedMs)};`;
    }
    if (mode !== undefined) {
      try {
        await storage.setMode(path, mode);
      } catch (error) {
        // All facts or none.
        if (before !== undefined) await storage.setModified(path, before.modifiedMs);
        throw error;
      }
      changed += `UNIX.mode=0${mode.toString(8).padStart(3, "0")};`;
    }
    return answer(reply.fileStatus(`${changed} ${path}`));
  },
);

export const FACT_CHANGE_COMMANDS: readonly Command[] = [modifyFacts];
