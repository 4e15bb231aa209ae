/** Policy 1: what every security group lets in is what the server serves. */
import type { PolicyResource, StackValidationPolicy } from "@pulumi/policy";
import { controlPorts, singlePort, SSH_PORT, type PortRange } from "../../server/contract/index.ts";
import type { DeclaredDeliveries, DeliveredSettings } from "./declared-deliveries.ts";
import { describeDifference, formatPorts, subtract } from "./port-sets.ts";
import {
  isProperties,
  portsLetIn,
  readGroups,
  resourcesOf,
  textOf,
  type RuleFacts,
} from "./resource-facts.ts";

/** Every port that delivered settings make the server listen on. */
export function servedPorts({ server }: DeliveredSettings): readonly PortRange[] {
  const { listen, passive, sites } = server;
  const control = controlPorts(listen, sites).map(({ port }) => port);
  return [
    ...[...control, listen.healthProbePort].filter((port) => port !== undefined).map(singlePort),
    passive.ports,
  ];
}

export function advertisedPorts(declared: DeclaredDeliveries): StackValidationPolicy {
  return {
    name: "security-groups-allow-what-is-served",
    description:
      "Every network security group lets in exactly the ports that the server serves: a port less breaks transfers, a port more is an open door.",
    enforcementLevel: "mandatory",
    validateStack: ({ resources }, reportViolation) => {
      const settings = declared.settings();
      if (settings.length === 0) return;
      const served = settings.flatMap(servedPorts);
      const bastion = bastionBlocks(resources);
      for (const { name, urn, rules, apart } of readGroups(resources)) {
        const judged = rules.filter((rule) => !isForBastion(rule, bastion));
        const difference = describeDifference(portsLetIn(judged), served);
        if (difference !== undefined) {
          reportViolation(
            `${name} ${difference}; the server serves ${formatPorts(served)}. Derive the rules from the settings (infra/plan/security-rules.ts) and change passivePorts, controlPort, implicitTlsPort or bindings[].port instead of a rule.`,
            urn,
          );
        }
        const udp = portsLetIn(judged, "udp");
        const anyway = subtract(udp, portsLetIn(judged));
        if (anyway.length > 0) {
          reportViolation(
            `${name} lets in UDP to ${formatPorts(anyway)}, which no FTP server has a use for. Remove the rule.`,
            urn,
          );
        }
        for (const rule of apart) {
          reportViolation(
            `Rule ${rule.name} is a resource of its own beside the inline rules of ${name}: each update of the one deletes the other. Declare it inline.`,
            urn,
          );
        }
      }
    },
  };
}

/** Blocks of the stack's subnets for Bastion. */
function bastionBlocks(resources: readonly PolicyResource[]): ReadonlySet<string> {
  const inline = resourcesOf(resources, "network:VirtualNetwork").flatMap(({ props }) =>
    Array.isArray(props["subnets"]) ? props["subnets"].filter(isProperties) : [],
  );
  const own = resourcesOf(resources, "network:Subnet").map(({ props }) => props);
  return new Set(
    [...inline, ...own]
      .filter((subnet) => subnet["name"] === "AzureBastionSubnet")
      .map((subnet) => textOf(subnet["addressPrefix"]))
      .filter((block) => block !== undefined),
  );
}

/** Administrators' SSH from Bastion is no service of the server's. */
function isForBastion(rule: RuleFacts, blocks: ReadonlySet<string>): boolean {
  return (
    rule.inbound &&
    rule.allows &&
    rule.sources.length > 0 &&
    rule.sources.every((source) => blocks.has(source)) &&
    rule.destinationPorts.every((text) => text === String(SSH_PORT))
  );
}
