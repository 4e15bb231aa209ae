/** What a program registers, before and after the engine dealt with it. */
import type { ResourceOptions } from "./resource-options.ts";
import type { StackResource } from "./stack-state.ts";
import type { Decoded } from "./wire.ts";

/** A resource as the program wants it. */
export interface Goal {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly parent: string | undefined;
  readonly custom: boolean;
  readonly declared: Decoded;
  /** Resources that each input came from, by input name. */
  readonly dependencies: Readonly<Record<string, readonly string[]>>;
  readonly options: ResourceOptions;
}

/** A registered resource before anything is known about it. */
export function blank(goal: Goal): StackResource {
  const { urn, type, name, parent, custom, declared, dependencies, options } = goal;
  return {
    urn,
    type,
    name,
    parent,
    custom,
    id: "",
    inputs: declared.properties,
    outputs: {},
    secretInputs: declared.secrets,
    secretOutputs: [],
    dependencies,
    retainOnDelete: options.retainOnDelete,
    protect: options.protect,
  };
}

/** An error that says which resource it is about. */
export function naming({ type, name }: Pick<Goal, "type" | "name">, error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  return new Error(`${type} (${name}): ${message}`, { cause: error });
}
