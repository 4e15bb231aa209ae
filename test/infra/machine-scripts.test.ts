/**
 * The scripts really run here, in a folder instead of the machine's root, with stand-ins for the
 * commands that would change this machine. The server is a stand-in too: it only greets.
 */
import { execFile, spawnSync } from "node:child_process";
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BUNDLE_LAYOUT, planDeployment, deploy, parseSettings } from "#contract";
import { renderBootstrapScript } from "../../infra/machine/bootstrap-script.ts";
import { renderDeliveryScript } from "../../infra/machine/delivery-script.ts";
import { LAYOUT, SERVICE_NAME, type MachineLayout } from "../../infra/machine/layout.ts";
import { renderUnits } from "../../infra/machine/units.ts";
import { planMachineSettings } from "../../infra/plan/machine-settings.ts";

const run = promisify(execFile);
const root = userInfo().uid === 0;

function checkSyntax(script: string) {
  return spawnSync("bash", ["-n"], { input: script, encoding: "utf8" });
}

describe("scripts", () => {
  it("are bash", () => {
    for (const script of [
      renderDeliveryScript(LAYOUT),
      renderBootstrapScript("0123456789abcdef", LAYOUT),
    ]) {
      const { status, stderr } = checkSyntax(script);
      expect(stderr).toBe("");
      expect(status).toBe(0);
    }
    expect(checkSyntax("if true; then").status).not.toBe(0);
  });

  it("differ when what they deliver differs, because Azure runs an identical script once", () => {
    expect(renderBootstrapScript("a", LAYOUT)).not.toBe(renderBootstrapScript("b", LAYOUT));
    expect(renderBootstrapScript("a", LAYOUT)).toBe(renderBootstrapScript("a", LAYOUT));
  });

  it("hand over by the names in the server archive", () => {
    const names = renderUnits().map(({ name }) => name);
    expect(names).toEqual(["units/gangway.service", "deliver.sh"]);
  });
});

/** Stand-ins log their name and arguments; `systemctl` fails while a file `fail` exists. */
const STAND_INS = {
  systemctl:
    'case "$*" in *is-active*) exec test -e "$MACHINE/active";; *restart*) touch "$MACHINE/active"; test ! -e "$MACHINE/fail";; esac',
  nft: '[ "$1" != -c ] || ! grep -q syntax-error "$3"',
  sysctl: "true",
  journalctl: "echo the last line of the log",
  id: "true",
  install:
    'args=(); while [ $# -gt 0 ]; do case $1 in -o|-g) shift 2;; *) args+=("$1"); shift;; esac; done; exec /usr/bin/install "${args[@]}"',
};

