/** The real stack at the level `process`: any computer, loopback only, no privileges. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUNDLE_LAYOUT, LOWEST_UNPRIVILEGED_PORT } from "#contract";
import { listAt, textAt } from "../../lab/cloud/values.ts";
import { effectsOfLevel } from "../../lab/effects-of-level.ts";
import { readLabFile } from "../../lab/lab-file.ts";
import { findProcess, livingRoles } from "../../lab/processes.ts";
import { systemCalls } from "../../server/native/system-calls.ts";
import { LabStack } from "../support/lab-stack.ts";
import { WireClient } from "../support/wire-client.ts";

/** The second port needs privileges, which the level has not. */
const SITES = [
  { name: "default" },
  { name: "partners", bindings: [{ port: 2121 }, { channel: "implicitTls", port: 992 }] },
];

describe("the stack at the level process", () => {
  let stack: LabStack;

  beforeAll(async () => {
    stack = await LabStack.up({ level: "process", settings: { sites: SITES } });
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
      ...["externalAddress", "allowPrivateExternalAddress", "sites"],
    ];
    expect(named.filter((setting) => !movable.includes(setting))).toEqual([]);
    expect(stack.settings.controlPort).toBeGreaterThanOrEqual(LOWEST_UNPRIVILEGED_PORT);
  });

  it("listens on loopback alone", () => {
    const [first = ""] = readFileSync(stack.machine.logFile, "utf8").split("\n");
    expect(JSON.parse(first)).toMatchObject({ event: "listening", addresses: "127.0.0.1" });
  });

  it.runIf(systemCalls())("runs the delivered runtime, with the library for system calls", () => {
    const server = livingRoles(stack.folder).find((role) => role.startsWith("server-")) ?? "";
    const mappings = readFileSync(
      `/proc/${String(findProcess(stack.folder, server))}/maps`,
      "utf8",
    );
    expect(mappings).toContain(`${stack.folder}/releases/`);
    const library = join(dirname(BUNDLE_LAYOUT.node), "koffi.node");
    expect(mappings).toContain(`/${library}`);
  });

  it("serves a site at ports of its own, explicit and implicit, which the probe has proven", async () => {
    const ports = stack.settings.sites[1]?.bindings.map(({ port = 0 }) => port) ?? [];
    expect(ports.every((port) => port >= LOWEST_UNPRIVILEGED_PORT)).toBe(true);
    const { address, credentials } = stack;
    const siteAt = async (client: WireClient, secure: boolean): Promise<string> => {
      expect((await client.reply()).code).toBe(220);
      if (secure) {
        await client.expect("AUTH TLS", 234);
        await client.secure();
      }
      await client.expect(`USER ${credentials.account}`, 331);
      await client.expect(`PASS ${credentials.password}`, 230);
      return /on site (\S+)/.exec((await client.expect("STAT", 211)).text)?.[1] ?? "";
    };
    await using explicit = await WireClient.open(address, ports[0] ?? 0);
    expect(await siteAt(explicit, true)).toBe("partners");
    await using implicit = await WireClient.openTls(address, ports[1] ?? 0);
    expect(await siteAt(implicit, false)).toBe("partners");
    const report = await stack.verify();
    expect(report.checks.find(({ id }) => id === "boundPorts")).toMatchObject({
      outcome: "passed",
      detail: `${String(ports[0])} with explicit TLS, ${String(ports[1])} with implicit TLS`,
    });
  });

  it("was proven by the probe, and keeps its ports over another up", async () => {
    const ports = stack.settings;
    const { log } = await stack.up({ keepaliveSeconds: 30 });
    expect(log.join("\n")).toMatch(/\d+ passed, 0 failed/);
    expect(stack.settings.controlPort).toBe(ports.controlPort);
    expect(stack.settings.passivePorts).toEqual(ports.passivePorts);
    expect(stack.settings.sites).toEqual(ports.sites);
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
