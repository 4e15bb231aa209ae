/** Network security groups with their inline rules. */
import { ArmError } from "../errors.ts";
import { guidOf, sameId } from "../identifiers.ts";
import { networkName } from "../names.ts";
import { groupProperties, inGroup } from "../placement.ts";
import { etagOf, idAt, NETWORK_INTERFACE, NETWORK_SECURITY_GROUP, SUBNET } from "../references.ts";
import type { ResourceType } from "../resource-type.ts";
import { flag, objects, recorded } from "../shapes.ts";
import type { CloudResource, CloudState } from "../state.ts";
import { isRecord, listAt, textAt, type Properties, type Value } from "../values.ts";
import { DEFAULT_SECURITY_RULES, refuseRules, securityRuleProperties } from "./security-rules.ts";

const ruleWithin = (groupId: string, kind: string, rule: Properties): Properties => ({
  ...rule,
  id: `${groupId}/${kind}/${textAt(rule, "name") ?? ""}`,
  etag: etagOf(rule),
  type: `Microsoft.Network/networkSecurityGroups/${kind}`,
  provisioningState: "Succeeded",
});

/** Everything that a group stands on. */
function usersOf(group: CloudResource, state: CloudState): readonly CloudResource[] {
  return [...state.ofType(NETWORK_INTERFACE), ...state.ofType(SUBNET)].filter(({ inputs }) =>
    sameId(idAt(inputs, "networkSecurityGroup"), group.id),
  );
}

export const networkSecurityGroup: ResourceType = {
  token: NETWORK_SECURITY_GROUP,
  ...inGroup("Microsoft.Network/networkSecurityGroups", {
    property: "networkSecurityGroupName",
    auto: "random",
    rule: networkName,
  }),
  apiVersion: "2024-05-01",
  properties: {
    ...groupProperties("networkSecurityGroupName"),
    securityRules: objects(securityRuleProperties),
    flushConnection: recorded(flag()),
  },
  replacedBy: ["location"],
  network: true,
  computed: ["securityRules[].id", "securityRules[].etag"],
  put: ({ id, inputs }) => {
    const rules = listAt(inputs, "securityRules");
    refuseRules(id, rules);
    const within = (kind: string, list: readonly Value[]): readonly Value[] =>
      list.filter(isRecord).map((rule) => ruleWithin(id, kind, rule));
    return {
      etag: etagOf(inputs),
      resourceGuid: guidOf(id),
      securityRules: within("securityRules", rules),
      defaultSecurityRules: within("defaultSecurityRules", DEFAULT_SECURITY_RULES),
      flushConnection: inputs["flushConnection"],
      provisioningState: "Succeeded",
    };
  },
  refuseDelete: (group, state) => {
    const users = usersOf(group, state);
    if (users.length === 0) return;
    throw new ArmError(
      "InUseNetworkSecurityGroupCannotBeDeleted",
      `Network security group ${group.id} cannot be deleted because it is in use by the following resources: ${users.map(({ id }) => id).join(", ")}. In order to delete the Network security group, remove the association with the resource(s). To learn how to do this, see aka.ms/deletensg.`,
    );
  },
};
