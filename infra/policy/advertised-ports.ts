/** Policy 1: what every security group lets in is what the server serves. */
import type { PolicyResource, StackValidationPolicy } from "@pulumi/policy";
import {
  BASTION_SUBNET,
  listenedPorts,
  SSH_PORT,
  type PortRange,
} from "../../server/contract/index.ts";
import type { DeclaredDeliveries, DeliveredSettings } from "./declared-deliveries.ts";
import { describeDifference, formatPorts, subtract } from "./port-sets.ts";
import {
  objectsIn,
  portsLetIn,
  readGroups,
  resourcesOf,
  textOf,
  type RuleFacts,
} from "./resource-facts.ts";

/** Every port that delivered settings make the server listen on. */
export function servedPorts({ server }: DeliveredSettings): readonly PortRange[] {
  return listenedPorts(server.listen, server.passive.ports, server.sites);
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
    objectsIn(props["subnets"]),
  );
  const own = resourcesOf(resources, "network:Subnet").map(({ props }) => props);
  return new Set(
    [...inline, ...own]
      .filter((subnet) => subnet["name"] === BASTION_SUBNET)
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
