/** Which level of the lab stands behind the simulated cloud. */
import { bootedEffects } from "./booted/booted-machine.ts";
import { NO_EFFECTS, type CloudEffects, type EffectsOfLevel } from "./cloud/effects.ts";
import { readLabFile } from "./lab-file.ts";
import { LabError } from "./lab-error.ts";
import { LEVELS, type Level } from "./levels.ts";
import { networkEffects } from "./network/network-effects.ts";
import { processEffects } from "./process/process-effects.ts";

const EFFECTS: Readonly<Record<Level, (labFolder: string) => CloudEffects>> = {
  process: processEffects,
  network: packets,
  machine: (labFolder) => {
    const image = readLabFile(labFolder)?.image;
    if (image === undefined) {
      throw new LabError(`The lab in ${labFolder} was not started at the level machine.`);
    }
    return bootedEffects(labFolder, { network: packets(labFolder), image });
  },
};

function packets(labFolder: string): CloudEffects {
  const idleTimeoutScale = readLabFile(labFolder)?.idleTimeoutScale ?? 1;
  return networkEffects(labFolder, { idleTimeoutScale });
}

/** @throws LabError for a level that the lab does not have. */
export const effectsOfLevel: EffectsOfLevel = async (level, labFolder) => {
  if (level === "none") return NO_EFFECTS;
  const known = LEVELS.find((name) => name === level);
  if (known === undefined) {
    throw new LabError(`The lab has no level ${level}; it has ${LEVELS.join(" and ")}.`);
  }
  return EFFECTS[known](labFolder);
};
