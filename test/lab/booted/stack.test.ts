/** The real stack at the level `machine`: delivered by its own script to a Linux that boots. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { MACHINE_LAYOUT } from "#contract";
import { findLeader, stopMachine } from "../../../lab/booted/boot.ts";
import { isRecord, listAt, textAt, type Properties } from "../../../lab/cloud/values.ts";
import { effectsOfLevel } from "../../../lab/effects-of-level.ts";
import { livingRoles } from "../../../lab/processes.ts";
import { machineOf, serviceOf } from "../../support/booted-delivery.ts";
import { LabStack } from "../../support/lab-stack.ts";
import {
  describeMachine,
  IMAGE_MILLISECONDS,
  readInMachine,
  runInMachine,
  testImage,
} from "../../support/machine-level.ts";

const RANGE = "50000-50019";
/** `systemd-analyze security` of 10; the lower the better. Raise it only with a reason. */
const HIGHEST_EXPOSURE = 1.1;

/** systemd holds their ports, and every delivery wants a greeting there. */
const SITES = [
  { name: "default" },
  { name: "partners", bindings: [{ port: 2121 }, { channel: "implicitTls", port: 9900 }] },
];

describeMachine("the stack at the level machine", () => {
  let stack: LabStack;

  beforeAll(async () => {
    const image = await testImage();
    stack = await LabStack.up({
      level: "machine",
      image,
      settings: { passivePorts: RANGE, sites: SITES },
    });
  }, IMAGE_MILLISECONDS);

  afterAll(async () => {
    const { folder } = stack;
    await stack[Symbol.asyncDispose]();
    expect(livingRoles(folder)).toEqual([]);
  });

  const read = (...command: readonly string[]) =>
    readInMachine(stack.folder, stack.machineName, ...command);
  const run = (script: string) => runInMachine(stack.folder, stack.machineName, script);
  const property = async (name: string) =>
    read("systemctl", "show", "--value", `--property=${name}`, await serviceOf(stack));
  /** Changes when the server is started again. */
  const serverStart = async () => [await property("MainPID"), await property("NRestarts")];

  it("is proven by the probe, layer by layer", async () => {
    const report = await stack.verify();
    expect(report.checks.filter(({ outcome }) => outcome === "failed")).toEqual([]);
    const layers = report.checks.find(({ id }) => id.toLowerCase().includes("layer"));
    expect(layers?.outcome).toBe("passed");
  });

  it("runs the server under systemd, as its own user, in its sandbox", async () => {
    expect(await property("ActiveState")).toBe("active");
    expect(await read("systemctl", "is-enabled", "gangway.service", "gangway-21.socket")).toBe(
      "enabled\nenabled",
    );
    const server = `/proc/${await property("MainPID")}`;
    expect(await read("ps", "-o", "user=", "-p", await property("MainPID"))).toBe("gangwayd");
    expect(await read("readlink", `${server}/exe`)).toMatch(
      new RegExp(`^${MACHINE_LAYOUT.releases}/[0-9a-f]{16}/bin/node$`),
    );
    const status = await read("cat", `${server}/status`);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    // No capability, nor ever one.
    for (const set of ["Eff", "Prm", "Amb", "Bnd"]) {
      expect(status).toMatch(new RegExp(`^Cap${set}:\\t0{16}$`, "m"));
    }
    const { output } = await run(`
      for path in / /etc /opt /usr /var/lib ${MACHINE_LAYOUT.settingsFolder} ${MACHINE_LAYOUT.dataFolder}; do
        nsenter --target ${await property("MainPID")} --mount -- \\
          setpriv --reuid=gangwayd --regid=gangwayd --clear-groups test -w "$path" && echo "$path"
      done; true`);
    expect(output.trim().split("\n")).toEqual([MACHINE_LAYOUT.dataFolder]);
  });

  it("exposes little of the machine to the server, by systemd's own count", async () => {
    const { output } = await run(
      `systemd-analyze security --no-pager ${await serviceOf(stack)} | tail -n 1`,
    );
    const exposure = Number(
      /exposure level for gangway@[ab]\.service: (\d+\.\d+)/.exec(output)?.[1],
    );
    expect(exposure).toBeGreaterThan(0);
    expect(exposure).toBeLessThanOrEqual(HIGHEST_EXPOSURE);
  });

  it("has the delivered firewall and kernel settings in force", async () => {
    expect(await read("nft", "list", "table", "inet", "gangway")).toContain(`dport ${RANGE}`);
    expect(await read("systemctl", "is-enabled", "nftables")).toBe("enabled");
    const reserved = await read("sysctl", "-n", "net.ipv4.ip_local_reserved_ports");
    expect(reserved.split(",")).toContain(RANGE);
    // The machine's own sshd listens, and no client gets to it.
    const { output } = await run("ss --no-header --listening --tcp sport = :22 | wc -l");
    expect(Number(output)).toBeGreaterThan(0);
    const ssh = ["timeout", "3", "bash", "-c", `: </dev/tcp/${stack.address}/22`];
    expect((await stack.run(ssh)).exitCode).not.toBe(0);
  });

  it("keeps secrets where they belong: one file each, readable by the server alone", async () => {
    const certificateFile = join(
      MACHINE_LAYOUT.settingsFolder,
      MACHINE_LAYOUT.certificatesFolder,
      "server.pem",
    );
    const pem = await read("cat", certificateFile);
    const keyLine = /BEGIN PRIVATE KEY-----\n([^\n]+)/.exec(pem)?.[1] ?? "";
    const hash =
      /"passwordHash":"([^"]+)"/.exec(await read("cat", MACHINE_LAYOUT.deploymentFile))?.[1] ?? "";
    expect(keyLine).not.toBe("");
    expect(hash).not.toBe("");
    const { output } = await runInMachine(
      stack.folder,
      stack.machineName,
      `for secret in "$key" "$hash"; do
        grep -rlF --devices=skip "$secret" /etc /opt /root /run /srv /tmp /usr/local /var || true
      done
      stat -c '%a %U:%G' ${MACHINE_LAYOUT.deploymentFile}
      journalctl --no-pager | grep -cF -e "$key" -e "$hash" || true`,
      { key: keyLine, hash },
    );
    expect(output.trim().split("\n")).toEqual([
      certificateFile,
      MACHINE_LAYOUT.deploymentFile,
      "640 root:gangwayd",
      "0",
    ]);
  });

  it("asks the security groups before it fetches anything", async () => {
    const url = stack.state.ofType("azure-native:storage:StorageAccount")[0]?.outputs;
    const endpoint = textAt(url, "primaryEndpoints", "blob") ?? "";
    const knock = async () => (await run(`curl --silent --max-time 3 ${endpoint}`)).exitCode;
    expect(await knock()).toBe(0);
    const group = stack.state
      .ofType("azure-native:network:NetworkSecurityGroup")
      .find(({ name }) => /subnet/.test(name));
    if (group === undefined) throw new Error("no security group");
    const deny: Properties = {
      ...(listAt(group.outputs, "securityRules").find(isRecord) ?? {}),
      name: "DenyAllOutbound",
      direction: "Outbound",
      access: "Deny",
      protocol: "*",
      destinationPortRange: "*",
    };
    const rules = [...listAt(group.outputs, "securityRules"), deny];
    const effects = await effectsOfLevel("machine", stack.folder);
    const { state } = stack;
    state.put({ ...group, outputs: { ...group.outputs, securityRules: rules } });
    await effects.networkChanged(state);
    try {
      expect(await knock()).not.toBe(0);
    } finally {
      state.put(group);
      await effects.networkChanged(state);
    }
    expect(await knock()).toBe(0);
  });

  it("takes changed settings without restarting the server or the machine", async () => {
    const before = await serverStart();
    const leader = findLeader(stack.folder, stack.machineName);
    const range = "51000-51019";
    await stack.up({ passivePorts: range });
    expect(await serverStart()).toEqual(before);
    expect(findLeader(stack.folder, stack.machineName)).toBe(leader);
    expect(await read("sysctl", "-n", "net.ipv4.ip_local_reserved_ports")).toContain(range);
    const report = await stack.verify();
    expect(report.checks.filter(({ outcome }) => outcome === "failed")).toEqual([]);
  });

  it("serves again after the machine has rebooted, with its files", async () => {
    const file = join(MACHINE_LAYOUT.dataFolder, "kept");
    await run(`echo kept >${file}`);
    await stopMachine(stack.folder, stack.machineName);
    const effects = await effectsOfLevel("machine", stack.folder);
    await effects.machineChanged(stack.state, machineOf(stack));
    expect(await property("ActiveState")).toBe("active");
    expect(await read("cat", file)).toBe("kept");
    const report = await stack.verify();
    expect(report.checks.filter(({ outcome }) => outcome === "failed")).toEqual([]);
  });
});
