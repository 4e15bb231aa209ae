/** What every part of a stack needs to create its resources. */
import type * as pulumi from "@pulumi/pulumi";
import type { Settings } from "#contract";
import type { Names } from "../plan/names.ts";

export interface StackContext {
  readonly settings: Settings;
  /** Base of all names; names that Azure wants unique in the world grow from it. */
  readonly base: string;
  readonly names: Names;
  readonly tags: Record<string, string>;
  readonly location: pulumi.Input<string>;
  readonly resourceGroupName: pulumi.Output<string>;
  readonly resourceGroupId: pulumi.Output<string>;
  /** The component that everything belongs to. */
  readonly parent: pulumi.Resource;
}

/** Refuses deletion of what cannot be got back (in production): partners' allow-lists, files. */
export function protectedInProduction({ parent, settings }: StackContext) {
  return { parent, protect: settings.environment === "prod" };
}
