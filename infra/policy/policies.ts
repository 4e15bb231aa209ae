/** Every policy of the pack. */
import type { Policies } from "@pulumi/policy";
import { advertisedPorts } from "./advertised-ports.ts";
import { DeclaredDeliveries } from "./declared-deliveries.ts";
import { deliveredSettingsAgree, deliveredSettingsHold } from "./delivered-settings.ts";
import { inboundRules } from "./inbound-rules.ts";
import { keepaliveBelowIdleTimeouts } from "./keepalive.ts";

/** Plain objects, so that tests call them without the pack's server. */
export function createPolicies(): Policies {
  const declared = new DeclaredDeliveries();
  return [
    deliveredSettingsHold(declared),
    inboundRules,
    advertisedPorts(declared),
    keepaliveBelowIdleTimeouts(declared),
    deliveredSettingsAgree(declared),
  ];
}
