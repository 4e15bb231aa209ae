// @ts-check
// Posts a report on a pull request, in place of the former one of the same name. Several workflows
// comment as the same account, so each finds its own by a mark in the text. Uses GitHub's `gh`.
//   GH_TOKEN=… REPOSITORY=owner/name PULL_REQUEST=7 node scripts/comment.mjs NAME FILE
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "./run-program.mjs";

/** GitHub takes 65,536. */
const MOST_CHARACTERS = 65_000;

const [name, file] = process.argv.slice(2);
const { REPOSITORY, PULL_REQUEST } = process.env;
if (name === undefined || file === undefined || REPOSITORY === undefined || !PULL_REQUEST) {
  console.error("Usage: REPOSITORY=owner/name PULL_REQUEST=N node scripts/comment.mjs NAME FILE");
  process.exit(2);
}

const mark = `<!-- gangway: ${name} -->`;
const scratch = mkdtempSync(join(tmpdir(), "gangway-comment-"));
try {
  const body = join(scratch, "body.md");
  writeFileSync(body, `${mark}\n${shorten(readFileSync(file, "utf8"))}`);
  const comments = `repos/${REPOSITORY}/issues/${PULL_REQUEST}/comments`;
  const own = `.[] | select(.body | startswith(${JSON.stringify(mark)})) | .id`;
  const found = (await gh(["--paginate", comments, "--jq", own])).trim().split("\n")[0] ?? "";
  const [method, place] =
    found === "" ? ["POST", comments] : ["PATCH", `repos/${REPOSITORY}/issues/comments/${found}`];
  await gh(["--method", method, place, "--field", `body=@${body}`, "--silent"]);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** @param {readonly string[]} args */
async function gh(args) {
  const { exitCode, output, stdout } = await runProgram("gh", ["api", ...args]);
  if (exitCode === 0) return stdout;
  console.error(`gh api ${args.join(" ")} failed:\n${output}`);
  process.exit(1);
}

/** @param {string} text */
function shorten(text) {
  if (text.length <= MOST_CHARACTERS) return text;
  // A block that was open where the text is cut would swallow the last line.
  const cut = text.slice(0, MOST_CHARACTERS);
  const isOpen = (cut.match(/^```/gm)?.length ?? 0) % 2 === 1;
  return `${cut}${isOpen ? "\n```" : ""}\n\nThe rest is in the job's summary.\n`;
}
