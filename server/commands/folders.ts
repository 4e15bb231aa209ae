/** Folders: CWD, CDUP, PWD, MKD, RMD, and their X-forms (RFC 775). */
import { parentOf, quotePath } from "../protocol/paths.ts";
import { reply } from "../protocol/replies.ts";
import type { Outcome } from "../session/outcomes.ts";
import { currentSite } from "../session/principal.ts";
import { StorageError } from "../storage/storage.ts";
import { nothing, path } from "./arguments.ts";
import {
  answer,
  loggedIn,
  type ArgumentKind,
  type Command,
  type LoggedInContext,
} from "./command.ts";
import { readDirectoryMessage } from "./directory-message.ts";

async function changeFolder(
  { principal, view, state }: LoggedInContext,
  folder: string,
): Promise<Outcome> {
  const { storage } = principal;
  const entry = await storage.entry(folder);
  if (entry.kind !== "directory") return answer(reply.fileUnavailable("Not a folder."));
  const { directoryMessageFile } = currentSite(view, state).settings;
  const message =
    directoryMessageFile === undefined
      ? []
      : await readDirectoryMessage(storage, folder, directoryMessageFile);
  const current = `Current folder is ${quotePath(folder)}.`;
  const [first = current, ...others] = [...message, current];
  return answer(reply.completed(first, ...others), { folder });
}

/** `~` means the home, which is the root, to clients that think of a shell; unless it is a name. */
const folderOrHome: ArgumentKind<{ readonly folder: string; readonly orHome: boolean }> = {
  syntax: path.syntax,
  parse: (argument, state) => {
    const parsed = path.parse(argument, state);
    return parsed.ok
      ? { ok: true, value: { folder: parsed.value, orHome: argument === "~" } }
      : parsed;
  },
};

const change = (verb: string): Command =>
  loggedIn(
    verb,
    folderOrHome,
    { features: () => (verb === "CWD" ? ["TVFS"] : []) },
    async (context, { folder, orHome }) => {
      try {
        return await changeFolder(context, folder);
      } catch (error) {
        const missing = error instanceof StorageError && error.kind === "notFound";
        if (!missing || !orHome) throw error;
        return changeFolder(context, "/");
      }
    },
  );

const changeUp = (verb: string): Command =>
  loggedIn(verb, nothing, {}, (context) => changeFolder(context, parentOf(context.state.folder)));

const printFolder = (verb: string): Command =>
  loggedIn(verb, nothing, { keeps: ["restart"] }, ({ state }) =>
    answer(reply.pathname(`${quotePath(state.folder)} is the current folder.`)),
  );

const make = (verb: string): Command =>
  loggedIn(verb, path, { right: "makeDirectory" }, async ({ principal }, folder) => {
    await principal.storage.makeDirectory(folder);
    return answer(reply.pathname(`${quotePath(folder)} created.`));
  });

const remove = (verb: string): Command =>
  loggedIn(verb, path, { right: "delete" }, async ({ principal }, folder) => {
    if (folder === "/") return answer(reply.fileUnavailable("The root cannot be removed."));
    await principal.storage.removeDirectory(folder);
    return answer(reply.completed("Folder removed."));
  });

export const FOLDER_COMMANDS: readonly Command[] = [
  change("CWD"),
  change("XCWD"),
  changeUp("CDUP"),
  changeUp("XCUP"),
  printFolder("PWD"),
  printFolder("XPWD"),
  make("MKD"),
  make("XMKD"),
  remove("RMD"),
  remove("XRMD"),
];
