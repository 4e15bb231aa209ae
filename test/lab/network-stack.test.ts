/** The real stack at the level `network`: brought up, broken by hand, changed, and taken down. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isRecord, listAt, type Properties, type Value } from "../../lab/cloud/values.ts";
import { effectsOfLevel } from "../../lab/effects-of-level.ts";
import { enterPlace } from "../../lab/network/namespaces.ts";
import { livingRoles } from "../../lab/processes.ts";
import { mustRun } from "../../lab/programs.ts";
import type { ProbeReport } from "../../probe/index.ts";
import { describeNetwork } from "../support/network-level.ts";
import { LabStack } from "../support/lab-stack.ts";

const RANGE = "50000-50019";
const SITES = [
  { name: "default" },
  { name: "partners", bindings: [{ port: 2121 }, { channel: "implicitTls", port: 9900 }] },
];

const failures = (report: ProbeReport) =>
  report.checks.filter(({ outcome }) => outcome === "failed");
const suspects = (report: ProbeReport) => [
  ...new Set(failures(report).map(({ suspect }) => suspect)),
];

describeNetwork("the stack at the level network", () => {
  let stack: LabStack;

  beforeAll(async () => {
    stack = await LabStack.up({
      level: "network",
      settings: { passivePorts: RANGE, sites: SITES },
    });
  });

  afterAll(async () => {
    const { folder } = stack;
    await stack[Symbol.asyncDispose]();
    expect(livingRoles(folder)).toEqual([]);
  });

  it("is proven by the probe, layer by layer, with a public address of the lab's block", async () => {
    expect(stack.address).toMatch(/^203\.0\.113\./);
    const report = await stack.verify();
    expect(failures(report)).toEqual([]);
    const layers = report.checks.find(({ id }) => id.toLowerCase().includes("layer"));
    expect(layers?.outcome).toBe("passed");
    expect(report.checks.find(({ id }) => id === "boundPorts")).toMatchObject({
      outcome: "passed",
      detail: "2121 with explicit TLS, 9900 with implicit TLS",
    });
  });

  it("runs the server with the delivered settings and nothing else", () => {
    const blob = stack.state
      .ofType("azure-native:storage:Blob")
      .map(({ outputs }) => stack.state.blobFile(String(outputs["url"])) ?? "")
      .map((file) => readFileSync(file))
      .find((content) => content.subarray(0, 1).toString() === "{");
    const delivered = JSON.parse(blob?.toString() ?? "null") as Properties;
    const inForce = JSON.parse(readFileSync(stack.machine.settingsFile, "utf8")) as Value;
    expect(inForce).toEqual(delivered["server"]);
  });

  it("keeps the ports of the range from outgoing connections of the machine", async () => {
    const inside = enterPlace(stack.folder, { kind: "machine", name: stack.machineName });
    const file = "/proc/sys/net/ipv4/ip_local_reserved_ports";
    expect(await mustRun([...inside, "cat", file])).toContain(RANGE);
  });

  describe("broken by hand", () => {
    /** Takes the passive range out of one security group, as somebody in the portal might. */
    async function withoutRangeIn(groupName: RegExp, look: () => Promise<void>): Promise<void> {
      const { state } = stack;
      const group = state
        .ofType("azure-native:network:NetworkSecurityGroup")
        .find(({ name }) => groupName.test(name));
      if (group === undefined) throw new Error(`no security group ${String(groupName)}`);
      const kept = listAt(group.outputs, "securityRules").filter(
        (rule) => !isRecord(rule) || rule["destinationPortRange"] !== RANGE,
      );
      const effects = await effectsOfLevel("network", stack.folder);
      state.put({ ...group, outputs: { ...group.outputs, securityRules: kept } });
      await effects.networkChanged(state);
      try {
        await look();
      } finally {
        state.put(group);
        await effects.networkChanged(state);
      }
    }

    it("names the subnet's security group that lost a rule", async () => {
      await withoutRangeIn(/subnet/, async () => {
        expect(suspects(await stack.verify("--timeout", "1"))).toEqual(["subnetNsg"]);
      });
    });

    it("names the NIC's security group that lost a rule", async () => {
      await withoutRangeIn(/nic/, async () => {
        expect(suspects(await stack.verify("--timeout", "1"))).toEqual(["nicNsg"]);
      });
    });

    it("names the guest firewall that lost a rule", async () => {
      const inside = enterPlace(stack.folder, { kind: "machine", name: stack.machineName });
      const rules = readFileSync(stack.machine.guestFirewallFile, "utf8");
      const without = rules
        .split("\n")
        .filter((line) => !line.includes(RANGE))
        .join("\n");
      expect(without).not.toBe(rules);
      await mustRun([...inside, "nft", "-f", "-"], without);
      try {
        expect(suspects(await stack.verify("--timeout", "1"))).toEqual(["guestFirewall"]);
      } finally {
        await mustRun([...inside, "nft", "-f", "-"], rules);
      }
    });

    it("names a wrong external address", async () => {
      const { deploymentFile } = stack.machine;
      const advertise = (address: string) =>
        stack.editOnMachine(deploymentFile, (content) => ({
          ...(content as Properties),
          advertisedAddress: address,
        }));
      await advertise("203.0.113.99");
      try {
        expect(suspects(await stack.verify("--timeout", "3"))).toEqual(["advertisedAddress"]);
      } finally {
        await advertise(stack.address);
      }
    });

    it("names the server whose range is another than the declared one", async () => {
      const { settingsFile } = stack.machine;
      const useRange = (ports: string) =>
        stack.editOnMachine(settingsFile, (content) => ({
          ...(content as Properties),
          passive: { ports },
        }));
      await useRange("50100-50119");
      try {
        // The filters, which let that port through to nobody, come second.
        const [first] = suspects(await stack.verify("--timeout", "1"));
        expect(first).toBe("serverRange");
      } finally {
        await useRange(RANGE);
      }
    });

    it("is whole again afterwards", async () => {
      expect(failures(await stack.verify())).toEqual([]);
    });
  });

  it("takes a changed passive range with a second up: the new one works, the old is closed", async () => {
    const machineBefore = stack.state.ofType("azure-native:compute:VirtualMachine")[0];
    const { log } = await stack.up({ passivePorts: "51000-51019" });
    expect(log.join("\n")).toContain("leased ports lie in 51000-51019");
    const report = await stack.verify();
    expect(failures(report)).toEqual([]);
    expect(stack.state.ofType("azure-native:compute:VirtualMachine")[0]).toEqual(machineBefore);
    const dial = `exec 3<>/dev/tcp/${stack.address}/50000`;
    const old = await stack.run(["timeout", "1", "bash", "-c", dial]);
    // Neither open nor refused: the packets vanish.
    expect(old.exitCode).toBe(124);
  });
});
