import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exposureAt } from "../../../cli/exposure/revision.ts";

/** A repository whose `exposure` prints the arguments and what one tracked file says. */
describe("the exposure at a revision", () => {
  let folder: string;
  const git = (...args: readonly string[]): string =>
    execFileSync("git", ["-C", folder, ...args], { encoding: "utf8" });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "revision-"));
    git("init", "--quiet", "--initial-branch=main");
    git("config", "user.name", "tester");
    git("config", "user.email", "tester@example.com");
    mkdirSync(join(folder, "cli"));
    const script = `import fs from "node:fs"; console.log(process.argv.slice(2).join(" "), fs.readFileSync("table", "utf8"));`;
    writeFileSync(join(folder, "cli", "gangway.mjs"), script);
    writeFileSync(join(folder, "table"), "first");
    git("add", ".");
    git("commit", "--quiet", "--message=first");
    writeFileSync(join(folder, "table"), "second");
    git("commit", "--quiet", "--all", "--message=second");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("is that of the other commit, and leaves no checkout behind", async () => {
    const before = readdirSync(folder).toSorted();
    expect(await exposureAt(folder, "main~1", "dev")).toBe("exposure --stack dev --json first\n");
    expect(git("worktree", "list").trim().split("\n")).toHaveLength(1);
    expect(readdirSync(folder).toSorted()).toEqual(before);
    expect(git("status", "--porcelain")).toBe("");
  });

  it.each(["nonsense", "--upload-pack=x"])("names what is no commit: %s", async (ref) => {
    await expect(exposureAt(folder, ref, "dev")).rejects.toThrow(`${ref} is no commit`);
  });

  it("says in one line why the other program fails", async () => {
    writeFileSync(
      join(folder, "cli", "gangway.mjs"),
      `console.error("at\\nno such stack"); process.exit(1);`,
    );
    git("commit", "--quiet", "--all", "--message=broken");
    await expect(exposureAt(folder, "HEAD", "dev")).rejects.toThrow(
      /^--against: the exposure of HEAD cannot be evaluated: no such stack$/,
    );
  });
});
