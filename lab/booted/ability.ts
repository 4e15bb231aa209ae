/** Whether this computer can boot the lab's machines, and what it lacks. */
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "../programs.ts";
import { closeControlGroups, openControlGroups } from "./control-groups.ts";
import { findImage } from "./image.ts";

export type BootAbility =
  /** `image` is its folder, when it has been made already. */
  | { readonly kind: "able"; readonly image: string | undefined }
  /** Programs are missing that a package manager has. */
  | { readonly kind: "lacksPrograms"; readonly packages: readonly string[] }
  | { readonly kind: "unable"; readonly reason: string };

/** Programs that hosting a machine takes, and the Debian package that has each. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "systemd-nspawn": "systemd-container",
  debootstrap: "debootstrap",
  losetup: "mount",
  setpriv: "util-linux",
};

/** Mounts and block devices in a namespace of their own, as a hosting process makes them. */
const REHEARSAL = "losetup --find >/dev/null && mount -t tmpfs tmpfs /run && echo able";

/** @param images folder that keeps images. */
export async function bootAbility(images: string): Promise<BootAbility> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    return { kind: "unable", reason: "it needs root on Linux" };
  }
  const present = await Promise.all(
    Object.keys(PROGRAMS).map(async (program) => {
      const { exitCode } = await runProgram(["sh", "-c", `command -v ${program}`]);
      return { program, present: exitCode === 0 };
    }),
  );
  const missing = present.filter((each) => !each.present).map(({ program }) => program);
  if (missing.length > 0) {
    return {
      kind: "lacksPrograms",
      packages: missing.map((program) => PROGRAMS[program] ?? program),
    };
  }
  const obstacle = (await rehearseMounts()) ?? rehearseControlGroups();
  if (obstacle !== undefined) return { kind: "unable", reason: obstacle };
  return { kind: "able", image: await findImage({ folder: images }) };
}

async function rehearseMounts(): Promise<string | undefined> {
  const apart = ["--net", "--mount", "--propagation", "private", "sh", "-c"];
  const { output, error } = await runProgram(["unshare", ...apart, REHEARSAL]);
  if (output.trim() === "able") return undefined;
  const reason = error.trim().split("\n")[0] ?? "no reason given";
  return `this root may not make block devices and mounts (${reason})`;
}

function rehearseControlGroups(): string | undefined {
  const record = join(tmpdir(), `gangway-rehearsal-${randomUUID()}.json`);
  try {
    const groups = openControlGroups(record, `gangway-rehearsal-${randomUUID()}`);
    return groups.length === 0 ? "this system has no control groups" : undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `this root may not make control groups (${reason})`;
  } finally {
    closeControlGroups(record);
    rmSync(record, { force: true });
  }
}
