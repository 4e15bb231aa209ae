/**
 * Where the delivery script really runs: a folder instead of the machine's root, with stand-ins for
 * the commands that would change this machine. The server is a stand-in too: it only greets.
 */
import { execFile } from "node:child_process";
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  realpath,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach } from "vitest";
import { BUNDLE_LAYOUT, deploy, parseSettings, planDeployment } from "#contract";
import { renderDeliveryScript } from "../../infra/machine/delivery-script.ts";
import { LAYOUT, type MachineLayout } from "../../infra/machine/layout.ts";
import { renderUnits } from "../../infra/machine/units.ts";
import { planMachineSettings } from "../../infra/plan/machine-settings.ts";

const run = promisify(execFile);

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

/** The machine's layout with another folder as its root. */
export function layoutBelow(folder: string): MachineLayout {
  const entries = Object.entries(LAYOUT).map(([key, path]) => [
    key,
    path.startsWith("/") ? join(folder, path) : path,
  ]);
  return Object.fromEntries(entries) as MachineLayout;
}

export let machine: string;
export let layout: MachineLayout;
export let port: number;
export let otherPort: number;
let greeters: readonly Server[];

/** What the server says first, and which certificates the agent is told to bring. */
export const standIns = { greeting: "", certificates: "" };

/** Makes the folder anew for each test of the file that calls it. */
export function useDeliveryMachine(): void {
  beforeEach(async () => {
    machine = await mkdtemp(join(tmpdir(), "gangway-machine-"));
    layout = layoutBelow(machine);
    await mkdir(join(machine, "bin"));
    await mkdir(layout.units, { recursive: true });
    for (const [name, body] of Object.entries(STAND_INS)) {
      const file = join(machine, "bin", name);
      await writeFile(file, `#!/bin/bash\necho "${name} $*" >>"$MACHINE/calls"\n${body}\n`);
      await chmod(file, 0o755);
    }
    standIns.greeting = "220 ready\r\n";
    standIns.certificates = "first";
    greeters = await Promise.all([openGreeter(), openGreeter()]);
    [port = 0, otherPort = 0] = greeters.map((each) => (each.address() as AddressInfo).port);
  });

  afterEach(async () => {
    for (const greeter of greeters) await new Promise((resolve) => greeter.close(resolve));
    await rm(machine, { recursive: true, force: true });
  });
}

async function openGreeter(): Promise<Server> {
  const greeter = createServer((socket) => {
    // Whoever begins a handshake goes away in the middle of it.
    socket.on("error", () => socket.destroy());
    socket.resume().end(standIns.greeting);
  });
  await new Promise<void>((resolve) => greeter.listen(0, "127.0.0.1", resolve));
  return greeter;
}

export async function release(name: string): Promise<string> {
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

export async function deliver(releaseFolder: string, input: object, firewall?: string) {
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
  await writeFile(join(staging, "certificates.json"), standIns.certificates);
  const script = join(staging, "deliver.sh");
  await writeFile(script, renderDeliveryScript(layout));
  await rm(join(machine, "calls"), { force: true });
  return run("bash", [script, releaseFolder, staging], {
    env: { PATH: `${join(machine, "bin")}:/usr/bin:/bin:/usr/sbin:/sbin`, MACHINE: machine },
  });
}

/** A delivery that has to fail: exit code and output. */
export const failing = (...of: Parameters<typeof deliver>) =>
  deliver(...of).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { readonly code: number; readonly stdout: string }) => error,
  );
export const calls = async () => (await readFile(join(machine, "calls"), "utf8")).split("\n");
/** Position of a command line among all. */
export const called = async (line: string) => (await calls()).indexOf(line);
export const unit = (generation: string) => `gangway@${generation}.service`;
export const START = (generation: string) => `systemctl start ${unit(generation)}`;
export const LEAVE = (generation: string) =>
  `systemctl kill --kill-whom=main --signal=SIGUSR2 ${unit(generation)}`;
export const leavingFile = (generation: string) => join(layout.runFolder, `${generation}.leaving`);
export const inForce = async () => [
  basename(await readlink(layout.current)),
  basename(await realpath(layout.current)),
];