describe.runIf(process.platform === "linux")("deliver.sh", () => {
  let machine: string;
  let layout: MachineLayout;
  let greeter: Server;
  let port: number;

  beforeEach(async () => {
    machine = await mkdtemp(join(tmpdir(), "gangway-machine-"));
    layout = Object.fromEntries(
      Object.entries(LAYOUT).map(([key, path]) => [
        key,
        path.startsWith("/") ? join(machine, path) : path,
      ]),
    ) as MachineLayout;
    await mkdir(join(machine, "bin"));
    for (const [name, body] of Object.entries(STAND_INS)) {
      const file = join(machine, "bin", name);
      await writeFile(file, `#!/bin/bash\necho "${name} $*" >>"$MACHINE/calls"\n${body}\n`);
      await chmod(file, 0o755);
    }
    greeter = createServer((socket) => socket.end("220 ready\r\n"));
    await new Promise<void>((resolve) => greeter.listen(0, "127.0.0.1", resolve));
    port = (greeter.address() as AddressInfo).port;
  });

  afterEach(async () => {
    await new Promise((resolve) => greeter.close(resolve));
    await rm(machine, { recursive: true, force: true });
  });

  async function release(name: string): Promise<string> {
    const folder = join(layout.releases, name);
    await mkdir(join(folder, "bin"), { recursive: true });
    await symlink(process.execPath, join(folder, BUNDLE_LAYOUT.node));
    for (const { name: path, content } of renderUnits()) {
      await mkdir(join(folder, path, ".."), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    return folder;
  }

  async function deliver(releaseFolder: string, input: object, firewall?: string) {
    const settings = parseSettings({ environment: "dev", controlPort: port, ...input });
    const staging = await mkdtemp(join(machine, "staging-"));
    const machineSettings = planMachineSettings(settings);
    const deployed = deploy(settings, { publicAddress: "203.0.113.9", fqdn: undefined });
    await writeFile(
      join(staging, "machine-settings.json"),
      JSON.stringify({
        ...machineSettings,
        guestFirewall: firewall ?? machineSettings.guestFirewall,
      }),
    );
    await writeFile(
      join(staging, "deployment.json"),
      JSON.stringify(planDeployment(deployed, undefined)),
    );
    await writeFile(join(staging, "certificate.pem"), "PEM\n");
    const script = join(staging, "deliver.sh");
    await writeFile(script, renderDeliveryScript(layout));
    await rm(join(machine, "calls"), { force: true });
    return run("bash", [script, releaseFolder, staging], {
      env: { PATH: `${join(machine, "bin")}:/usr/bin:/bin:/usr/sbin:/sbin`, MACHINE: machine },
    });
  }

  const calls = async () => (await readFile(join(machine, "calls"), "utf8")).split("\n");

  it("puts release, settings, firewall and kernel settings in force", async () => {
    const first = await release("aaaa");
    const { stdout } = await deliver(first, {});
    expect(stdout).toContain("release aaaa is in force (restarted)");
    expect(await readlink(layout.current)).toBe(first);
    const settings: unknown = JSON.parse(await readFile(layout.settingsFile, "utf8"));
    expect(settings).toMatchObject({ passive: { ports: "50000-50099" } });
    expect(await readFile(layout.guestFirewallFile, "utf8")).toContain("tcp dport 50000-50099");
    expect(await readFile(layout.sysctlFile, "utf8")).toContain("50000-50099");
    expect(await calls()).toContain(`nft -f ${layout.guestFirewallFile}`);
  });

  it("reloads when only settings change, and restarts when a control port moves", async () => {
    const first = await release("aaaa");
    await deliver(first, {});
    const changed = await deliver(first, { passivePorts: "50000-50009" });
    expect(changed.stdout).toContain("reloaded");
    expect(await calls()).toContain(`systemctl reload ${SERVICE_NAME}`);
    expect(await calls()).not.toContain(`systemctl restart ${SERVICE_NAME}`);
    const moved = await deliver(first, { implicitTlsPort: 9990 });
    expect(moved.stdout).toContain("restarted");
  });

  it("goes back to the previous release and settings when the server does not start", async () => {
    const first = await release("aaaa");
    await deliver(first, {});
    const before = await readFile(layout.settingsFile, "utf8");
    await writeFile(join(machine, "fail"), "");
    const failure = await deliver(await release("bbbb"), { passivePorts: "51000-51009" }).then(
      () => undefined,
      (error: { code: number; stdout: string }) => error,
    );
    expect(failure?.code).toBe(1);
    expect(failure?.stdout).toContain("the last line of the log");
    expect(failure?.stdout).toContain("back at the previous release aaaa");
    expect(await readlink(layout.current)).toBe(first);
    expect(await readFile(layout.settingsFile, "utf8")).toBe(before);
  });

  it("changes nothing when the kernel refuses the firewall", async () => {
    const first = await release("aaaa");
    await deliver(first, {});
    const before = await readFile(layout.guestFirewallFile, "utf8");
    await expect(deliver(first, {}, "syntax-error")).rejects.toMatchObject({ code: 1 });
    expect(await readFile(layout.guestFirewallFile, "utf8")).toBe(before);
    expect(await calls()).not.toContain(`systemctl reload ${SERVICE_NAME}`);
  });

  it("keeps three releases", async () => {
    for (const name of ["a1", "a2", "a3", "a4", "a5"]) await deliver(await release(name), {});
    const { stdout } = await run("ls", [layout.releases]);
    const left = stdout.trim().split("\n");
    expect(left).toHaveLength(3);
    expect(left).toContain("a5");
    expect(left).toContain("a4");
  });
});

describe.runIf(root)("the guest firewall", () => {
  it("is a ruleset that nft accepts, whatever the settings", () => {
    for (const input of [
      {},
      { activeMode: true, clientCidrs: ["198.51.100.0/24", "203.0.113.7"] },
      { adminCidrs: ["192.0.2.0/24"], probe: { sourceCidrs: ["192.0.2.9/32", "192.0.2.10"] } },
      { passivePorts: "50000-50000", implicitTlsPort: 0 },
    ]) {
      const { guestFirewall } = planMachineSettings(parseSettings(input));
      const { stderr, status } = spawnSync("unshare", ["--net", "nft", "-c", "-f", "-"], {
        input: guestFirewall,
        encoding: "utf8",
      });
      expect(stderr).toBe("");
      expect(status).toBe(0);
    }
  });
});
