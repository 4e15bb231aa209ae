/** Azure's checks on the rules of a network security group. */
import { isIPv6 } from "node:net";
import { parseIpv4, parsePrefix } from "../cidr.ts";
import { ArmError } from "../errors.ts";
import { networkName } from "../names.ts";
import { choice, recorded, required, text, texts, whole, type ObjectShape } from "../shapes.ts";
import { isBetween, isRecord, listAt, textAt, type Properties, type Value } from "../values.ts";

/** What a rule takes; application security groups are not simulated. */
export const securityRuleProperties: ObjectShape = {
  name: text(),
  description: recorded(text()),
  access: required(choice(["Allow", "Deny"])),
  direction: required(choice(["Inbound", "Outbound"])),
  priority: whole(),
  protocol: required(choice(["*", "Tcp", "Udp", "Icmp", "Esp", "Ah"])),
  sourceAddressPrefix: text(),
  sourceAddressPrefixes: texts(),
  sourcePortRange: text(),
  sourcePortRanges: texts(),
  destinationAddressPrefix: text(),
  destinationAddressPrefixes: texts(),
  destinationPortRange: text(),
  destinationPortRanges: texts(),
};

const PRIORITY = { least: 100, most: 4096 };
const HIGHEST_PORT = 65535;
/** Limits of one group: rules, and prefixes over all rules of one side. */
const LIMITS = { rules: 1000, prefixes: 4000 };

/** Tags that a single prefix may hold and a list may not. */
const SYSTEM_TAGS = ["*", "VirtualNetwork", "AzureLoadBalancer", "Internet"];
/** Other service tags; a region may follow, as in `Storage.WestEurope`. */
const SERVICE_TAGS = [
  "AzureActiveDirectory",
  "AzureArcInfrastructure",
  "AzureBackup",
  "AzureCloud",
  "AzureDevOps",
  "AzureFrontDoor",
  "AzureKeyVault",
  "AzureMonitor",
  "AzurePlatformDNS",
  "AzurePlatformIMDS",
  "AzurePlatformLKM",
  "AzureResourceManager",
  "AzureTrafficManager",
  "AzureUpdateDelivery",
  "GatewayManager",
  "GuestAndHybridManagement",
  "MicrosoftContainerRegistry",
  "MicrosoftDefenderForEndpoint",
  "Sql",
  "Storage",
];

/** Checks all rules of a group, alone and against each other. */
export function refuseRules(groupId: string, rules: readonly Value[]): void {
  const checked = rules.filter(isRecord);
  if (checked.length > LIMITS.rules) {
    // Azure's code for this limit is not documented; its number is.
    throw new ArmError(
      "SecurityRuleCountLimitReached",
      `Network security group ${groupId} has ${checked.length} security rules; at most ${LIMITS.rules} are allowed.`,
    );
  }
  for (const rule of checked) refuseRule(groupId, rule);
  for (const side of ["source", "destination"] as const) {
    const count = checked.reduce((sum, rule) => sum + prefixesOf(rule, side).length, 0);
    if (count <= LIMITS.prefixes) continue;
    throw new ArmError(
      "SecurityRuleAddressPrefixLimitReached",
      `Network security group ${groupId} has ${count} ${side} address prefixes; at most ${LIMITS.prefixes} are allowed.`,
    );
  }
  refuseConflicts(groupId, checked);
}

function refuseConflicts(groupId: string, rules: readonly Properties[]): void {
  const names = new Set<string>();
  const priorities = new Map<string, string>();
  for (const rule of rules) {
    const name = textAt(rule, "name") ?? "";
    if (names.has(name.toLowerCase())) {
      throw new ArmError(
        "InvalidRequestFormat",
        `Cannot parse the request. Details: DuplicateResourceName: Resource ${groupId} has two child resources with the same name (${name}).`,
      );
    }
    names.add(name.toLowerCase());
    const key = `${textAt(rule, "direction")?.toLowerCase() ?? ""} ${String(rule["priority"])}`;
    const other = priorities.get(key);
    if (other !== undefined) {
      throw new ArmError(
        "SecurityRuleConflict",
        `Security rule ${name} conflicts with rule ${other}. Rules cannot have the same Priority and Direction. To learn more, see aka.ms/nsgrules.`,
      );
    }
    priorities.set(key, name);
  }
}

function refuseRule(groupId: string, rule: Properties): void {
  const name = textAt(rule, "name") ?? "";
  networkName(name);
  const id = `${groupId}/securityRules/${name}`;
  const priority = rule["priority"];
  const { least, most } = PRIORITY;
  if (!isBetween(priority, PRIORITY)) {
    throw new ArmError(
      "SecurityRuleInvalidPriority",
      `Security rule ${id} has invalid Priority. Value provided: ${String(priority ?? "none")} Allowed range ${least}-${most}.`,
    );
  }
  for (const side of ["source", "destination"] as const) {
    refuseSide(id, rule, side);
  }
}

