/** Policy 3: inbound rules name the port where it belongs. */
import type { ReportViolation, ResourceValidationPolicy } from "@pulumi/policy";
import { EVERY_PORT, readPorts, subtract } from "./port-sets.ts";
import { isAzureType, readRule, readRules, type RuleFacts } from "./resource-facts.ts";

export const inboundRules: ResourceValidationPolicy = {
  name: "inbound-rules-name-their-ports",
  description:
    "Inbound rules that allow have any source port and name their destination ports: clients connect from random ports, and a port in the wrong property leaves all others open.",
  enforcementLevel: "mandatory",
  validateResource: ({ type, props, name }, reportViolation) => {
    if (isAzureType(type, "network:NetworkSecurityGroup")) {
      for (const rule of readRules(props)) judge(rule, reportViolation);
    } else if (isAzureType(type, "network:SecurityRule")) {
      judge(readRule(props, name), reportViolation);
    }
  },
};

function judge(rule: RuleFacts, reportViolation: ReportViolation): void {
  if (!rule.inbound || !rule.allows) return;
  if (rule.sourcePorts.some((text) => !coversAll(text))) {
    reportViolation(
      `Rule ${rule.name} lets in only connections from source port ${rule.sourcePorts.join(", ")}; clients use random ones. Set sourcePortRange to "*" and put the port into destinationPortRange.`,
    );
  }
  if (rule.destinationPorts.some(coversAll)) {
    reportViolation(
      `Rule ${rule.name} opens every port. Set destinationPortRange to the ports that are served, for example the control port or the passive range.`,
    );
  }
}

function coversAll(text: string): boolean {
  const range = readPorts(text) ?? (text === "0-65535" ? EVERY_PORT : undefined);
  return range !== undefined && subtract([EVERY_PORT], [range]).length === 0;
}
