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
  /** Logical name of a resource, which no other component of the program has. */
  readonly named: (name: string) => string;
  /** The component that everything belongs to. */
  readonly parent: pulumi.Resource;
}

/** The component of a stack of Gangway's own. */
const STACK_COMPONENT = "server";

/**
 * Pulumi tells resources apart by type and name, not by the component that they belong to: those of
 * any component but the stack's own carry its name.
 */
export function namesWithin(component: string): StackContext["named"] {
  return component === STACK_COMPONENT ? (name) => name : (name) => `${component}-${name}`;
}

/** Refuses deletion of what cannot be got back (in production): partners' allow-lists, files. */
export function protectedInProduction({ parent, settings }: StackContext) {
  return { parent, protect: settings.environment === "prod" };
}
