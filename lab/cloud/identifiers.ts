/** Identities in the simulated cloud. All are fixed or computed: the same declaration gets the same. */
import { sha256 } from "./state.ts";

/** The lab's subscription, tenant and the principal that deploys. */
export const LAB_SUBSCRIPTION = "00000000-1ab0-4000-8000-000000000001";
export const LAB_TENANT = "00000000-1ab0-4000-8000-000000000002";
export const LAB_DEPLOYER = "00000000-1ab0-4000-8000-000000000003";
export const LAB_CLIENT = "00000000-1ab0-4000-8000-000000000004";

/** A GUID computed from a text. */
export function guidOf(seed: string): string {
  const hex = sha256(seed);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}

/** Whether a text has the form of a GUID. */
export function isGuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/** Id of a resource group. */
export function resourceGroupId(name: string): string {
  return `/subscriptions/${LAB_SUBSCRIPTION}/resourceGroups/${name}`;
}

/** Name of the resource group in an ARM id. */
export function resourceGroupOf(id: string): string | undefined {
  return /^\/subscriptions\/[^/]+\/resourceGroups\/([^/]+)/i.exec(id)?.[1];
}

/** Last segment of an ARM id. */
export function nameOf(id: string): string {
  return id.slice(id.lastIndexOf("/") + 1);
}

/** Whether two ARM ids mean the same resource. */
export function sameId(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one.toLowerCase() === other.toLowerCase();
}

/** Whether a resource lies below another: a subnet in its network, everything in a group. */
export function isWithin(id: string, ancestor: string): boolean {
  return id.toLowerCase().startsWith(`${ancestor.toLowerCase()}/`);
}
