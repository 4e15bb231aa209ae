/** Decides at which level a lab runs, and says why not at a higher one. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { LabError } from "./lab-error.ts";
import { networkAbility, type Level, type NetworkAbility } from "./levels.ts";
import type { Privileges } from "./network/namespaces.ts";

export type ChosenLevel =
  | { readonly level: "process"; readonly missing: string }
  | { readonly level: "network"; readonly privileges: Privileges };

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
  if (ability.kind === "able") return { level: "network", privileges: ability.privileges };
  const missing = explain(ability);
  if (request.level === "network") {
    throw new LabError(`The level network cannot run here: ${missing}.`);
  }
  return { level: "process", missing };
}

function mayInstall({ install: allowed }: LevelRequest): boolean {
  return allowed && process.getuid?.() === 0;
}

/** The script says what it does and why it cannot. */
async function install(projectFolder: string, packages: readonly string[]): Promise<void> {
  const script = join(projectFolder, "scripts", "system-packages.mjs");
  const child = spawn(process.execPath, [script, ...packages], { stdio: "inherit" });
  await once(child, "close");
}

function explain(ability: Exclude<NetworkAbility, { kind: "able" }>): string {
  switch (ability.kind) {
    case "lacksPrograms":
      return `it needs the system packages ${ability.packages.join(", ")} (Debian's names): sudo apt-get install ${ability.packages.join(" ")}`;
    case "unable":
      return ability.reason;
  }
}
