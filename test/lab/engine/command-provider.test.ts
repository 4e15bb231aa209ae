import { realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import type { Properties } from "../../../lab/cloud/values.ts";
import { openCommandProvider } from "../../../lab/engine/command-provider.ts";

const COMMAND = "command:local:Command";
const FOLDER = realpathSync(tmpdir());

function open() {
  const lines: string[] = [];
  const provider = openCommandProvider({ folder: FOLDER, log: (line) => lines.push(line) });
  const request = (inputs: Properties, secrets: readonly string[] = [], preview = false) => ({
    ...{ urn: "urn:pulumi:dev::small::command:local:Command::key", type: COMMAND },
    ...{ inputs, secrets, preview },
  });
  const create = (inputs: Properties, secrets?: readonly string[], preview?: boolean) =>
    provider.create(request(inputs, secrets, preview));
  const update = (inputs: Properties, oldOutputs: Properties) =>
    provider.update({ ...request(inputs), id: "key", oldInputs: {}, oldOutputs });
  return { provider, lines, create, update };
}

describe("local commands", () => {
  it("run in the program's folder, with their environment and input", async () => {
    const { create } = open();
    const { outputs } = await create({
      create: 'printf "%s|%s|" "$PWD" "$NOTE"; cat',
      environment: { NOTE: "noted" },
      stdin: "input",
    });
    expect(outputs["stdout"]).toBe(`${FOLDER}|noted|input`);
  });

  it("run in a folder relative to the program's", async () => {
    const { outputs } = await open().create({ create: "pwd", dir: ".." });
    expect(outputs["stdout"]).toBe(realpathSync(`${FOLDER}/..`));
  });

  it("lose one line end and no more", async () => {
    const { outputs } = await open().create({ create: 'printf "a\\n\\n"; printf "b" >&2' });
    expect(outputs).toMatchObject({ stdout: "a\n", stderr: "b" });
  });

  it("log lines unless told not to", async () => {
    const { create, lines } = open();
    const both = "echo out; echo err >&2";
    await create({ create: both });
    expect(lines.toSorted()).toEqual(["err", "out"]);
    await create({ create: both, logging: "none" });
    await create({ create: both, logging: "stdout" });
    await create({ create: both, logging: "stderr" });
    expect(lines.slice(2)).toEqual(["out", "err"]);
  });

  it("fail with what they printed", async () => {
    const failing = open().create({ create: "echo because; exit 3" });
    await expect(failing).rejects.toThrow(
      /exit status 3: running "echo because; exit 3":\nbecause/,
    );
  });

  it("run their update command, or the create command again, with the previous output at hand", async () => {
    const { update } = open();
    const print = 'printf "%s" "$PULUMI_COMMAND_STDOUT"';
    const before = { stdout: "before", stderr: "" };
    expect((await update({ create: print }, before)).outputs["stdout"]).toBe("before");
    expect((await update({ create: "echo no", update: print }, before)).outputs["stdout"]).toBe(
      "before",
    );
    const hidden = await update({ create: print, addPreviousOutputInEnv: false }, before);
    expect(hidden.outputs["stdout"]).toBe("");
  });

  it("do not run in previews", async () => {
    const { outputs, id } = await open().create({ create: "exit 1" }, [], true);
    expect(id).toBe("");
    expect(outputs["stdout"]).not.toBe("");
  });

  it("return secrets when they were given one", async () => {
    const { secrets } = await open().create({ create: "echo x", stdin: "hidden" }, ["stdin"]);
    expect(secrets).toContain("stdout");
    expect((await open().create({ create: "echo x" })).secrets).toEqual([]);
  });

  it("are replaced for other triggers only", () => {
    const { provider } = open();
    const diff = (newInputs: Properties) =>
      provider.diff({ type: COMMAND, oldInputs: { create: "a", triggers: ["1"] }, newInputs });
    expect(diff({ create: "b", triggers: ["1"] }).differences).toMatchObject([{ replaces: false }]);
    expect(diff({ create: "a", triggers: ["2"] }).differences).toMatchObject([{ replaces: true }]);
  });

  it("are refused when they are remote or collect files", () => {
    const { provider } = open();
    const check = (type: string, inputs: Properties) => () =>
      provider.check({ urn: "", type, inputs, oldInputs: undefined, seed: "" });
    expect(check("command:remote:Command", {})).toThrow("command:remote:Command");
    expect(check(COMMAND, { assetPaths: ["*"] })).toThrow("assetPaths");
  });

  it("run as functions too", async () => {
    const { outputs } = await open().provider.invoke("command:local:run", { command: "echo run" });
    expect(outputs["stdout"]).toBe("run");
  });
});
