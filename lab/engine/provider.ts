/**
 * Entry of the provider plugin that stands in for azure-native. The engine starts it through
 * `bin/pulumi-resource-azure-native`; the environment says which lab it belongs to.
 */
import { Cloud } from "../cloud/cloud.ts";
import { NO_EFFECTS, type CloudEffects, type EffectsOfLevel } from "../cloud/effects.ts";
import { openAzureProvider } from "./azure-provider.ts";
import { servePlugin } from "./serve.ts";

/** Version of azure-native whose interface is served. */
const VERSION = "3.28.0";

/** Environment of the plugin. */
export const LAB_FOLDER_VARIABLE = "GANGWAY_LAB_FOLDER";
export const LAB_LEVEL_VARIABLE = "GANGWAY_LAB_LEVEL";

async function effectsOf(level: string, labFolder: string): Promise<CloudEffects> {
  if (level === "" || level === "none") return NO_EFFECTS;
  // Computed, so that a preview does not load the level's modules.
  const module = new URL("../effects-of-level.ts", import.meta.url).href;
  const { effectsOfLevel } = (await import(module)) as { readonly effectsOfLevel: EffectsOfLevel };
  return effectsOfLevel(level, labFolder);
}

/** Effects whose module is loaded when the first one is needed. */
function lazyEffects(level: string, labFolder: string): CloudEffects {
  let loaded: Promise<CloudEffects> | undefined;
  const effects = (): Promise<CloudEffects> => (loaded ??= effectsOf(level, labFolder));
  return {
    networkChanged: async (state) => (await effects()).networkChanged(state),
    machineChanged: async (state, machine) => (await effects()).machineChanged(state, machine),
    runCommand: async (invocation) => (await effects()).runCommand(invocation),
    machineDeleted: async (state, machine) => (await effects()).machineDeleted(state, machine),
  };
}

async function main(): Promise<void> {
  const folder = process.env[LAB_FOLDER_VARIABLE];
  if (folder === undefined || folder === "") {
    process.stderr.write(
      `${LAB_FOLDER_VARIABLE} is not set. This plugin belongs to the lab; start it with "npx gangway lab pulumi".\n`,
    );
    process.exitCode = 2;
    return;
  }
  const effects = lazyEffects(process.env[LAB_LEVEL_VARIABLE] ?? "none", folder);
  const cloud = new Cloud({ folder, effects });
  let config: Readonly<Record<string, string>> = {};
  const port = await servePlugin({
    version: VERSION,
    operations: openAzureProvider(cloud, () => config),
    configure: (given) => {
      config = given;
    },
  });
  process.stdout.write(`${port}\n`);
}

await main();
