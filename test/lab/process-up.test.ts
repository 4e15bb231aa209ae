/** `npm start` as a person uses it: the command, its output, its exit code, and Ctrl-C. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { livingRoles } from "../../lab/processes.ts";
import { runProgram, type ProgramResult } from "../../lab/programs.ts";
import { PROJECT_FOLDER } from "../support/lab-stack.ts";
import { describeNetwork, scratchLab } from "../support/network-level.ts";
import { isInstalled } from "../support/programs.ts";

const GANGWAY = join(PROJECT_FOLDER, "cli", "gangway.mjs");

/**
 * As root the lab gives this computer a way to its addresses: one that a namespace of the test's
 * own stands in for.
 */
const ON_A_COMPUTER = process.getuid?.() === 0 ? ["unshare", "--net"] : [];

function commandLine(level: string, words: readonly string[]): [string, ...string[]] {
  const start = level === "network" ? ON_A_COMPUTER : [];
  const [program = "", ...args] = [...start, process.execPath, GANGWAY, "lab", ...words];
  return [program, ...args];
}

const lab = (folder: string, level: string, ...args: readonly string[]): Promise<ProgramResult> =>
  runProgram(commandLine(level, [...args, "--level", level, "--lab-folder", folder]));

/** Starts `lab up` and returns once it prints a line that matches. */
async function startUp(folder: string, level: string, line: RegExp) {
  const words = ["up", "--level", level, "--lab-folder", folder];
  const [program, ...args] = commandLine(level, words);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  const reading = createInterface({ input: child.stdout });
  const seen = new Promise<void>((resolve, reject) => {
    reading.on("line", (each) => {
      lines.push(each);
      if (line.test(each)) resolve();
    });
    reading.on("close", () => reject(new Error(`ended early:\n${lines.join("\n")}`)));
  });
  await seen;
  return {
    child,
    lines,
    /** A test that fails early leaves no lab behind. */
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "close");
      child.kill("SIGINT");
      await ended;
    },
  };
}

/** Nothing runs, and nothing lies there but what no stack owns. */
function expectClean(folder: string): void {
  expect(livingRoles(folder)).toEqual([]);
  expect(readdirSync(folder).toSorted()).toEqual(["credentials.json", "releases"]);
}

describe("gangway lab up", () => {
  it("passes --check and leaves nothing", async () => {
    await using scratch = await scratchLab();
    const { exitCode, output } = await lab(scratch.folder, "process", "up", "--check");
    expect(output).toMatch(/\d+ passed, 0 failed/);
    expect(exitCode).toBe(0);
    expectClean(scratch.folder);
  });

  it("names the stack file that does not exist", async () => {
    await using scratch = await scratchLab();
    const { exitCode, error } = await lab(scratch.folder, "process", "up", "--stack", "nope");
    expect(exitCode).toBe(1);
    expect(error).toContain("Pulumi.nope.yaml does not exist");
    expect(error).not.toMatch(/\n\s+at /);
  });

  it("prints what to paste, refuses a second one beside it, and ends with Ctrl-C", async () => {
    await using scratch = await scratchLab();
    const { folder } = scratch;
    await using up = await startUp(folder, "process", /sessions, .* transfers/);
    const { child, lines } = up;
    const text = lines.join("\n");
    expect(text).toMatch(
      /guestFirewall +inbound [^]*inbound tcp \d+-\d+ from \S+ \(AllowClientsToPassiveRange\)/,
    );
    expect(text).toMatch(/ftpes:\/\/127\.0\.0\.1:\d+/);
    const second = await lab(folder, "process", "up", "--check");
    expect(second.exitCode).toBe(1);
    expect(second.error).toContain(`process ${String(child.pid)}`);
    const curl = lines.find((line) => line.includes("curl") && line.includes("--upload-file"));
    expect(curl).toBeDefined();
    // CI has it; elsewhere the rest is still worth knowing.
    if (isInstalled("curl")) {
      const pasted = await runProgram(["sh", "-c", curl ?? "false"]);
      expect(pasted.exitCode).toBe(0);
    }
    const ended = once(child, "close");
    child.kill("SIGINT");
    expect(await ended).toEqual([0, null]);
    expectClean(folder);
  });

  it("takes the lab down when nobody reads its output any more", async () => {
    await using scratch = await scratchLab();
    const { folder } = scratch;
    await using up = await startUp(folder, "process", /^Bringing up the stack/);
    const ended = once(up.child, "exit");
    up.child.stdout.destroy();
    expect(await ended).toEqual([0, null]);
    expectClean(folder);
  });

  it("leaves when lab down says so from another terminal", async () => {
    await using scratch = await scratchLab();
    const { folder } = scratch;
    await using up = await startUp(folder, "process", /Leave with Ctrl-C/);
    const { child } = up;
    const ended = once(child, "close");
    const { exitCode } = await runProgram([
      ...([process.execPath, GANGWAY, "lab", "down", "--lab-folder", folder] as const),
    ]);
    expect(exitCode).toBe(0);
    expect(await ended).toEqual([0, null]);
    expectClean(folder);
  });
});

describeNetwork("gangway lab up after a killed run", () => {
  it("recognises what is left, cleans it, and starts anew", async () => {
    await using scratch = await scratchLab();
    const { folder } = scratch;
    await using up = await startUp(folder, "network", /Leave with Ctrl-C/);
    const { child } = up;
    const killed = once(child, "close");
    child.kill("SIGKILL");
    await killed;
    expect(livingRoles(folder)).toContain("edge");
    const { exitCode, output } = await lab(folder, "network", "up", "--check");
    expect(output).toContain("Cleaning up after a run that did not end by itself");
    expect(exitCode).toBe(0);
    expectClean(folder);
  });
});
