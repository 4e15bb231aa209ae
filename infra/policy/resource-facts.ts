/**
 * What policies need to know of resources, read from their properties in every spelling that Azure
 * takes: singular and plural, any API version, any case.
 */
import type { PolicyResource } from "@pulumi/policy";
import type { PortRange } from "../../server/contract/index.ts";
import { EVERY_PORT, readPorts, subtract } from "./port-sets.ts";

/** True for a type of azure-native in whatever API version: `network:NetworkSecurityGroup`. */
export function isAzureType(type: string, wanted: string): boolean {
  const [module = "", name = ""] = wanted.split(":");
  return new RegExp(`^azure-native:${module}(?:/v[0-9a-z]+)?:${name}$`).test(type);
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
  };
}

/** The inline rules of a security group. */
export function readRules(properties: Properties): readonly RuleFacts[] {
  const rules = properties["securityRules"];
  return Array.isArray(rules) ? rules.filter(isProperties).map((rule) => readRule(rule)) : [];
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

/** The TCP ports that rules let in, for anyone: earlier denials of everyone taken away. */
export function portsLetIn(rules: readonly RuleFacts[]): readonly PortRange[] {
  const decisive = rules
    .filter(({ inbound, protocol }) => inbound && (protocol === "tcp" || protocol === "*"))
    .toSorted((a, b) => a.priority - b.priority);
  const denied: PortRange[] = [];
  return decisive.flatMap((rule) => {
    const ports = rule.destinationPorts.map((text) => readPorts(text) ?? EVERY_PORT);
    if (rule.allows) return [...subtract(ports, denied)];
    if (rule.sources.some((source) => EVERYONE.has(source.toLowerCase()))) denied.push(...ports);
    return [];
  });
}

/** The spellings of everyone. */
export const EVERYONE: ReadonlySet<string> = new Set([
  "*",
  "0.0.0.0",
  "0.0.0.0/0",
  "::/0",
  "any",
  "internet",
]);

export function isProperties(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function listOf(properties: Properties, one: string, many: string): readonly string[] {
  const single = textOf(properties[one]);
  const plural = properties[many];
  return [
    ...(single === undefined || single === "" ? [] : [single]),
    ...(Array.isArray(plural) ? plural.filter((text) => typeof text === "string") : []),
  ];
}
