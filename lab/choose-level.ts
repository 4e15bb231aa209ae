/** Decides at which level a lab runs, and says why not at a higher one. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { bootAbility, type BootAbility } from "./booted/ability.ts";
import { ensureImage } from "./booted/image.ts";
import { LabError } from "./lab-error.ts";
import { networkAbility, type Level, type NetworkAbility } from "./levels.ts";
import type { Privileges } from "./network/namespaces.ts";

export type ChosenLevel =
  | { readonly level: "process"; readonly missing: string }
  | { readonly level: "network"; readonly privileges: Privileges; readonly missing: string }
  | { readonly level: "machine"; readonly privileges: "root"; readonly image: string };

export interface LevelRequest {
  /** Asked for by name; undefined: the highest one. */
  readonly level: Level | undefined;
  /** Whether missing system packages may be installed. */
  readonly install: boolean;
  readonly projectFolder: string;
  readonly say: (line: string) => void;
}

/** @throws LabError when a level was asked for that this computer cannot offer. */
export async function chooseLevel(request: LevelRequest): Promise<ChosenLevel> {
  if (request.level === "process") return { level: "process", missing: "--level process" };
  let ability = await networkAbility();
  if (ability.kind === "lacksPrograms" && mayInstall(request)) {
    request.say(
      `The level network needs ${ability.packages.join(", ")}; installing (--no-install stays at process).`,
    );
    await install(request.projectFolder, ability.packages);
    ability = await networkAbility();
  }
  if (ability.kind === "able") return chooseAboveProcess(request, ability.privileges);
  const missing = explain(ability);
  if (request.level !== undefined) {
    throw new LabError(`The level ${request.level} cannot run here: ${missing}.`);
  }
  return { level: "process", missing };
}

/** The image takes a minute or two to make, once; only who asks for the level waits for it. */
async function chooseAboveProcess(
  request: LevelRequest,
  privileges: Privileges,
): Promise<ChosenLevel> {
  if (request.level === "network") {
    return { level: "network", privileges, missing: "--level network" };
  }
  const asked = request.level === "machine";
  const images = join(request.projectFolder, IMAGE_FOLDER);
  let ability = await bootAbility(images);
  if (asked && ability.kind === "lacksPrograms" && mayInstall(request)) {
    request.say(`The level machine needs ${ability.packages.join(", ")}; installing.`);
    await install(request.projectFolder, ability.packages);
    ability = await bootAbility(images);
  }
  if (ability.kind === "able" && privileges === "root") {
    const image = asked ? await ensureImage({ folder: images }) : ability.image;
    if (image !== undefined) return { level: "machine", privileges, image };
    const missing = "its Linux has not been made yet; --level machine makes it, once";
    return { level: "network", privileges, missing };
  }
  const missing = ability.kind === "able" ? "it needs root" : explain(ability);
  if (asked) throw new LabError(`The level machine cannot run here: ${missing}.`);
  return { level: "network", privileges, missing };
}

/** The image of a level, for the lab's file. */
export function imageOf(chosen: ChosenLevel): { readonly image?: string } {
  return chosen.level === "machine" ? { image: chosen.image } : {};
}

/** Below the project; several labs share it. */
const IMAGE_FOLDER = join(".gangway", "images");

function mayInstall({ install: allowed }: LevelRequest): boolean {
  return allowed && process.getuid?.() === 0;
}

/** The script says what it does and why it cannot. */
async function install(projectFolder: string, packages: readonly string[]): Promise<void> {
  const script = join(projectFolder, "scripts", "system-packages.mjs");
  const child = spawn(process.execPath, [script, ...packages], { stdio: "inherit" });
  await once(child, "close");
}

function explain(ability: Exclude<NetworkAbility | BootAbility, { kind: "able" }>): string {
  switch (ability.kind) {
    case "lacksPrograms":
      return `it needs the system packages ${ability.packages.join(", ")} (Debian's names): sudo apt-get install ${ability.packages.join(" ")}`;
    case "unable":
      return ability.reason;
  }
}