function refuseSide(id: string, rule: Properties, side: "source" | "destination"): void {
  const addresses = prefixesOf(rule, side);
  const ports = portsOf(rule, side);
  const missing = addresses.length === 0 ? "AddressPrefix" : ports.length === 0 ? "PortRange" : "";
  if (missing !== "") {
    const parameter = `${side === "source" ? "Source" : "Destination"}${missing}`;
    throw new ArmError(
      "SecurityRuleParameterIsNotSpecified",
      `Required security rule parameter ${parameter} is missing for security rule with Id: ${id}.`,
    );
  }
  const listed = listAt(rule, `${side}AddressPrefixes`).find(
    (prefix) => typeof prefix === "string" && among(SYSTEM_TAGS, prefix),
  );
  if (listed !== undefined) {
    const parameter = side === "source" ? "SourceAddressPrefixes" : "DestinationAddressPrefixes";
    throw new ArmError(
      "SecurityRuleParameterContainsUnsupportedValue",
      `Security rule parameter ${parameter} for rule with Id ${id} cannot specify existing VIRTUALNETWORK, INTERNET, AZURELOADBALANCER, '*' or default system tags. Unsupported value used: ${String(listed)}.`,
    );
  }
  for (const prefix of addresses) {
    if (isAddressPrefix(prefix)) continue;
    throw new ArmError(
      "SecurityRuleInvalidAddressPrefix",
      `Security rule ${id} has invalid Address prefix. Value provided: ${prefix}`,
    );
  }
  for (const range of ports) {
    if (isPortRange(range)) continue;
    throw new ArmError(
      "SecurityRuleInvalidPortRange",
      `Security rule ${id} has invalid Port range. Value provided: ${range}. Value should be an integer OR integer range with '-' delimiter. Valid range 0-${HIGHEST_PORT}.`,
    );
  }
}

/** Address prefixes of one side of a rule, whichever property holds them. */
function prefixesOf(rule: Properties, side: "source" | "destination"): readonly string[] {
  return several(rule, `${side}AddressPrefix`, `${side}AddressPrefixes`);
}

function portsOf(rule: Properties, side: "source" | "destination"): readonly string[] {
  return several(rule, `${side}PortRange`, `${side}PortRanges`);
}

function several(rule: Properties, single: string, list: string): readonly string[] {
  const one = textAt(rule, single);
  const many = listAt(rule, list).filter((item) => typeof item === "string");
  return one === undefined || one === "" ? many : [one, ...many];
}

function isAddressPrefix(prefix: string): boolean {
  if (among(SYSTEM_TAGS, prefix)) return true;
  if (parseIpv4(prefix) !== undefined || parsePrefix(prefix) !== undefined) return true;
  const [address = "", length, ...rest] = prefix.split("/");
  if (isIPv6(address) && rest.length === 0) {
    return length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= 128);
  }
  return among(SERVICE_TAGS, prefix.split(".")[0] ?? "") && !prefix.includes("/");
}

function isPortRange(range: string): boolean {
  if (range === "*") return true;
  const ports = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range);
  if (ports === null) return false;
  const first = Number(ports[1]);
  const last = Number(ports[2] ?? ports[1]);
  return first <= last && last <= HIGHEST_PORT;
}

function among(list: readonly string[], value: string): boolean {
  return list.some((item) => item.toLowerCase() === value.toLowerCase());
}

/** The rules that every group has besides its own. */
export const DEFAULT_SECURITY_RULES: readonly Properties[] = [
  defaultRule("AllowVnetInBound", "Allow", "Inbound", 65000, "VirtualNetwork", "VirtualNetwork"),
  defaultRule("AllowAzureLoadBalancerInBound", "Allow", "Inbound", 65001, "AzureLoadBalancer", "*"),
  defaultRule("DenyAllInBound", "Deny", "Inbound", 65500, "*", "*"),
  defaultRule("AllowVnetOutBound", "Allow", "Outbound", 65000, "VirtualNetwork", "VirtualNetwork"),
  defaultRule("AllowInternetOutBound", "Allow", "Outbound", 65001, "*", "Internet"),
  defaultRule("DenyAllOutBound", "Deny", "Outbound", 65500, "*", "*"),
];

function defaultRule(
  name: string,
  access: string,
  direction: string,
  priority: number,
  source: string,
  destination: string,
): Properties {
  return {
    name,
    access,
    direction,
    priority,
    protocol: "*",
    sourceAddressPrefix: source,
    sourcePortRange: "*",
    destinationAddressPrefix: destination,
    destinationPortRange: "*",
  };
}
