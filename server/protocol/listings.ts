/** Lines of listings: UNIX style for people and old clients, facts for machines (RFC 3659). */
import { formatDosDate, formatListingDate, formatTimeValue } from "./times.ts";

/** What a line says of an entry. */
export interface ListedEntry {
  readonly name: string;
  readonly kind: "file" | "directory" | "other";
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly mode: number;
  readonly unique: string;
}

/** `drwxr-xr-x 1 ftp ftp 4096 Jan 31 12:00 name`; owner and group stay private. */
export function formatUnixLine(entry: ListedEntry, nowMs: number): string {
  const type = entry.kind === "directory" ? "d" : entry.kind === "file" ? "-" : "s";
  return (
    `${type}${formatMode(entry.mode)} 1 ftp ftp ` +
    `${String(entry.sizeBytes).padStart(12)} ${formatListingDate(entry.modifiedMs, nowMs)} ` +
    entry.name
  );
}

/** `10-02-23  11:21PM                   16 name`, as IIS and `dir` of MS-DOS write it. UTC. */
export function formatDosLine(entry: ListedEntry, fourDigitYears: boolean): string {
  const column =
    entry.kind === "directory"
      ? "       <DIR>          "
      : ` ${String(entry.sizeBytes).padStart(20)} `;
  return `${formatDosDate(entry.modifiedMs, fourDigitYears)}${column}${entry.name}`;
}

/** `r--`, `rw-`, … by the three bits of user, group and others. */
const PERMISSIONS = ["---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"] as const;

function formatMode(mode: number): string {
  const of = (shift: number): string => PERMISSIONS[(mode >> shift) & 7] ?? "---";
  return of(6) + of(3) + of(0);
}

/** Facts in the order they are announced and written. */
export const FACTS = ["type", "size", "modify", "perm", "unique", "UNIX.mode"] as const;
export type Fact = (typeof FACTS)[number];

/** What an account may do, as far as the fact `perm` tells. */
export type Permission =
  "append" | "create" | "delete" | "list" | "makeDirectory" | "overwrite" | "read" | "rename";

/** The letters of RFC 3659 section 7.5.5. Whoever sees a folder may enter it. */
const FOLDER_LETTERS = [
  ["c", "create"],
  ["d", "delete"],
  ["e", "always"],
  ["f", "rename"],
  ["l", "list"],
  ["m", "makeDirectory"],
  ["p", "delete"],
] as const;
const FILE_LETTERS = [
  ["a", "append"],
  ["d", "delete"],
  ["f", "rename"],
  ["r", "read"],
  ["w", "overwrite"],
] as const;

/** The fact `perm` of folders, and of everything else. */
export interface Permissions {
  readonly ofFolders: string;
  readonly ofFiles: string;
}

export function formatPermissions(permitted: ReadonlySet<Permission>): Permissions {
  const lettersOf = (letters: readonly (readonly [string, Permission | "always"])[]): string =>
    letters
      .filter(([, needed]) => needed === "always" || permitted.has(needed))
      .map(([letter]) => letter)
      .join("");
  return { ofFolders: lettersOf(FOLDER_LETTERS), ofFiles: lettersOf(FILE_LETTERS) };
}

/** `type=file;size=5;modify=…; name`. `name` is what follows the facts: a name or a full path. */
export function formatFactsLine(
  entry: ListedEntry,
  facts: ReadonlySet<Fact>,
  permissions: Permissions,
  name: string = entry.name,
): string {
  let line = "";
  for (const fact of FACTS) {
    const value = facts.has(fact) ? factValue(entry, fact, permissions) : undefined;
    if (value !== undefined) line += `${fact}=${value};`;
  }
  return `${line} ${name}`;
}

function factValue(
  entry: ListedEntry,
  fact: Fact,
  { ofFolders, ofFiles }: Permissions,
): string | undefined {
  switch (fact) {
    case "type":
      return entry.kind === "directory" ? "dir" : entry.kind === "file" ? "file" : "OS.unix=other";
    case "size":
      return entry.kind === "file" ? String(entry.sizeBytes) : undefined;
    case "modify":
      return formatTimeValue(entry.modifiedMs);
    case "perm":
      return entry.kind === "directory" ? ofFolders : ofFiles;
    case "unique":
      return entry.unique;
    case "UNIX.mode":
      return `0${(entry.mode & 0o7777).toString(8).padStart(3, "0")}`;
  }
}

/** The facts that OPTS MLST asks for; names that are not known are left out (RFC 3659, 7.9). */
export function parseFacts(argument: string): ReadonlySet<Fact> {
  const asked = new Set(argument.split(";").map((name) => name.trim().toLowerCase()));
  return new Set(FACTS.filter((fact) => asked.has(fact.toLowerCase())));
}

/** The facts in the form of FEAT (`type*;size;`) or of the reply to OPTS MLST. */
export function formatFacts(facts: ReadonlySet<Fact>, announce: "selected" | "none"): string {
  return announce === "selected"
    ? FACTS.map((fact) => `${fact}${facts.has(fact) ? "*" : ""};`).join("")
    : FACTS.filter((fact) => facts.has(fact))
        .map((fact) => `${fact};`)
        .join("");
}
