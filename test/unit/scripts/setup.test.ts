import { spawn } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const SCRIPTS = join(import.meta.dirname, "../../../scripts");

const LOCK = {
  packages: {
    "": { name: "clone" },
    "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
    "node_modules/here": {
      version: "1.0.0",
      integrity: "sha512-h",
      optional: true,
      os: [process.platform],
      cpu: [process.arch],
    },
    "node_modules/elsewhere": {
      version: "1.0.0",
      integrity: "sha512-e",
      optional: true,
      os: ["plan9"],
    },
  },
};
/** What npm records after it has installed `LOCK` on this system. */
const INSTALLED = {
  packages: {
    "node_modules/a": LOCK.packages["node_modules/a"],
    "node_modules/here": LOCK.packages["node_modules/here"],
  },
};

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "gangway-setup-"));
  await cp(SCRIPTS, join(root, "scripts"), { recursive: true });
  await mkdir(join(root, "node_modules"));
  await writeFile(join(root, "package-lock.json"), JSON.stringify(LOCK));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const record = (packages: object) =>
  writeFile(join(root, "node_modules/.package-lock.json"), JSON.stringify({ packages }));

/** An npm that notes its arguments, then does what `body` says. */
async function fakeNpm(body: string): Promise<string> {
  const file = join(root, "npm.js");
  await writeFile(
    file,
    `const { appendFileSync, writeFileSync } = require("node:fs");
appendFileSync(${JSON.stringify(join(root, "calls"))}, process.argv.slice(2).join(" ") + "\\n");
${body}`,
  );
  await chmod(file, 0o755);
  return file;
}

const installing = `setTimeout(() => writeFileSync(
  ${"`${process.cwd()}/node_modules/.package-lock.json`"}, ${JSON.stringify(JSON.stringify(INSTALLED))}), 300);`;

async function setup(npm = "/nowhere/npm.js") {
  const child = spawn(process.execPath, [join(root, "scripts/setup.mjs")], {
    env: { ...process.env, npm_execpath: npm },
  });
  const [output, exitCode] = await Promise.all([
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on("close", resolve)),
  ]);
  return { output, exitCode };
}

const calls = async () => (await readFile(join(root, "calls"), "utf8")).trim().split("\n");

describe("set-up", () => {
  it("is silent when the locked packages are installed, foreign ones aside", async () => {
    await record(INSTALLED.packages);
    expect(await setup()).toEqual({ output: "", exitCode: 0 });
  });

  it.each<[string, object]>([
    ["a package is missing", { "node_modules/here": INSTALLED.packages["node_modules/here"] }],
    [
      "an optional package for this system is missing",
      { "node_modules/a": LOCK.packages["node_modules/a"] },
    ],
    [
      "a package is of another version",
      { ...INSTALLED.packages, "node_modules/a": { version: "1.0.1", integrity: "sha512-a" } },
    ],
    [
      "a package has other content",
      { ...INSTALLED.packages, "node_modules/a": { version: "1.0.0", integrity: "sha512-b" } },
    ],
  ])("installs when %s", async (_case, packages) => {
    await record(packages);
    const { output, exitCode } = await setup(await fakeNpm(installing));
    expect(output).toMatch(/^Installing the locked packages.*\nInstalled in \d+ s\.\n$/);
    expect(exitCode).toBe(0);
    expect(await calls()).toEqual([expect.stringMatching(/^ci --ignore-scripts .*--include=dev/)]);
  });

  it("installs once when two runs start together", async () => {
    const npm = await fakeNpm(installing);
    const both = await Promise.all([setup(npm), setup(npm)]);
    expect(both.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(await calls()).toHaveLength(1);
  });

  it("takes over from a run that was killed", async () => {
    await mkdir(join(root, ".gangway/setup.lock"), { recursive: true });
    // Beyond the largest id that Linux gives out.
    await writeFile(join(root, ".gangway/setup.lock/pid"), "4194305");
    expect((await setup(await fakeNpm(installing))).exitCode).toBe(0);
  });

  it("without a network says so, and what to look at", async () => {
    const { output, exitCode } = await setup(
      await fakeNpm(`console.error("npm error code ENOTFOUND\\nnpm error errno ENOTFOUND\\nnpm error network request failed\\nnpm error A complete log of this run");
process.exitCode = 1;`),
    );
    expect(exitCode).toBe(1);
    expect(output).toContain("could not be installed.\nnetwork request failed\n");
    expect(output).toContain("registry cannot be reached");
    expect(output).not.toMatch(/^\s+at |complete log/m);
  });

  it("does not believe an npm that claims to have installed", async () => {
    const { output, exitCode } = await setup(await fakeNpm(""));
    expect(output).toContain("node_modules still differs");
    expect(exitCode).toBe(1);
  });

  it("names a lockfile that is not there", async () => {
    await rm(join(root, "package-lock.json"));
    const { output, exitCode } = await setup();
    expect(output).toContain("package-lock.json cannot be read");
    expect(exitCode).toBe(1);
  });
});
