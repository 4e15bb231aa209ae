import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const leanSdk = pathToFileURL(join(root, "infra", "lean-sdk.ts")).href;

/** What a process has loaded shows in the functions that its profiler could name. */
const PROGRAM = `
import { Session } from "node:inspector";
const session = new Session();
session.connect();
const scripts = new Set();
session.on("Debugger.scriptParsed", ({ params }) => scripts.add(params.url));
session.post("Debugger.enable");
if (process.argv[2] === "lean") await import(${JSON.stringify(leanSdk)});
const pulumi = await import("@pulumi/pulumi");
const loaded = (name) => [...scripts].some((url) => url.includes("/node_modules/" + name + "/lib/"));
const before = { typescript: loaded("typescript"), arborist: loaded("@npmcli/arborist") };
const seven = 7;
const { text } = await pulumi.runtime.serializeFunction(() => seven);
console.log(JSON.stringify({ before, serialized: text.includes("const seven = 7") || text.includes("seven: 7"), after: loaded("typescript") }));
`;

describe("the SDK's start", () => {
  let folder: string;
  let program: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gangway-sdk-"));
    // The path by which a program knows that Pulumi's launcher started it.
    const launcher = join(folder, "@pulumi", "pulumi", "cmd", "run");
    await mkdir(launcher, { recursive: true });
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    program = join(launcher, "program.mjs");
    await writeFile(program, PROGRAM);
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function start(how: "lean" | "plain") {
    const { stdout } = await promisify(execFile)(process.execPath, [program, how], { cwd: folder });
    return JSON.parse(stdout) as unknown;
  }

  it("loads neither compiler nor installer before it needs them, and both work then", async () => {
    expect(await start("lean")).toEqual({
      before: { typescript: false, arborist: false },
      serialized: true,
      after: true,
    });
  });

  it("would load both otherwise", async () => {
    expect(await start("plain")).toMatchObject({ before: { typescript: true, arborist: true } });
  });
});
