/** Policy 20: what reaches a machine agrees with itself, with Azure's address and with Azure's rules. */
import type {
  PolicyResource,
  ResourceValidationPolicy,
  StackValidationPolicy,
} from "@pulumi/policy";
import {
  BASTION_RULE,
  ContractError,
  parseRange,
  type PortRange,
} from "../../server/contract/index.ts";
import { servedPorts } from "./advertised-ports.ts";
import type { DeclaredDeliveries, DeliveredSettings, Delivery } from "./declared-deliveries.ts";
import { describeDifference, formatPorts, readPorts, subtract } from "./port-sets.ts";
import { known, portsLetIn, readGroups, resourcesOf, textOf } from "./resource-facts.ts";

/** First half: what is delivered can be read at all; it is remembered for the second half. */
export function deliveredSettingsHold(declared: DeclaredDeliveries): ResourceValidationPolicy {
  return {
    name: "delivered-settings-hold",
    description:
      "Settings and deployment that a machine is given are what the server's schema says: otherwise it would refuse them and keep the old ones.",
    enforcementLevel: "mandatory",
    validateResource: async ({ type, urn, props }, reportViolation) => {
      try {
        await declared.remember(type, urn, props);
      } catch (error) {
        if (!(error instanceof ContractError)) throw error;
        reportViolation(`The server would refuse these settings: ${error.message}`);
      }
    },
  };
}

/** Second half. */
export function deliveredSettingsAgree(declared: DeclaredDeliveries): StackValidationPolicy {
  return {
    name: "delivered-settings-agree",
    description:
      "Each machine's delivered settings, guest firewall, reserved ports and advertised address agree with each other and with Azure's security groups and address.",
    enforcementLevel: "mandatory",
    configSchema: {
      properties: {
        externalAddresses: {
          type: "array",
          items: { type: "string" },
          default: [],
          description: "Advertised addresses that are not of this stack: of a firewall before it.",
        },
      },
    },
    validateStack: ({ resources, getConfig }, reportViolation) => {
      const { externalAddresses = [] } = getConfig<{ externalAddresses?: readonly string[] }>();
      const settings = declared.settings();
      for (const delivery of declared.deliveries()) {
        const delivered = settings.find(({ sha256 }) => sha256 === delivery.settingsSha256);
        const problems = [
          ...(delivered === undefined
            ? [
                "names settings that no blob of the stack holds. Deliver the blob that the settings were written to.",
              ]
            : findDisagreements(delivered, resources)),
          ...findWrongAddress(delivery, resources, externalAddresses),
        ];
        for (const problem of problems) {
          reportViolation(`The delivery ${problem}`, delivery.urn);
        }
      }
    },
  };
}

function findDisagreements(
  delivered: DeliveredSettings,
  resources: readonly PolicyResource[],
): readonly string[] {
  const served = servedPorts(delivered);
  const firewall = describeDifference(readFirewallPorts(delivered.guestFirewall), served);
  const unreserved = subtract([delivered.server.passive.ports], readReserved(delivered.sysctl));
  const closed = readGroups(resources).flatMap((group) => {
    const shut = subtract([delivered.server.passive.ports], portsLetIn(group.rules));
    return shut.length === 0
      ? []
      : [
          `leases passive ports ${formatPorts(shut)} that ${group.name} shuts out. Derive both from passivePorts.`,
        ];
  });
  return [
    ...(firewall === undefined
      ? []
      : [
          `has a guest firewall that ${firewall}; the server serves ${formatPorts(served)}. Render it from the same settings.`,
        ]),
    ...(unreserved.length === 0
      ? []
      : [
          `leaves passive ports ${formatPorts(unreserved)} unreserved, where outgoing connections can take them. Set net.ipv4.ip_local_reserved_ports to the passive range.`,
        ]),
    ...closed,
  ];
}

function findWrongAddress(
  { deployment }: Delivery,
  resources: readonly PolicyResource[],
  external: readonly string[],
): readonly string[] {
  if (deployment === undefined) return [];
  const assigned = resourcesOf(resources, "network:PublicIPAddress").map(({ props }) =>
    known(() => textOf(props["ipAddress"])),
  );
  const { advertisedAddress } = deployment;
  if (assigned.includes(undefined) || assigned.includes(advertisedAddress)) return [];
  if (external.includes(advertisedAddress)) return [];
  return [
    `advertises ${advertisedAddress} to passive clients, which is no public address of the stack (${assigned.join(", ") || "none"}). Leave externalAddress empty, or list the address in this policy's externalAddresses.`,
  ];
}

/** The TCP ports that new connections may reach, from the text of the ruleset. */
function readFirewallPorts(ruleset: string): readonly PortRange[] {
  const input = /chain input \{([^]*?)\n\s*\}/.exec(ruleset)?.[1] ?? "";
  // SSH for administrators, from Bastion only, is no service of the server's.
  const rules = input.split("\n").filter((line) => !line.includes(`"${BASTION_RULE}"`));
  const accepted = /tcp dport (\{[^}]*\}|\S+)[^\n]*\baccept\b/g;
  return [...rules.join("\n").matchAll(accepted)].flatMap((match) =>
    (match[1] ?? "")
      .replace(/[{}]/g, "")
      .split(",")
      .map((text) => readPorts(text.trim()))
      .filter((range) => range !== undefined),
  );
}

function readReserved(sysctl: string): readonly PortRange[] {
  const value = /^net\.ipv4\.ip_local_reserved_ports\s*=\s*(.*)$/m.exec(sysctl)?.[1] ?? "";
  return value
    .split(",")
    .map((text) => parseRange(text))
    .filter((range) => range !== undefined);
}
