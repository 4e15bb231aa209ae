/** The real stack at the level `process`: any computer, loopback only, no privileges. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LOWEST_UNPRIVILEGED_PORT } from "#contract";
import { listAt, textAt } from "../../lab/cloud/values.ts";
import { effectsOfLevel } from "../../lab/effects-of-level.ts";
import { readLabFile } from "../../lab/lab-file.ts";
import { livingRoles } from "../../lab/processes.ts";
import { LabStack } from "../support/lab-stack.ts";

describe("the stack at the level process", () => {
  let stack: LabStack;

  beforeAll(async () => {
    stack = await LabStack.up({ level: "process" });
  });

  afterAll(async () => {
    const { folder } = stack;
    await stack[Symbol.asyncDispose]();
    expect(livingRoles(folder)).toEqual([]);
  });

  it("moves only what has to move, and says so", () => {
    const { list } = readLabFile(stack.folder)?.overrides ?? { list: [] };
    const named = list.map(({ setting }) => setting);
    expect(named).toContain("externalAddress");
    expect(named).toContain("controlPort");
    const movable = [
      ...["controlPort", "implicitTlsPort", "healthProbePort", "passivePorts", "machine"],
      ...["externalAddress", "allowPrivateExternalAddress"],
    ];
    expect(named.filter((setting) => !movable.includes(setting))).toEqual([]);
    expect(stack.settings.controlPort).toBeGreaterThanOrEqual(LOWEST_UNPRIVILEGED_PORT);
  });

  it("listens on loopback alone", () => {
    const [first = ""] = readFileSync(stack.machine.logFile, "utf8").split("\n");
    expect(JSON.parse(first)).toMatchObject({ event: "listening", addresses: "127.0.0.1" });
  });

  it("was proven by the probe, and keeps its ports over another up", async () => {
    const ports = stack.settings;
    const { log } = await stack.up({ keepaliveSeconds: 30 });
    expect(log.join("\n")).toMatch(/\d+ passed, 0 failed/);
    expect(stack.settings.controlPort).toBe(ports.controlPort);
    expect(stack.settings.passivePorts).toEqual(ports.passivePorts);
    const settings: unknown = JSON.parse(readFileSync(stack.machine.settingsFile, "utf8"));
    expect(settings).toMatchObject({ keepalive: { idleSeconds: 30 } });
  });

  it("refuses a delivery that the server cannot use, and goes on with the one before", async () => {
    const { state, folder } = stack;
    const [command] = state.ofType(RUN_COMMAND);
    const [machine] = state.ofType("azure-native:compute:VirtualMachine");
    if (command === undefined || machine === undefined) throw new Error("nothing was delivered");
    const parametersOf = (name: string) =>
      listAt(command.inputs, name).map((each) => [textAt(each, "name"), textAt(each, "value")]);
    const parameters: Record<string, string> = Object.fromEntries([
      ...parametersOf("parameters"),
      ...parametersOf("protectedParameters"),
    ]);
    const before = readFileSync(stack.machine.deploymentFile, "utf8");
    const effects = await effectsOfLevel("process", folder);
    const deliver = (changed: Readonly<Record<string, string>>) =>
      effects.runCommand({
        state,
        machine,
        name: command.name,
        script: "",
        parameters: { ...parameters, ...changed },
        protectedNames: [],
        inputs: {},
        timeoutSeconds: 30,
      });
    const refused = await deliver({ deploymentSecret: "{}" });
    expect(refused.exitCode).toBe(1);
    expect(refused.output).toContain("advertisedAddress");
    expect(refused.output).toContain("back at the previous release");
    expect(readFileSync(stack.machine.deploymentFile, "utf8")).toBe(before);
    const wrongHash = await deliver({ serverSha256: "0".repeat(64) });
    expect(wrongHash).toMatchObject({ exitCode: 1 });
    expect(wrongHash.output).toContain("nothing was changed");
    expect(await deliver({})).toMatchObject({ exitCode: 0 });
  });
});

const RUN_COMMAND = "azure-native:compute:VirtualMachineRunCommandByVirtualMachine";
