/**
 * The Linux that the lab's machines boot: a root file system made once by debootstrap and kept.
 * It is the distribution of this computer, from the mirror that this computer's apt uses. Machines
 * write to a layer of their own, so an image stays as it was made.
 */
import { spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { LabError } from "../lab-error.ts";
import { mustRun, programEnvironment } from "../programs.ts";
import { withProgress } from "../progress.ts";

/** What the stack's image in Azure has and our scripts use, in Debian's and Ubuntu's names. */
const IMAGE_PACKAGES: readonly string[] = [
  "ca-certificates",
  "chrony",
  "cloud-init",
  "curl",
  "dbus",
  "e2fsprogs",
  "iproute2",
  "kmod",
  "netbase",
  "nftables",
  "openssh-server",
  "openssl",
  "procps",
  "rsyslog",
  "sudo",
  "systemd",
  "systemd-sysv",
  "udev",
  "unattended-upgrades",
  "util-linux",
  "zstd",
];

/** Where packages come from. */
export interface ImageSource {
  /** Code name of the release, for example `bookworm`. */
  readonly suite: string;
  /** URL of the archive. */
  readonly mirror: string;
}

export interface ImageRequest {
  /** Folder that keeps images; several labs may share it. */
  readonly folder: string;
  /** This computer's own unless a test says otherwise. */
  readonly source?: ImageSource;
  readonly packages?: readonly string[];
}

/**
 * Puts the packages on the base system and leaves no trace of the making. In two steps, because
 * debootstrap resolves no virtual packages and would leave cloud-init half configured.
 */
const COMPLETE = `set -eu
root=$1
shift
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
printf '#!/bin/sh\\nexit 101\\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
inside() { chroot "$root" "$@"; }
inside apt-get -q update
inside apt-get -qy --no-install-recommends install "$@"
inside apt-get clean
rm -rf "$root/usr/sbin/policy-rc.d" "$root"/var/lib/apt/lists/* "$root"/etc/ssh/ssh_host_* \\
  "$root/etc/resolv.conf" "$root/etc/hostname"
: >"$root/etc/machine-id"
`;

const DOWNLOAD_RETRIES = 2;
/** For wget, which debootstrap uses: rather ask again than wait for minutes. */
const DOWNLOAD_PATIENCE = "timeout = 20\ntries = 3\n";

const UNFINISHED = ".unfinished-";

/** The image's folder when it is there already, without making it. */
export async function findImage(request: ImageRequest): Promise<string | undefined> {
  const image = imageFolder(request, request.source ?? (await readImageSource()));
  return existsSync(image) ? image : undefined;
}

/**
 * Returns the folder of the image, and makes it first when it is missing, which takes about a
 * minute and a half. Needs root and debootstrap.
 *
 * @throws LabError when the image cannot be made, with the last lines of the program that failed.
 */
export async function ensureImage(request: ImageRequest): Promise<string> {
  const source = request.source ?? (await readImageSource());
  const image = imageFolder(request, source);
  if (existsSync(image)) return image;
  const packages = request.packages ?? IMAGE_PACKAGES;
  await mkdir(request.folder, { recursive: true });
  await removeUnfinished(request.folder);
  const draft = join(request.folder, `${UNFINISHED}${String(process.pid)}-${randomUUID()}`);
  const patience = join(request.folder, ".wgetrc");
  await writeFile(patience, DOWNLOAD_PATIENCE);
  let doing = "";
  const show = (line: string) => (doing = line.replace(/^[IW]: /, "").slice(0, 60));
  try {
    await withProgress(
      `Making the lab's Linux (${source.suite}), once`,
      () => makeImage({ draft, source, patience, packages, show }),
      () => doing,
    );
    await rename(draft, image);
  } catch (error) {
    // Another run was faster; its image is as good.
    if (!existsSync(image)) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return image;
}

async function makeImage(work: {
  readonly draft: string;
  readonly source: ImageSource;
  readonly packages: readonly string[];
  /** Configuration of wget. */
  readonly patience: string;
  readonly show: (line: string) => void;
}): Promise<void> {
  const { draft, packages, show } = work;
  const { suite, mirror } = work.source;
  const env = { ...programEnvironment(), LC_ALL: "C", WGETRC: work.patience };
  // Mounts of a build that is killed end with its namespace.
  const apart = ["unshare", "--mount", "--propagation", "private", "--"];
  const base = ["debootstrap", "--variant=minbase", "--include=ca-certificates"];
  await withRetries(() => runShowing([...apart, ...base, suite, draft, mirror], env, show));
  await runShowing([...apart, "sh", "-c", COMPLETE, "sh", draft, ...packages], env, show);
}

/** A mirror may fail to answer now and then; debootstrap goes on with what it has. */
async function withRetries(attempt: () => Promise<void>): Promise<void> {
  for (let left = DOWNLOAD_RETRIES; ; left -= 1) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (!(error instanceof LabError) || left === 0) throw error;
    }
  }
}

/** Named by everything that decides what is in it. */
function imageFolder(request: ImageRequest, { suite }: ImageSource): string {
  const packages = request.packages ?? IMAGE_PACKAGES;
  const recipe = JSON.stringify([suite, process.arch, packages.toSorted(), COMPLETE]);
  const key = createHash("sha256").update(recipe).digest("hex").slice(0, 16);
  return join(request.folder, `${suite}-${process.arch}-${key}`);
}

/**
 * The release and the mirror of this computer, as its apt knows them.
 *
 * @throws LabError on a computer without apt.
 */
async function readImageSource(): Promise<ImageSource> {
  const format = "$(RELEASE) $(CODENAME) $(COMPONENT) $(REPO_URI)";
  const targets = await mustRun([
    "apt-get",
    "indextargets",
    "--format",
    format,
    "Created-By: Packages",
  ]);
  const suite = await readCodename();
  const mirror = targets
    .split("\n")
    .map((line) => line.split(" "))
    .find(
      // The code name is known only where the mirror's lists have been read.
      ([release, codename, component]) =>
        (release === suite || codename === suite) && component === "main",
    )?.[3];
  if (mirror === undefined) {
    throw new LabError(`apt has no source for ${suite}, from which the lab's Linux is made.`);
  }
  return { suite, mirror };
}

async function readCodename(): Promise<string> {
  const release = await readFile("/etc/os-release", "utf8");
  const codename = /^VERSION_CODENAME="?([^"\n]+)/m.exec(release)?.[1];
  if (codename === undefined) {
    throw new LabError("/etc/os-release names no release, from which the lab's Linux is made.");
  }
  return codename;
}

/** Removes what runs that are no longer alive have left. */
async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = new RegExp(`^\\${UNFINISHED}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Lines of a failed program that are worth showing. */
const LAST_LINES = 12;

async function runShowing(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  show: (line: string) => void,
): Promise<void> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env,
  });
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      last.push(line);
      if (last.length > LAST_LINES) last.shift();
      show(line);
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  if (code === 0) return;
  throw new LabError(`The lab's Linux could not be made:\n${last.join("\n")}`);
}
