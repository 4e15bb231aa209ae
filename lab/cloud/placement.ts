/** Where resource types belong, and what follows from it: their ids, and the properties that say so. */
import { resourceGroupId } from "./identifiers.ts";
import type { ResourceType } from "./resource-type.ts";
import { map, required, text, type ObjectShape } from "./shapes.ts";
import { textAt, type OptionalProperties, type Properties } from "./values.ts";

type Place = Pick<ResourceType, "armType" | "naming" | "parents" | "id">;

/** A type whose resources stand in a resource group. */
export function inGroup(armType: string, naming: ResourceType["naming"]): Place {
  return {
    armType,
    naming,
    parents: ["resourceGroupName"],
    id: (inputs) =>
      `${resourceGroupId(textAt(inputs, "resourceGroupName") ?? "")}/providers/${armType}/${textAt(inputs, naming.property) ?? ""}`,
  };
}

/** A type whose resources stand inside one of another type: `collection` is `secrets` of a vault. */
export function inside(
  parent: Place,
  collection: string,
  naming: ResourceType["naming"],
): Place & Required<Pick<ResourceType, "parentId">> {
  return {
    armType: `${parent.armType}/${collection}`,
    naming,
    parents: [...parent.parents, parent.naming.property],
    id: (inputs) => `${parent.id(inputs)}/${collection}/${textAt(inputs, naming.property) ?? ""}`,
    parentId: parent.id,
  };
}

/** The properties that every resource of a group takes; `name` is the one that names it. */
export function groupProperties(name: string): ObjectShape {
  return {
    resourceGroupName: required(text()),
    [name]: text(),
    location: required(text()),
    tags: map(),
  };
}

/** A declaration without what makes up the id: Azure answers with the rest. */
export function withoutPlace(inputs: Properties, name: string): OptionalProperties {
  return { ...inputs, resourceGroupName: undefined, [name]: undefined };
}
