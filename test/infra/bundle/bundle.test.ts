import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundle, type Architecture } from "../../../infra/bundle/index.ts";
import { renderUnits } from "../../../infra/machine/units.ts";
import { isInstalled } from "../../support/programs.ts";

const run = promisify(execFile);
const REPOSITORY = join(import.meta.dirname, "../../..");
const ARCHITECTURE: Architecture = process.arch === "arm64" ? "arm64" : "x64";

/** A clone small enough to bundle often: the lockfile, the modules and a server of a few lines. */
async function makeClone(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "gangway-bundle-test-"));
  for (const file of ["package.json", "package-lock.json", "LICENSE"]) {
    await cp(join(REPOSITORY, file), join(root, file));
  }
  await symlink(join(REPOSITORY, "node_modules"), join(root, "node_modules"));
  await mkdir(join(root, "server"));
  await writeServer(root, "first");
  await mkdir(join(root, "certificates"));
  await writeFile(join(root, "certificates", "main.ts"), "console.log(1);\n");
  return root;
}

async function writeServer(root: string, greeting: string): Promise<void> {
  await writeFile(
    join(root, "server", "main.ts"),
    `import * as v from "valibot";\nconst text: string = v.parse(v.string(), "${greeting}");\nconsole.log(text);\n`,
  );
}

const build = (root: string, ifMissing = true) =>
  bundle({ root, architecture: ARCHITECTURE, ifMissing, report: () => undefined });

const sha256 = async (file: string) =>
  createHash("sha256")
    .update(await readFile(file))
    .digest("hex");

const listing = async (file: string) => (await run("tar", ["-tf", file])).stdout.trim().split("\n");

// What tar calls for these archives.
const canUnpack = isInstalled("zstd");

describe("bundle", () => {
  let root: string;
  beforeAll(async () => {
    root = await makeClone();
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  it("names the archives by the content they really have", async () => {
    const { server, runtime } = await build(root);
    for (const { path, sha256: named, bytes } of [server, runtime]) {
      const content = await readFile(join(root, path));
      expect(createHash("sha256").update(content).digest("hex")).toBe(named);
      expect(path).toContain(named);
      expect(content.length).toBe(bytes);
    }
  });

  it("gives the same bytes again after its folder was deleted", async () => {
    const before = await build(root);
    await rm(join(root, ".gangway"), { recursive: true });
    expect(await build(root)).toEqual(before);
  });

  it("gives the same server in another folder", async () => {
    const before = await build(root);
    const elsewhere = await makeClone();
    try {
      expect((await build(elsewhere)).server.sha256).toBe(before.server.sha256);
    } finally {
      await rm(elsewhere, { recursive: true, force: true });
    }
  });

  it("changes only the server's archive with the server's code, and returns with it", async () => {
    const before = await build(root);
    await writeServer(root, "second");
    const after = await build(root);
    expect(after.runtime).toEqual(before.runtime);
    expect(after.server.sha256).not.toBe(before.server.sha256);
    await writeServer(root, "first");
    expect(await build(root)).toEqual(before);
  });

  it("replaces an archive that was cut short", async () => {
    const { server } = await build(root);
    await truncate(join(root, server.path), 10);
    await build(root);
    expect(await sha256(join(root, server.path))).toBe(server.sha256);
  });

  it("runs several times at once", async () => {
    await rm(join(root, ".gangway"), { recursive: true, force: true });
    const [first, second] = await Promise.all([build(root), build(root)]);
    expect(first).toEqual(second);
    expect(await sha256(join(root, first.runtime.path))).toBe(first.runtime.sha256);
  });

  it.skipIf(!canUnpack)("holds a server and a Node that run it", async () => {
    const { server, runtime } = await build(root);
    const machine = join(root, "machine");
    await mkdir(machine);
    for (const { path } of [server, runtime]) {
      await run("tar", ["-xf", join(root, path), "-C", machine]);
    }
    expect(await listing(join(root, runtime.path))).toContain("bin/node");
    expect((await run(join(machine, "bin/node"), ["--version"])).stdout.trim()).toBe(
      `v${runtime.version}`,
    );
    // The native library loads into that very Node, from where the server looks for it.
    const load =
      "console.log(require(require('path').join(process.execPath, '../koffi.node')).version)";
    expect((await run(join(machine, "bin/node"), ["-e", load])).stdout).toMatch(/^\d+\.\d+/u);
    expect(await listing(join(root, runtime.path))).toContain("licenses/koffi.txt");
    const { stdout } = await run(join(machine, "bin/node"), [join(machine, "server.mjs")]);
    expect(stdout.trim()).toBe("first");
  });

  it.skipIf(!canUnpack)(
    "carries what the machine needs, and the licences of what it contains",
    async () => {
      const { server } = await build(root);
      expect(await listing(join(root, server.path))).toEqual(
        [
          "LICENSE",
          ...renderUnits()
            .map(({ name }) => name)
            .toSorted(),
          "licenses/valibot.txt",
          "certificates.mjs",
          "server.mjs",
        ].toSorted(),
      );
    },
  );

  it("says what does not build, in lines", async () => {
    const broken = await makeClone();
    try {
      await writeFile(join(broken, "server", "main.ts"), "const = 1;\n");
      await expect(build(broken)).rejects.toThrow(
        /server\/main\.ts does not build[\s\S]*main\.ts:1:6/,
      );
    } finally {
      await rm(broken, { recursive: true, force: true });
    }
  });

  it("refuses a runtime that the lockfile does not pin", async () => {
    const unpinned = await makeClone();
    try {
      await writeFile(join(unpinned, "package-lock.json"), '{"packages":{}}');
      await expect(build(unpinned)).rejects.toThrow(/package-lock\.json does not pin node-linux/);
    } finally {
      await rm(unpinned, { recursive: true, force: true });
    }
  });
});
