import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { SECRET_SETTINGS, settingsSchema } from "#contract";
import { COMPONENT } from "../../infra/package/names.ts";
import { GangwayPackage } from "../../infra/package/provider.ts";
import { renderPackageSchema } from "../../infra/package/schema.ts";
import { makeTestCertificate } from "../support/certificate.ts";

const ENTRY = fileURLToPath(new URL("../../component/index.mjs", import.meta.url));
const BUNDLE = { path: "x.tar", sha256: "a".repeat(64), bytes: 1 };
const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ada";
const SETTINGS = { passivePorts: "50000-50009", probe: { mode: "off" } };

interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** Stands for the engine: takes what is registered and gives back what was asked for. */
const registered: Registered[] = [];

beforeAll(async () => {
  const { pem } = await makeTestCertificate();
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        registered.push({ type, name, inputs });
        return { id: `/subscriptions/0/${name}`, state: { ...inputs, name, stdout: pem } };
      },
      call: () => ({ stdout: JSON.stringify({ server: BUNDLE, runtime: BUNDLE }) }),
    },
    "partner-files",
    "dev",
    true,
  );
});
beforeEach(() => void registered.splice(0));

const construct = (inputs: pulumi.Inputs, name = "partners") =>
  new GangwayPackage().construct(name, COMPONENT, inputs, {});
const registeredNames = (type: string) =>
  registered.filter((found) => found.type === type).map(({ inputs }) => inputs);

describe("the component package", () => {
  it("makes the component of this repository from what a program in any language passes", async () => {
    await construct({ settings: SETTINGS, location: "westeurope" });
    await expect
      .poll(() => registeredNames("azure-native:network:NetworkSecurityGroup"))
      .toHaveLength(2);
    const [group] = registeredNames("azure-native:resources:ResourceGroup");
    expect(group).toMatchObject({ location: "westeurope" });
    expect(JSON.stringify(group)).toContain("partners");
    const rules = JSON.stringify(registeredNames("azure-native:network:NetworkSecurityGroup"));
    expect(rules).toContain("50000-50009");
  });

  it("makes several servers in one stack, which share no name in Pulumi or in Azure", async () => {
    const kinds = [
      ["partners", { ...SETTINGS, bastion: { mode: "basic", sshPublicKey: SSH_KEY } }],
      ["customers", { ...SETTINGS, monitoring: { mode: "on" }, backup: { mode: "on" } }],
      ["server", { ...SETTINGS, monitoring: { mode: "on" }, backup: { mode: "on" } }],
    ] as const;
    for (const [name, settings] of kinds) {
      await construct({ settings, location: "westeurope" }, name);
    }
    await expect
      .poll(() => registeredNames("azure-native:monitor:ScheduledQueryRule"))
      .toHaveLength(14);
    const own = registered.filter(({ type }) => type !== COMPONENT);
    const keys = own.map(({ type, name }) => `${type} ${name}`);
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
    const groups = registeredNames("azure-native:resources:ResourceGroup").map(
      (group) => group["resourceGroupName"],
    );
    expect(new Set(groups).size).toBe(5);
    // A stack of Gangway's own keeps the plain names.
    expect(keys).toContain("azure-native:network:PublicIPAddress address");
    expect(keys).toContain("azure-native:network:PublicIPAddress partners-address");
  });

  it("names setting, value and fix of what is wrong, before anything is registered", () => {
    expect(() => construct({ settings: { passivePort: "1-2" }, location: "x" })).toThrow(
      /passivePort.*did you mean passivePorts/,
    );
    expect(registered).toEqual([]);
  });

  it("asks for the location that nobody gave", () => {
    expect(() => construct({ settings: SETTINGS })).toThrow(/^location: .*westeurope/);
  });

  it("asks for settings that are known when the program runs", () => {
    expect(() => construct({ settings: pulumi.output(SETTINGS), location: "x" })).toThrow(
      /^settings: .*has to be known/,
    );
  });

  it("asks for the probe's password unless the probe is off", () => {
    expect(() => construct({ settings: {}, location: "x" })).toThrow(/^probePassword: /);
  });

  it("refuses a type that it does not have", () => {
    expect(() => new GangwayPackage().construct("a", "gangway:index:Other", {}, {})).toThrow(
      /gangway:index:Other/,
    );
  });

  it("knows every setting of a stack, and every type that its schema mentions", () => {
    const schema = JSON.parse(renderPackageSchema()) as { types: Record<string, unknown> };
    const text = JSON.stringify(schema);
    expect(Object.keys(propertiesOf(schema.types["gangway:index:Settings"]))).toEqual(
      Object.keys(settingsSchema.entries),
    );
    const mentioned = [...text.matchAll(/"#\/types\/([^"]+)"/g)].map(([, token]) => token ?? "");
    expect(new Set(mentioned)).toEqual(new Set(Object.keys(schema.types)));
  });

  it("takes every secret of a stack, and gives every output of one", async () => {
    const { resources } = JSON.parse(renderPackageSchema()) as {
      resources: Record<string, { inputProperties: object; properties: object }>;
    };
    const component = resources[COMPONENT];
    expect(Object.keys(component?.inputProperties ?? {})).toEqual(
      expect.arrayContaining(Object.keys(SECRET_SETTINGS)),
    );
    const program = await readFile(new URL("../../infra/index.ts", import.meta.url), "utf8");
    const exported = [...program.matchAll(/^export const (\w+)/gm)].map(([, name]) => name);
    expect(exported.length).toBeGreaterThan(10);
    expect(Object.keys(component?.properties ?? {}).toSorted()).toEqual(exported.toSorted());
  });

  it("serves its plugin from any folder, on the port that it prints", async () => {
    const plugin = spawn(process.execPath, [ENTRY, "127.0.0.1:1"], {
      cwd: "/",
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      for await (const line of createInterface(plugin.stdout)) {
        expect(Number(line)).toBeGreaterThan(0);
        return;
      }
      expect.fail("the plugin ended without a port");
    } finally {
      const ended = new Promise((resolve) => plugin.once("exit", resolve));
      plugin.kill("SIGTERM");
      await ended;
    }
  });
});

function propertiesOf(type: unknown): object {
  return (type as { readonly properties: object }).properties;
}
