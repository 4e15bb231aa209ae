/** Policy 1: what every security group lets in is what the server serves. */
import type { StackValidationPolicy } from "@pulumi/policy";
import { singlePort, type PortRange } from "../../server/contract/index.ts";
import type { DeclaredDeliveries, DeliveredSettings } from "./declared-deliveries.ts";
import { describeDifference, formatPorts } from "./port-sets.ts";
import { portsLetIn, readRules, resourcesOf } from "./resource-facts.ts";

/** Every port that delivered settings make the server listen on. */
export function servedPorts({ server }: DeliveredSettings): readonly PortRange[] {
  const { controlPort, implicitTlsPort, healthProbePort } = server.listen;
  return [
    ...[controlPort, implicitTlsPort, healthProbePort]
      .filter((port) => port !== undefined)
      .map(singlePort),
    server.passive.ports,
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
      for (const group of resourcesOf(resources, "network:NetworkSecurityGroup")) {
        const difference = describeDifference(portsLetIn(readRules(group.props)), served);
        if (difference === undefined) continue;
        reportViolation(
          `${group.name} ${difference}; the server serves ${formatPorts(served)}. Derive the rules from the settings (infra/plan/security-rules.ts) and change passivePorts, controlPort or implicitTlsPort instead of a rule.`,
          group.urn,
        );
      }
    },
  };
}
