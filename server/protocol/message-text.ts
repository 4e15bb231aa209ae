/** What somebody else wrote, as text of a reply. */

const MOST_LINES = 40;

/** A line break would forge a reply, and another control may be a command to the client's terminal. */
export function withoutControls(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/gu, "?");
}

/** Lines of a file that some client may have stored, without controls; empty ones at the end are left out. */
export function cleanMessageText(text: string): readonly string[] {
  return text
    .trimEnd()
    .split(/\r\n|\n|\r/u)
    .slice(0, MOST_LINES)
    .map((line) => withoutControls(line.replaceAll("\t", " ")))
    .filter((line, _index, lines) => lines.length > 1 || line !== "");
}
