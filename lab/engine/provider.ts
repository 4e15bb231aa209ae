/**
 * Entry of the provider plugin that stands in for azure-native. The engine starts it through
 * `bin/pulumi-resource-azure-native`; the environment says which lab it belongs to.
 */
import { flushCompileCache } from "node:module";
import { Cloud } from "../cloud/cloud.ts";
import { openAzureProvider } from "./azure-provider.ts";
import { lazyEffects } from "./level-effects.ts";
import { servePlugin } from "./serve.ts";

/** Version of azure-native whose interface is served. */
const VERSION = "3.28.0";

/** Late enough not to be in the way of the first requests. */
const FLUSH_AFTER_MILLISECONDS = 500;

/** Environment of the plugin. */
const LAB_FOLDER_VARIABLE = "GANGWAY_LAB_FOLDER";
const LAB_LEVEL_VARIABLE = "GANGWAY_LAB_LEVEL";

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
  // The engine ends its plugins by force, so what was compiled is kept now.
  setTimeout(flushCompileCache, FLUSH_AFTER_MILLISECONDS).unref();
}

await main();
