/** What has to go before a resource that is deleted first and created anew. */
import { UNKNOWN, type Properties } from "../cloud/values.ts";
import type { ProviderOperations } from "./provider-operations.ts";
import type { StackResource } from "./stack-state.ts";

/**
 * URNs of the resource and of those that cannot stand without it: resources that its replacement
 * would replace as well, because of what they take from it.
 */
export function fallingWith(
  old: StackResource,
  resources: readonly StackResource[],
  providerOf: (type: string) => ProviderOperations,
): ReadonlySet<string> {
  const falling = new Set([old.urn]);
  for (const { urn, type, custom, inputs, dependencies } of resources) {
    if (!custom || falling.has(urn)) continue;
    const affected = Object.entries(dependencies)
      .filter(([, urns]) => urns.some((dependency) => falling.has(dependency)))
      .map(([name]) => name);
    if (affected.length === 0) continue;
    const newInputs = withUnknown(inputs, affected);
    const { differences } = providerOf(type).diff({ type, oldInputs: inputs, newInputs });
    if (differences.some(({ replaces }) => replaces)) falling.add(urn);
  }
  return falling;
}

/** The inputs as they would be while something they came from is being replaced. */
function withUnknown(inputs: Properties, names: readonly string[]): Properties {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [name, names.includes(name) ? UNKNOWN : value]),
  );
}
