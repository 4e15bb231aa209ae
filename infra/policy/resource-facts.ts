/**
 * What policies need to know of resources, read from their properties in every spelling that Azure
 * takes: singular and plural, any API version, any case.
 */
import type { PolicyResource } from "@pulumi/policy";
import type { PortRange } from "../../server/contract/index.ts";
import { coverEveryPort, readAllPorts, subtract } from "./port-sets.ts";

/**
 * True for a type of azure-native in whatever API version, in the package itself or in one made for
 * that version: `network:NetworkSecurityGroup`.
 */
export function isAzureType(type: string, wanted: string): boolean {
  const [module = "", name = ""] = wanted.split(":");
  return new RegExp(`^azure-native(?:_[0-9a-z_]+)?:${module}(?:/v[0-9a-z]+)?:${name}$`).test(type);
}

export function resourcesOf(
  resources: readonly PolicyResource[],
  wanted: string,
): readonly PolicyResource[] {
  return resources.filter(({ type }) => isAzureType(type, wanted));
}

/** A security rule, each property in one spelling. */
export interface RuleFacts {
  readonly name: string;
  readonly priority: number;
  readonly inbound: boolean;
  readonly allows: boolean;
  /** Lower case. */
  readonly protocol: string;
  readonly sources: readonly string[];
  readonly sourcePorts: readonly string[];
  readonly destinationPorts: readonly string[];
  /** Whether it is about every address behind the group. */
  readonly everywhere: boolean;
}

type Properties = Readonly<Record<string, unknown>>;

/** Reads the properties of a rule, inline in a group or a resource of its own. */
export function readRule(properties: Properties, fallbackName = "(unnamed)"): RuleFacts {
  return {
    name: textOf(properties["name"]) ?? fallbackName,
    priority: Number(properties["priority"]),
    inbound: textOf(properties["direction"])?.toLowerCase() === "inbound",
    allows: textOf(properties["access"])?.toLowerCase() === "allow",
    protocol: textOf(properties["protocol"])?.toLowerCase() ?? "*",
    sources: listOf(properties, "sourceAddressPrefix", "sourceAddressPrefixes"),
    sourcePorts: listOf(properties, "sourcePortRange", "sourcePortRanges"),
    destinationPorts: listOf(properties, "destinationPortRange", "destinationPortRanges"),
    everywhere:
      properties["destinationApplicationSecurityGroups"] === undefined &&
      listOf(properties, "destinationAddressPrefix", "destinationAddressPrefixes").every((to) =>
        EVERY_ADDRESS.has(to.toLowerCase()),
      ),
  };
}

/** The inline rules of a security group. */
export function readRules(properties: Properties): readonly RuleFacts[] {
  return objectsIn(properties["securityRules"]).map((rule) => readRule(rule));
}

/** Types that hold security groups, or write them out as part of themselves. */
export const RULE_HOLDERS = [
  "network:NetworkSecurityGroup",
  "network:VirtualNetwork",
  "network:Subnet",
  "network:NetworkInterface",
  "compute:VirtualMachineScaleSet",
] as const;

/** The rules of a group, and of groups that a resource writes out within itself, group by group. */
export function readGroupsWithin(
  type: string,
  properties: Properties,
): readonly (readonly RuleFacts[])[] {
  if (!RULE_HOLDERS.some((holder) => isAzureType(type, holder))) return [];
  return groupsWithin(properties).map((group) => readRules(group));
}

function groupsWithin(value: unknown): readonly Properties[] {
  if (Array.isArray(value)) return value.flatMap((item) => groupsWithin(item));
  if (!isProperties(value)) return [];
  if (Array.isArray(value["securityRules"])) return [value];
  // What a preview does not know yet holds no rules that it could show.
  return Object.keys(value).flatMap((key) => known(() => groupsWithin(value[key])) ?? []);
}

/** Protocols of IP that have ports; Azure's wildcard has them all. */
export function hasPorts({ protocol }: RuleFacts): boolean {
  return !PORTLESS.has(protocol);
}

const PORTLESS: ReadonlySet<string> = new Set(["icmp", "esp", "ah"]);

