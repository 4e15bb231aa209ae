import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { CommandError, explainError, UsageError } from "../../../cli/errors.ts";
import { ContractError } from "#contract";
import { BundleError } from "../../../infra/bundle/errors.ts";

const finding = { setting: "controlPort", value: "0", problem: "is below 1", fix: "use 21" };

describe("errors on the command line", () => {
  it.each([
    ["wrong usage", new UsageError("Do it so."), ["Do it so."], 2],
    ["wrong settings", new ContractError([finding]), ["controlPort: 0 is below 1; use 21."], 2],
    ["an obstacle with a next step", new CommandError("No.", "Try yes."), ["No.\nTry yes."], 1],
    [
      "an obstacle in another part",
      new BundleError("It does not build."),
      ["It does not build."],
      1,
    ],
  ] as const)("%s: the message, no stack", (_kind, error, lines, exitCode) => {
    expect(explainError(error, false)).toEqual({ lines, exitCode });
  });

  it("a bug says so in one line, and how to see more", () => {
    const { lines, exitCode } = explainError(new TypeError("x is undefined\nmore"), false);
    expect(lines).toEqual([
      "This is a bug in Gangway. TypeError: x is undefined",
      "Set GANGWAY_DEBUG=1 to see where it happened.",
    ]);
    expect(exitCode).toBe(1);
  });

  it("something thrown that is no error is a bug as well", () => {
    expect(explainError("text", false).lines[0]).toContain("bug in Gangway. text");
  });

  it("shows stack and cause to whoever debugs, with the same exit code", () => {
    const error = new CommandError("Outer.", undefined, new Error("inner reason"));
    const { lines, exitCode } = explainError(error, true);
    expect(lines.join("\n")).toMatch(
      /CommandError: Outer\.[\s\S]*errors\.test\.ts[\s\S]*inner reason/,
    );
    expect(exitCode).toBe(1);
    expect(explainError(new UsageError("x"), true).exitCode).toBe(2);
  });

  it("names the file that is not there", async () => {
    const error: unknown = await readFile("/nowhere/settings.json").catch(
      (reason: unknown) => reason,
    );
    expect(explainError(error, false)).toEqual({
      lines: ["/nowhere/settings.json: no such file or folder"],
      exitCode: 1,
    });
  });

  it("names the address that is taken", async () => {
    const first = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => first.once("listening", resolve));
    const address = first.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    const second = createServer().listen(address.port, "127.0.0.1");
    const error = await new Promise((resolve) => second.once("error", resolve));
    first.close();
    expect(explainError(error, false).lines).toEqual([
      `127.0.0.1:${String(address.port)}: is already in use`,
    ]);
  });
});
