/** The facts that MFF changes (draft-somers-ftp-mfxx): `Modify=20240131120000;UNIX.mode=0644;`. */
import { parseMode } from "./parameters.ts";
import { parseTimeValue } from "./times.ts";

/** Facts that can be changed, as FEAT announces them. */
export const CHANGEABLE_FACTS = ["Modify", "UNIX.mode"] as const;

export interface FactChanges {
  readonly modifiedMs?: number;
  /** Permission bits, `0o644`. */
  readonly mode?: number;
}

export type ParsedFactChanges =
  | { readonly kind: "changes"; readonly changes: FactChanges }
  /** A fact that exists nowhere or cannot be changed. */
  | { readonly kind: "unchangeable"; readonly fact: string }
  | { readonly kind: "malformed" };

/** Reads all facts; one that is wrong makes the whole list wrong, so that nothing is half done. */
export function parseFactChanges(text: string): ParsedFactChanges {
  if (!/^(?:[^;=\s]+=[^;=\s]+;)+$/u.test(text)) return { kind: "malformed" };
  let changes: FactChanges = {};
  for (const pair of text.split(";").slice(0, -1)) {
    const [fact = "", value = ""] = pair.split("=");
    switch (fact.toLowerCase()) {
      case "modify": {
        const modifiedMs = parseTimeValue(value);
        if (modifiedMs === undefined || changes.modifiedMs !== undefined) {
          return { kind: "malformed" };
        }
        changes = { ...changes, modifiedMs };
        break;
      }
      case "unix.mode": {
        const mode = parseMode(value);
        if (mode === undefined || changes.mode !== undefined) return { kind: "malformed" };
        changes = { ...changes, mode };
        break;
      }
      default:
        return { kind: "unchangeable", fact };
    }
  }
  return { kind: "changes", changes };
}
