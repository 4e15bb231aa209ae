/** Which level of the lab stands behind the simulated cloud. */
import { NO_EFFECTS, type CloudEffects, type EffectsOfLevel } from "./cloud/effects.ts";
import { readLabFile } from "./lab-file.ts";
import { LabError } from "./lab-error.ts";
import { LEVELS, type Level } from "./levels.ts";
import { networkEffects } from "./network/network-effects.ts";
import { processEffects } from "./process/process-effects.ts";

const EFFECTS: Readonly<Record<Level, (labFolder: string) => CloudEffects>> = {
  process: processEffects,
  network: (labFolder) =>
    networkEffects(labFolder, {
      idleTimeoutScale: readLabFile(labFolder)?.idleTimeoutScale ?? 1,
    }),
};

/** @throws LabError for a level that the lab does not have. */
export const effectsOfLevel: EffectsOfLevel = async (level, labFolder) => {
  if (level === "none") return NO_EFFECTS;
  const known = LEVELS.find((name) => name === level);
  if (known === undefined) {
    throw new LabError(`The lab has no level ${level}; it has ${LEVELS.join(" and ")}.`);
  }
  return EFFECTS[known](labFolder);
};
