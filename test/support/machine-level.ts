/**
 * Tests with machines that boot: skipped where the computer cannot, or where the image has not been
 * made and making it is not asked for. With all levels required, as in CI, it is made.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe } from "vitest";
import { bootAbility } from "../../lab/booted/ability.ts";
import { bootMachine, findLeader, removeMachine } from "../../lab/booted/boot.ts";
import { ensureImage } from "../../lab/booted/image.ts";
import { lookInside, runScriptInside } from "../../lab/booted/run-inside.ts";
import type { MachineSpecification } from "../../lab/booted/specification.ts";
import { networkAbility } from "../../lab/levels.ts";
import type { ProgramResult } from "../../lab/programs.ts";
import { PROJECT_FOLDER } from "./lab-stack.ts";
import { scratchLab } from "./network-level.ts";

const IMAGES = join(PROJECT_FOLDER, ".gangway", "images");
const ability = await bootAbility(IMAGES);
/** A machine is joined to the lab's network, so it takes what that one takes as well. */
const network = await networkAbility();
const required = process.env["GANGWAY_REQUIRE_ALL_LEVELS"] === "1";

export const describeMachine =
  ability.kind === "able" &&
  network.kind === "able" &&
  network.privileges === "root" &&
  (required || ability.image !== undefined)
    ? describe
    : describe.skip;

/** Longest time for making the image, where there is none yet. */
export const IMAGE_MILLISECONDS = 600_000;

export const testImage = () => ensureImage({ folder: IMAGES });

/** Runs a bash script in a machine. */
export function runInMachine(
  labFolder: string,
  machine: string,
  script: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<ProgramResult> {
  return runScriptInside(leaderOf(labFolder, machine), {
    name: "test",
    script: `#!/bin/bash\nset -eu\n${script}\n`,
    environment,
    timeoutSeconds: 120,
  });
}

/** Output of a program in the machine that has to succeed. */
export async function readInMachine(
  labFolder: string,
  machine: string,
  ...command: readonly string[]
): Promise<string> {
  const result = await lookInside(leaderOf(labFolder, machine), ...command);
  if (result.exitCode !== 0) throw new Error(`${command.join(" ")}: ${result.error}`);
  return result.output.trim();
}

function leaderOf(labFolder: string, machine: string): number {
  const leader = findLeader(labFolder, machine);
  if (leader === undefined) throw new Error(`the machine ${machine} does not run`);
  return leader;
}

/** A machine without any cloud around it. */
export interface LoneMachine extends AsyncDisposable {
  readonly folder: string;
  readonly name: string;
  boot(changes?: Partial<MachineSpecification>): ReturnType<typeof bootMachine>;
  run(script: string): Promise<ProgramResult>;
}

export async function makeLoneMachine(cloudInit: string): Promise<LoneMachine> {
  const scratch = await scratchLab();
  const { folder } = scratch;
  const holder = spawn("unshare", ["--net", "sh", "-c", "echo ready; exec sleep infinity"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(holder.stdout, "data");
  const specification: MachineSpecification = {
    machineId: "/machines/lone",
    name: "lone",
    size: "small",
    hostName: "lone-machine",
    adminUser: "gangway",
    adminKeys: [],
    cloudInit,
    dataDisks: [{ lun: 0, file: join(folder, "disks", "data.img"), bytes: 256 * 2 ** 20 }],
  };
  const image = await testImage();
  return {
    folder,
    name: specification.name,
    boot: (changes = {}) =>
      bootMachine({
        labFolder: folder,
        image,
        specification: { ...specification, ...changes },
        machineHolder: holder.pid ?? 0,
        services: undefined,
      }),
    run: (script) => runInMachine(folder, specification.name, script),
    async [Symbol.asyncDispose]() {
      await removeMachine(folder, specification.name);
      holder.kill("SIGKILL");
      await once(holder, "close");
      await scratch[Symbol.asyncDispose]();
    },
  };
}
