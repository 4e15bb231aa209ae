/** Finds the effects of a level by name. Loaded late: a preview needs none. */
import { NO_EFFECTS, type CloudEffects, type EffectsOfLevel } from "../cloud/effects.ts";

/** Effects of a level; those of `none` change nothing outside the cloud. */
export async function effectsOf(level: string, labFolder: string): Promise<CloudEffects> {
  if (level === "" || level === "none") return NO_EFFECTS;
  // Computed, so that neither bundlers nor the plugin's start follow it.
  const module = new URL("../effects-of-level.ts", import.meta.url).href;
  const { effectsOfLevel } = (await import(module)) as { readonly effectsOfLevel: EffectsOfLevel };
  return effectsOfLevel(level, labFolder);
}

/** Effects whose module is loaded when the first one is needed. */
export function lazyEffects(level: string, labFolder: string): CloudEffects {
  let loaded: Promise<CloudEffects> | undefined;
  const effects = (): Promise<CloudEffects> => (loaded ??= effectsOf(level, labFolder));
  return {
    networkChanged: async (state) => (await effects()).networkChanged(state),
    machineChanged: async (state, machine) => (await effects()).machineChanged(state, machine),
    runCommand: async (invocation) => (await effects()).runCommand(invocation),
    machineDeleted: async (state, machine) => (await effects()).machineDeleted(state, machine),
  };
}
