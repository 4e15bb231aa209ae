/**
 * The scripts really run here, in a folder instead of the machine's root, with stand-ins for the
 * commands that would change this machine. The server is a stand-in too: it only greets.
 */
import { execFile, spawnSync } from "node:child_process";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BUNDLE_LAYOUT, planDeployment, deploy, parseSettings } from "#contract";
import { renderBootstrapScript } from "../../infra/machine/bootstrap-script.ts";
import { renderDeliveryScript } from "../../infra/machine/delivery-script.ts";
import { LAYOUT, type MachineLayout } from "../../infra/machine/layout.ts";
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
    expect(names).toContain("deliver.sh");
    expect(names).toContain("host/etc/systemd/system/gangway@.service");
  });
});

/**
 * Stand-ins log their name and arguments. `systemctl` keeps a file for each unit that runs; what
 * the files `fail` and `refuse` in the folder `MACHINE` do, the tests say.
 */
const STAND_INS = {
  systemctl: `unit=\${!#}
case "$*" in
  *is-active*) exec test -e "$MACHINE/active-$unit" ;;
  *NRestarts*) echo 0 ;;
  start\\ gangway@*) test -e "$MACHINE/fail" || touch "$MACHINE/active-$unit" ;;
  stop*) rm -f "$MACHINE/active-$unit" ;;
  reload*) test -e "$MACHINE/refuse" || echo >>"$MACHINE/reloads" ;;
esac`,
  // Whom it asks on which status socket: a generation answers while it runs.
  curl: `socket=$6
test -e "$MACHINE/active-gangway@$(basename "$(dirname "$socket")").service" || exit 7
case $7 in *metrics) echo "gangway_settings_reloads_total $(cat "$MACHINE/reloads" 2>/dev/null | wc -l)" ;; esac`,
  // Time passes: whoever is leaving has left.
  sleep:
    'for file in "$MACHINE"/run/gangway/?.leaving; do name=${file##*/}; rm -f "$MACHINE/active-gangway@${name%.leaving}.service"; done',
  nft: '[ "$1" != -c ] || ! grep -q syntax-error "$3"',
  sysctl: "true",
  journalctl: "echo the last line of the log",
  id: "true",
  install:
    'args=(); while [ $# -gt 0 ]; do case $1 in -o|-g) shift 2;; *) args+=("$1"); shift;; esac; done; exec /usr/bin/install "${args[@]}"',
};

/** Stands in for the certificate agent: what it is told becomes the certificate, `none` is missing. */
const AGENT = `
import { readFileSync, writeFileSync } from "node:fs";
const text = readFileSync(process.argv[3], "utf8");
writeFileSync(process.argv[3].replace(".json", "/server.pem"), text);
if (text === "none") process.exitCode = 1;
`;

