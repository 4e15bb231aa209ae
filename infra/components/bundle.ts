/** The bundle: built, or found built, in every preview and deployment. */
import type * as pulumi from "@pulumi/pulumi";
import { runOutput } from "@pulumi/command/local/run.js";
import { parseWith, type Settings } from "#contract";
import * as v from "valibot";
import { gangway, SILENT } from "./gangway-command.ts";

const bundledSchema = v.object({
  /** Relative to the root of the repository. */
  path: v.string(),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  bytes: v.number(),
});
const bundleSchema = v.object({ server: bundledSchema, runtime: bundledSchema });

/** One archive, as `gangway bundle --json` describes it. */
export type Bundled = v.InferOutput<typeof bundledSchema>;
export type Bundle = v.InferOutput<typeof bundleSchema>;

/**
 * Builds what is missing. An invoke, not a resource: it runs in previews as well, which so say
 * truly whether the bundle changes, on a fresh checkout too.
 */
export function buildBundle(
  { machine }: Settings,
  options: pulumi.InvokeOutputOptions,
): pulumi.Output<Bundle> {
  const words = ["bundle", "--if-missing", "--json", "--architecture", machine.architecture];
  return runOutput({ ...SILENT, command: gangway(words) }, options).apply(({ stdout }) =>
    parseWith(bundleSchema, JSON.parse(stdout)),
  );
}
