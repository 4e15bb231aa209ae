/** systemd-nspawn: starts a machine and follows its boot. */
import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, openSync, closeSync, readdirSync, readFileSync, watch } from "node:fs";
import { basename, dirname, join } from "node:path";
import { LabError } from "../lab-error.ts";
import { programEnvironment } from "../programs.ts";
import { STARTED_FILE } from "./guest-files.ts";
import { lookInside } from "./run-inside.ts";

export interface ContainerRequest {
  /** Identifies the machine among all of this computer. */
  readonly key: string;
  readonly hostName: string;
  /** Its root file system. */
  readonly root: string;
  /** Path of the network namespace that it lives in. */
  readonly networkNamespace: string;
  /** Block devices that it has under the same names. */
  readonly devices: readonly string[];
  readonly controlGroups: readonly string[];
  /** What it says on its console is appended here. */
  readonly consoleFile: string;
}

/** A machine whose systemd runs. */
export interface Container {
  /** Its first process, as seen from outside. */
  readonly leader: number;
  /** Settles with the exit code of systemd-nspawn. */
  readonly ended: Promise<number | null>;
  /** Shuts it down; kills it when that takes too long. */
  stop(): Promise<void>;
}

/** systemd-nspawn ends with this when the machine wants to boot again. */
export const REBOOT_EXIT_CODE = 133;

const STARTS_WITHIN_MILLISECONDS = 60_000;
/** cloud-init may wait a minute for a disk, and install packages. */
const BOOTS_WITHIN_SECONDS = 300;
const STOPS_WITHIN_MILLISECONDS = 20_000;

/** Joins the control groups, then becomes systemd-nspawn, which must not outlive this process. */
const SPAWN = `set -eu
while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done
shift
exec setpriv --pdeathsig KILL -- "$@"
`;

/** @throws LabError with the end of the console when no systemd comes up. */
export async function startContainer(request: ContainerRequest): Promise<Container> {
  const console = openSync(request.consoleFile, "a", 0o600);
  const nspawn = ["systemd-nspawn", ...planArguments(request)];
  const started = openStartedEvent(request.root);
  const child = spawn("sh", ["-c", SPAWN, "sh", ...request.controlGroups, "--", ...nspawn], {
    stdio: ["ignore", console, console],
    env: {
      PATH: programEnvironment()["PATH"],
      // Kernel settings of its own network namespace, and no others.
      SYSTEMD_NSPAWN_API_VFS_WRITABLE: "network",
    },
  });
  closeSync(console);
  const ended = once(child, "close").then(([code]) => code as number | null);
  try {
    await Promise.race([
      started.happened,
      ended.then(() => Promise.reject(new LabError("The machine did not start."))),
    ]);
  } catch (error) {
    child.kill("SIGKILL");
    await ended;
    throw withConsole(error, request.consoleFile);
  } finally {
    started.close();
  }
  const leader = findLeader(child.pid);
  return { leader, ended, stop: () => stop(child, ended) };
}

function planArguments(request: ContainerRequest): readonly string[] {
  const id = createHash("sha256").update(request.key).digest("hex").slice(0, 8);
  return [
    ...["--quiet", "--boot", "--register=no", "--keep-unit", "--settings=no"],
    ...["--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=pipe"],
    `--machine=gangway-${id}`,
    `--hostname=${request.hostName}`,
    `--directory=${request.root}`,
    `--network-namespace-path=${request.networkNamespace}`,
    "--capability=CAP_NET_ADMIN",
    ...request.devices.map((device) => `--bind=${device}`),
  ];
}

/** The file system's own event for the file that the machine's systemd makes first of all. */
function openStartedEvent(root: string) {
  const file = join(root, STARTED_FILE);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const watcher = watch(dirname(file), (_event, name) => {
    if (name === basename(file) && existsSync(file)) resolve();
  });
  const timer = setTimeout(
    () => reject(new LabError("The machine did not start in time.")),
    STARTS_WITHIN_MILLISECONDS,
  );
  return {
    happened: promise,
    close: () => {
      watcher.close();
      clearTimeout(timer);
      // Nobody may be waiting any more.
      promise.catch(() => undefined);
    },
  };
}

/** The child of systemd-nspawn that is the first process of a namespace. */
function findLeader(nspawn: number | undefined): number {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const status = readStatus(pid);
    const parent = /^PPid:\t(\d+)$/m.exec(status)?.[1];
    if (parent === String(nspawn) && /^NSpid:\t\d+(?:\t\d+)*\t1$/m.test(status)) {
      return Number(pid);
    }
  }
  throw new LabError("The machine ended as soon as it had started.");
}

/** Empty for a process that has ended meanwhile. */
function readStatus(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch (error) {
    const gone = error instanceof Error && "code" in error;
    if (gone && (error.code === "ENOENT" || error.code === "ESRCH")) return "";
    throw error;
  }
}

async function stop(child: ChildProcess, ended: Promise<number | null>): Promise<void> {
  // An orderly shutdown from inside; systemd-nspawn passes the wish on.
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOPS_WITHIN_MILLISECONDS);
  await ended;
  clearTimeout(timer);
}

/** How a boot ended: systemctl(1), is-system-running. */
export interface BootResult {
  readonly state: string;
  /** Units that failed, when the state is `degraded`. */
  readonly failedUnits: readonly string[];
}

/** Returns when every job of the boot is done, cloud-init's among them. */
export async function waitForBoot(leader: number): Promise<BootResult> {
  const wait = [
    "timeout",
    String(BOOTS_WITHIN_SECONDS),
    "systemctl",
    "is-system-running",
    "--wait",
  ];
  const { output, error } = await lookInside(leader, ...wait);
  const state = output.trim() || error.trim() || "still starting";
  if (state === "running") return { state, failedUnits: [] };
  const list = ["list-units", "--failed", "--plain", "--no-legend", "--no-pager"];
  const failed = await lookInside(leader, "systemctl", ...list);
  const lines = failed.output.split("\n").filter((line) => line !== "");
  return { state, failedUnits: lines.map((line) => line.split(" ")[0] ?? line) };
}

const CONSOLE_LINES = 15;

function withConsole(error: unknown, consoleFile: string): Error {
  const reason = error instanceof Error ? error.message : String(error);
  const lines = readFileSync(consoleFile, "utf8").trimEnd().split("\n").slice(-CONSOLE_LINES);
  return new LabError(`${reason} End of its console:\n${lines.join("\n")}`);
}