describe.runIf(process.platform === "linux")("deliver.sh", () => {
  let machine: string;
  let layout: MachineLayout;
  let greeting: string;
  let certificates: string;
  let greeters: readonly Server[];
  let port: number;
  let otherPort: number;

  beforeEach(async () => {
    machine = await mkdtemp(join(tmpdir(), "gangway-machine-"));
    layout = Object.fromEntries(
      Object.entries(LAYOUT).map(([key, path]) => [
        key,
        path.startsWith("/") ? join(machine, path) : path,
      ]),
    ) as MachineLayout;
    await mkdir(join(machine, "bin"));
    await mkdir(layout.units, { recursive: true });
    for (const [name, body] of Object.entries(STAND_INS)) {
      const file = join(machine, "bin", name);
      await writeFile(file, `#!/bin/bash\necho "${name} $*" >>"$MACHINE/calls"\n${body}\n`);
      await chmod(file, 0o755);
    }
    greeting = "220 ready\r\n";
    certificates = "first";
    greeters = await Promise.all([openGreeter(), openGreeter()]);
    [port = 0, otherPort = 0] = greeters.map((each) => (each.address() as AddressInfo).port);
  });

  afterEach(async () => {
    for (const greeter of greeters) await new Promise((resolve) => greeter.close(resolve));
    await rm(machine, { recursive: true, force: true });
  });

  async function openGreeter(): Promise<Server> {
    const greeter = createServer((socket) => {
      // Whoever begins a handshake goes away in the middle of it.
      socket.on("error", () => socket.destroy());
      socket.resume().end(greeting);
    });
    await new Promise<void>((resolve) => greeter.listen(0, "127.0.0.1", resolve));
    return greeter;
  }

  async function release(name: string): Promise<string> {
    const folder = join(layout.releases, name);
    await mkdir(join(folder, "bin"), { recursive: true });
    await symlink(process.execPath, join(folder, BUNDLE_LAYOUT.node));
    await writeFile(join(folder, BUNDLE_LAYOUT.certificateAgent), AGENT);
    for (const { name: path, content } of renderUnits()) {
      await mkdir(join(folder, path, ".."), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    return folder;
  }

  async function deliver(releaseFolder: string, input: object, firewall?: string) {
    const settings = parseSettings({
      environment: "dev",
      controlPort: port,
      implicitTlsPort: 0,
      ...input,
    });
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
    await writeFile(join(staging, "certificates.json"), certificates);
    const script = join(staging, "deliver.sh");
    await writeFile(script, renderDeliveryScript(layout));
    await rm(join(machine, "calls"), { force: true });
    return run("bash", [script, releaseFolder, staging], {
      env: { PATH: `${join(machine, "bin")}:/usr/bin:/bin:/usr/sbin:/sbin`, MACHINE: machine },
    });
  }

  /** A delivery that has to fail: exit code and output. */
  const failing = (...of: Parameters<typeof deliver>) =>
    deliver(...of).then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error: { readonly code: number; readonly stdout: string }) => error,
    );
  const calls = async () => (await readFile(join(machine, "calls"), "utf8")).split("\n");
  /** Position of a command line among all. */
  const called = async (line: string) => (await calls()).indexOf(line);
  const unit = (generation: string) => `gangway@${generation}.service`;
  const START = (generation: string) => `systemctl start ${unit(generation)}`;
  const LEAVE = (generation: string) =>
    `systemctl kill --kill-whom=main --signal=SIGUSR2 ${unit(generation)}`;
  const leavingFile = (generation: string) => join(layout.runFolder, `${generation}.leaving`);
  const inForce = async () => [
    basename(await readlink(layout.current)),
    basename(await realpath(layout.current)),
  ];

  it("puts release, settings, firewall and kernel settings in force", async () => {
    const { stdout } = await deliver(await release("aaaa"), {});
    expect(stdout).toContain("release aaaa is in force (generation a)");
    expect(await inForce()).toEqual(["a", "aaaa"]);
    const settings: unknown = JSON.parse(await readFile(layout.settingsFile, "utf8"));
    expect(settings).toMatchObject({ passive: { ports: "50000-50099" } });
    expect(await readFile(layout.guestFirewallFile, "utf8")).toContain("tcp dport 50000-50099");
    expect(await readFile(layout.sysctlFile, "utf8")).toContain("50000-50099");
    expect(await calls()).toContain(`nft -f ${layout.guestFirewallFile}`);
    const units = await readdir(layout.units);
    expect(units).toContain("gangway@.service");
    expect(units.filter((name) => name.endsWith(".socket"))).toEqual(
      [`gangway-${String(port)}.socket`, "gangway-8021.socket"].toSorted(),
    );
  });

  it("fetches the certificates, and goes back to those before when one is missing", async () => {
    const file = join(layout.settingsFolder, layout.certificatesFolder, "server.pem");
    await deliver(await release("aaaa"), {});
    expect(await readFile(file, "utf8")).toBe("first");
    certificates = "none";
    const { code, stdout } = await failing(await release("bbbb"), { passivePorts: "50000-50009" });
    expect(code).toBe(1);
    expect(stdout).toContain("a certificate is missing");
    expect(await readFile(file, "utf8")).toBe("first");
    expect(await readFile(layout.certificateAgentFile, "utf8")).toBe("first");
    expect(await readFile(layout.settingsFile, "utf8")).toContain("50000-50099");
    expect(await inForce()).toEqual(["a", "aaaa"]);
  });

  it("reloads when only settings change", async () => {
    const first = await release("aaaa");
    await deliver(first, {});
    const changed = await deliver(first, { passivePorts: "50000-50009" });
    expect(changed.stdout).toContain("reloaded");
    expect(await called(`systemctl reload ${unit("a")}`)).toBeGreaterThan(0);
    expect(
      (await calls()).filter((line) => /gangway@/.test(line) && /start|stop|kill/.test(line)),
    ).toEqual([]);
  });

  it("has a new server take over when only a start brings the setting in force", async () => {
    const first = await release("aaaa");
    await deliver(first, { workers: 1 });
    await deliver(first, { workers: 2 });
    expect(await inForce()).toEqual(["b", "aaaa"]);
    expect(await called(LEAVE("a"))).toBeGreaterThan(await called(START("b")));
  });

  it("lets a new release take over before it tells the former one to leave", async () => {
    await deliver(await release("aaaa"), {});
    const { stdout } = await deliver(await release("bbbb"), {});
    expect(stdout).toContain("generation b");
    expect(await inForce()).toEqual(["b", "bbbb"]);
    const [started, left] = [await called(START("b")), await called(LEAVE("a"))];
    expect(started).toBeGreaterThan(0);
    expect(left).toBeGreaterThan(started);
    expect(await calls()).not.toContain(`systemctl stop ${unit("a")}`);
    // Nothing starts it again meanwhile; its deadline stands there.
    const seconds = Number(await readFile(leavingFile("a"), "utf8")) - Date.now() / 1000;
    expect(Math.abs(seconds - 30 * 60)).toBeLessThan(300);
  });

  it("waits until the server before the last one has left", async () => {
    for (const name of ["aaaa", "bbbb"]) await deliver(await release(name), {});
    const { stdout } = await deliver(await release("cccc"), {});
    expect(stdout).toContain("still has sessions");
    expect(await inForce()).toEqual(["a", "cccc"]);
    expect((await calls()).some((line) => line.startsWith("sleep"))).toBe(true);
    expect(await called(START("a"))).toBeGreaterThan(await called("sleep 1"));
  });

  it("ends the server before the last one at its deadline", async () => {
    for (const name of ["aaaa", "bbbb"]) await deliver(await release(name), {});
    await writeFile(leavingFile("a"), "1000\n");
    await deliver(await release("cccc"), {});
    expect((await calls()).some((line) => line.startsWith("sleep"))).toBe(false);
    const stopped = await called(`systemctl stop ${unit("a")}`);
    expect(stopped).toBeGreaterThan(0);
    expect(await called(START("a"))).toBeGreaterThan(stopped);
  });

  it("waits no longer than drains are allowed now, and so ends before Azure ends it", async () => {
    for (const name of ["aaaa", "bbbb"])
      await deliver(await release(name), { machine: { drainMinutes: 60 } });
    const { stdout } = await deliver(await release("cccc"), { machine: { drainMinutes: 1 } });
    const [seconds] = /(?<=at most )\d+/.exec(stdout) ?? [];
    expect(Number(seconds)).toBeGreaterThan(0);
    expect(Number(seconds)).toBeLessThanOrEqual(60);
  });

  it("hands new control ports to a new server of the same release", async () => {
    const first = await release("aaaa");
    await deliver(first, {});
    await deliver(first, { controlPort: otherPort });
    expect(await inForce()).toEqual(["b", "aaaa"]);
    const socket = (each: number) => `gangway-${String(each)}.socket`;
    const opened = await called(`systemctl start ${socket(otherPort)}`);
    const closed = await called(`systemctl --quiet disable --now ${socket(port)}`);
    expect(opened).toBeGreaterThan(0);
    expect(await called(START("b"))).toBeGreaterThan(opened);
    expect(closed).toBeGreaterThan(await called(LEAVE("a")));
    expect(await readdir(layout.units)).not.toContain(socket(port));
    const dropIn = await readFile(join(layout.units, "gangway@.service.d/settings.conf"), "utf8");
    expect(dropIn).toContain(`Sockets=${socket(otherPort)} gangway-8021.socket`);
  });

  it("wants a greeting on the ports of bindings too, with TLS where it is implicit", async () => {
    const first = await release("aaaa");
    const own = (channel: "control" | "implicitTls") => ({
      sites: [{ name: "default" }, { name: "own", bindings: [{ channel, port: otherPort }] }],
    });
    await deliver(first, own("control"));
    expect(await readdir(layout.units)).toContain(`gangway-${String(otherPort)}.socket`);
    // What greets there speaks no TLS.
    const { code, stdout } = await failing(await release("bbbb"), own("implicitTls"));
    expect(code).not.toBe(0);
    expect(stdout).toContain("back at the previous release");
  });

  it.each([
    ["does not start", async () => writeFile(join(machine, "fail"), "")],
    ["does not greet", () => Promise.resolve((greeting = "500 no\r\n"))],
  ])("leaves the former server alone when the new one %s", async (_what, spoil) => {
    await deliver(await release("aaaa"), {});
    const before = await readFile(layout.settingsFile, "utf8");
    await spoil();
    const failure = await failing(await release("bbbb"), { passivePorts: "51000-51009" });
    expect(failure.code).toBe(1);
    expect(failure.stdout).toContain("the last line of the log");
    expect(failure.stdout).toContain("back at the previous release aaaa");
    expect(await inForce()).toEqual(["a", "aaaa"]);
    expect(await readFile(layout.settingsFile, "utf8")).toBe(before);
    expect(await calls()).toContain(`systemctl stop --no-block ${unit("b")}`);
    expect(await calls()).not.toContain(LEAVE("a"));
    expect((await calls()).filter((line) => /stop.*gangway@a/.test(line))).toEqual([]);
    expect(await readFile(leavingFile("b"), "utf8")).toBe("");
  });

  it("goes back to the settings before when the server refuses the new ones", async () => {
    const first = await release("aaaa");
    await deliver(first, {});
    const before = await readFile(layout.settingsFile, "utf8");
    await writeFile(join(machine, "refuse"), "");
    const failure = await failing(first, { passivePorts: "51000-51009" });
    expect(failure.code).toBe(1);
    expect(failure.stdout).toContain("did not take the new settings");
    expect(await readFile(layout.settingsFile, "utf8")).toBe(before);
    expect((await calls()).filter((line) => /(start|stop).*gangway@/.test(line))).toEqual([]);
  });

  it("stops when the very first server does not start, and leaves no port open", async () => {
    await writeFile(join(machine, "fail"), "");
    const failure = await failing(await release("aaaa"), {});
    expect(failure.stdout).toContain("there is no previous release");
    expect((await calls()).join()).toMatch(
      new RegExp(`systemctl --quiet disable --now [^,]*gangway-${String(port)}\\.socket`),
    );
    expect((await readdir(layout.units)).filter((name) => name.endsWith(".socket"))).toEqual([]);
  });

  it("changes nothing when the kernel refuses the firewall", async () => {
    const first = await release("aaaa");
    await deliver(first, {});
    const before = await readFile(layout.guestFirewallFile, "utf8");
    await expect(deliver(first, {}, "syntax-error")).rejects.toMatchObject({ code: 1 });
    expect(await readFile(layout.guestFirewallFile, "utf8")).toBe(before);
    expect(await calls()).not.toContain(`systemctl reload ${unit("a")}`);
  });

  it("keeps three releases", async () => {
    for (const name of ["a1", "a2", "a3", "a4", "a5"]) await deliver(await release(name), {});
    const left = await readdir(layout.releases);
    expect(left).toHaveLength(3);
    expect(left).toContain("a5");
    expect(left).toContain("a4");
  });

  it("keeps a release from which a server still runs, however old it is", async () => {
    await deliver(await release("a1"), {});
    await deliver(await release("a2"), {});
    for (const [index, name] of ["a3", "a4", "a5"].entries()) {
      const time = new Date(Date.now() + (index + 1) * 1000);
      await utimes(await release(name), time, time);
    }
    await deliver(join(layout.releases, "a2"), {});
    expect(await readdir(layout.releases)).toEqual(["a1", "a2", "a3", "a4", "a5"]);
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
