/**
 * Ids of Azure resources that exist already and are given to a stack instead of made by it.
 * https://learn.microsoft.com/rest/api/resources/resources/get-by-id
 */

/** An id, taken apart. */
export interface ResourceId {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** `Microsoft.Network/virtualNetworks/subnets`. */
  readonly type: string;
  /** One name per part of the type after the namespace. */
  readonly names: readonly string[];
}

const GROUP =
  /^\/subscriptions\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/resourceGroups\/([^/]+)\/providers\/([^/]+)((?:\/[^/]+\/[^/]+)+)$/i;

/** Takes an id of a resource inside a resource group apart; undefined when it is none. */
export function parseResourceId(text: string): ResourceId | undefined {
  const [, subscriptionId, resourceGroup, namespace, rest] = GROUP.exec(text) ?? [];
  if (!subscriptionId || !resourceGroup || !namespace || !rest) return undefined;
  const parts = rest.slice(1).split("/");
  const kinds = parts.filter((_, index) => index % 2 === 0);
  const names = parts.filter((_, index) => index % 2 === 1);
  return { subscriptionId, resourceGroup, type: [namespace, ...kinds].join("/"), names };
}

/** An id of this type, as an example for people. */
export function exampleResourceId(type: string): string {
  const [namespace = "", ...kinds] = type.split("/");
  const path = kinds.map((kind) => `${kind}/NAME`).join("/");
  return `/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/${namespace}/${path}`;
}

/** True when `text` is the id of a resource of this type; Azure compares types without case. */
export function isResourceIdOf(text: string, type: string): boolean {
  return parseResourceId(text)?.type.toLowerCase() === type.toLowerCase();
}
