/** Text of a file as lines of a reply. */

const MOST_LINES = 40;

/**
 * Lines without controls, so that a file that some client stored can neither forge a reply nor
 * reach a terminal as a control sequence. Empty lines at the end are left out.
 */
export function cleanMessageText(text: string): readonly string[] {
  return text
    .trimEnd()
    .split(/\r\n|\n|\r/u)
    .slice(0, MOST_LINES)
    .map((line) =>
      line.replaceAll("\t", " ").replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/gu, "?"),
    )
    .filter((line, _index, lines) => lines.length > 1 || line !== "");
}