/** Whether a rule shuts its destination ports to everyone: whatever comes after it is moot. */
function shutsEveryone(rule: RuleFacts): boolean {
  return (
    rule.inbound &&
    !rule.allows &&
    rule.everywhere &&
    coverEveryPort(rule.sourcePorts) &&
    rule.sources.some((source) => EVERYONE.has(source.toLowerCase()))
  );
}

/** Whether it shuts them to every address; denials of the internet alone, or of IPv6, do not. */
export function shutsEveryAddress(rule: RuleFacts): boolean {
  return (
    shutsEveryone(rule) && rule.sources.some((source) => EVERY_ADDRESS.has(source.toLowerCase()))
  );
}

/** Whether it shuts them to the internet, whatever it does to the network's own addresses. */
export function shutsInternet(rule: RuleFacts): boolean {
  return (
    shutsEveryAddress(rule) ||
    (shutsEveryone(rule) && rule.sources.some((source) => source.toLowerCase() === "internet"))
  );
}

/** A security group with all of its rules: inline ones, and those that are resources of their own. */
export interface GroupFacts {
  readonly name: string;
  readonly urn: string;
  readonly rules: readonly RuleFacts[];
  /** Rules that are resources of their own, beside inline ones. */
  readonly apart: readonly RuleFacts[];
}

/** Every security group of a stack. A rule of its own says to which group it belongs by name. */
export function readGroups(resources: readonly PolicyResource[]): readonly GroupFacts[] {
  const own = resourcesOf(resources, "network:SecurityRule");
  return resourcesOf(resources, "network:NetworkSecurityGroup").map((group) => {
    const azureName = textOf(group.props["name"]);
    const apart = own
      .filter(
        (rule) =>
          (azureName !== undefined &&
            textOf(rule.props["networkSecurityGroupName"])?.toLowerCase() ===
              azureName.toLowerCase()) ||
          [rule.propertyDependencies?.["networkSecurityGroupName"] ?? []]
            .flat()
            .some(({ urn }) => urn === group.urn),
      )
      .map((rule) => readRule(rule.props, rule.name));
    return {
      name: group.name,
      urn: group.urn,
      rules: [...readRules(group.props), ...apart],
      apart,
    };
  });
}

/** The ports that rules let in, for anyone: earlier denials of everyone taken away. */
export function portsLetIn(
  rules: readonly RuleFacts[],
  protocol: "tcp" | "udp" = "tcp",
): readonly PortRange[] {
  const other = protocol === "tcp" ? "udp" : "tcp";
  const decisive = rules
    .filter((rule) => rule.inbound && hasPorts(rule) && rule.protocol !== other)
    .toSorted((a, b) => a.priority - b.priority);
  const denied: PortRange[] = [];
  return decisive.flatMap((rule) => {
    const ports = readAllPorts(rule.destinationPorts);
    if (rule.allows) return [...subtract(ports, denied)];
    if (shutsEveryone(rule)) denied.push(...ports);
    return [];
  });
}

/** The spellings of every address of the network and the internet. */
const EVERY_ADDRESS: ReadonlySet<string> = new Set(["*", "0.0.0.0/0", "any"]);

/** The spellings of everyone, or of all clients. */
export const EVERYONE: ReadonlySet<string> = new Set([
  "*",
  "0.0.0.0",
  "0.0.0.0/0",
  "::/0",
  "any",
  "internet",
]);

/** The value, or undefined while a preview does not know it. */
export function known<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && "unknownTypeSentinel" in error) return undefined;
    throw error;
  }
}

export function isProperties(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The objects in a list; none where there is no list. */
export function objectsIn(value: unknown): readonly Properties[] {
  return Array.isArray(value) ? value.filter(isProperties) : [];
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A number, also one that some language wrote as text. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === "string" && /^\d+$/.test(value)) return Number(value);
  return typeof value === "number" ? value : undefined;
}

/** A text, also one that some language wrote as a number: the port 22. */
function writtenOf(value: unknown): string | undefined {
  return typeof value === "number" ? String(value) : textOf(value);
}

function listOf(properties: Properties, one: string, many: string): readonly string[] {
  const plural = properties[many];
  return [properties[one], ...(Array.isArray(plural) ? (plural as unknown[]) : [])]
    .map((value) => writtenOf(value))
    .filter((text): text is string => text !== undefined && text !== "");
}
