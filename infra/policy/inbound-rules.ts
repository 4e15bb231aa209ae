/** Policy 3: inbound rules name the port where it belongs. */
import type { ReportViolation, ResourceValidationPolicy } from "@pulumi/policy";
import { coverEveryPort } from "./port-sets.ts";
import {
  hasPorts,
  isAzureType,
  readRule,
  readGroupsWithin,
  type RuleFacts,
} from "./resource-facts.ts";

export const inboundRules: ResourceValidationPolicy = {
  name: "inbound-rules-name-their-ports",
  description:
    "Inbound rules that allow have any source port and name their destination ports: clients connect from random ports, and a port in the wrong property leaves all others open.",
  enforcementLevel: "mandatory",
  validateResource: ({ type, props, name }, reportViolation) => {
    if (isAzureType(type, "network:SecurityRule")) judge(readRule(props, name), reportViolation);
    else for (const rule of readGroupsWithin(type, props).flat()) judge(rule, reportViolation);
  },
};

function judge(rule: RuleFacts, reportViolation: ReportViolation): void {
  if (!rule.inbound || !rule.allows || !hasPorts(rule)) return;
  if (rule.sourcePorts.length > 0 && !coverEveryPort(rule.sourcePorts)) {
    reportViolation(
      `Rule ${rule.name} lets in only connections from source port ${rule.sourcePorts.join(", ")}; clients use random ones. Set sourcePortRange to "*" and put the port into destinationPortRange.`,
    );
  }
  if (coverEveryPort(rule.destinationPorts)) {
    reportViolation(
      `Rule ${rule.name} opens every port. Set destinationPortRange to the ports that are served, for example the control port or the passive range.`,
    );
  }
}
