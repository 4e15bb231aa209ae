import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runProgram } from "../../../scripts/run-program.mjs";

const SCRIPT = join(import.meta.dirname, "../../../scripts/comment.mjs");

/** Notes its arguments and the body, and answers the list of comments with `found`. */
const fakeGh = (folder: string, found: string) => `#!/bin/sh
echo "$*" >>"${folder}/calls"
for word in "$@"; do case $word in body=@*) cp "\${word#body=@}" "${folder}/body";; esac; done
case "$*" in *--jq*) printf '%s' '${found}';; esac
`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gangway-comment-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function comment(report: string, found: string) {
  const gh = join(folder, "gh");
  await writeFile(gh, fakeGh(folder, found));
  await chmod(gh, 0o755);
  await writeFile(join(folder, "report.md"), report);
  const path = [folder, process.env["PATH"] ?? ""].join(delimiter);
  const env = { ...process.env, PATH: path, REPOSITORY: "ada/files", PULL_REQUEST: "7" };
  const args = [SCRIPT, "exposure", join(folder, "report.md")];
  const { exitCode, output } = await runProgram(process.execPath, args, { env });
  expect({ exitCode, output }).toEqual({ exitCode: 0, output: "" });
  return {
    calls: (await readFile(join(folder, "calls"), "utf8")).trim().split("\n"),
    body: await readFile(join(folder, "body"), "utf8"),
  };
}

describe("the comment on a pull request", () => {
  it("is made where there is none of its name", async () => {
    const { calls, body } = await comment("### a report\n", "");
    expect(calls[1]).toContain("--method POST repos/ada/files/issues/7/comments ");
    expect(body).toBe("<!-- gangway: exposure -->\n### a report\n");
  });

  it("takes the place of the former one of its name, not of another workflow's", async () => {
    const { calls } = await comment("### a report\n", "42\n");
    expect(calls[0]).toContain('startswith("<!-- gangway: exposure -->")');
    expect(calls[1]).toContain("--method PATCH repos/ada/files/issues/comments/42 ");
  });

  it("is cut where GitHub would refuse it, with its block closed", async () => {
    const { body } = await comment(`\`\`\`diff\n${"+ a port\n".repeat(10_000)}\`\`\`\n`, "");
    expect(body.length).toBeLessThan(65_536);
    expect(body.match(/^```/gm)).toHaveLength(2);
    expect(body).toContain("The rest is in the job's summary.");
  });
});
