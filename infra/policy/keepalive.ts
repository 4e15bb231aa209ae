/** Policy 8: the server speaks before any idle timeout cuts a silent control connection. */
import type { PolicyResource, StackValidationPolicy } from "@pulumi/policy";
import { SHORTEST_IDLE_TIMEOUT_MINUTES } from "../../server/contract/index.ts";
import type { DeclaredDeliveries } from "./declared-deliveries.ts";
import { objectsIn, numberOf, resourcesOf } from "./resource-facts.ts";

interface IdleTimeout {
  readonly urn: string;
  /** For the message: resource and property. */
  readonly where: string;
  readonly seconds: number;
}

export function keepaliveBelowIdleTimeouts(declared: DeclaredDeliveries): StackValidationPolicy {
  return {
    name: "keepalive-below-idle-timeouts",
    description:
      "The server's TCP keepalive speaks before every idle timeout on the way: Azure forgets silent flows, and the control connection of a long transfer is silent.",
    enforcementLevel: "mandatory",
    validateStack: ({ resources }, reportViolation) => {
      const timeouts = findIdleTimeouts(resources);
      for (const { urn, server } of declared.settings()) {
        const { keepalive } = server;
        if (keepalive === undefined) {
          reportViolation(
            "The delivered settings have no keepalive, so a transfer longer than the idle timeout loses its control connection. Derive it from idleTimeoutMinutes.",
            urn,
          );
          continue;
        }
        for (const timeout of timeouts.filter(({ seconds }) => keepalive.idleSeconds >= seconds)) {
          reportViolation(
            `The keepalive of ${String(keepalive.idleSeconds)} s is not below ${timeout.where} (${String(timeout.seconds)} s): silent control connections are forgotten. Lower keepaliveSeconds (0 derives it) or raise idleTimeoutMinutes.`,
            timeout.urn,
          );
        }
      }
    },
  };
}

function findIdleTimeouts(resources: readonly PolicyResource[]): readonly IdleTimeout[] {
  return [
    ...resourcesOf(resources, "network:PublicIPAddress").map(({ urn, name, props }) => ({
      urn,
      where: `idleTimeoutInMinutes of ${name}`,
      // Azure's own default.
      seconds: (numberOf(props["idleTimeoutInMinutes"]) ?? SHORTEST_IDLE_TIMEOUT_MINUTES) * 60,
    })),
    ...resourcesOf(resources, "network:VirtualNetwork").flatMap(({ urn, name, props }) => {
      const minutes = numberOf(props["flowTimeoutInMinutes"]);
      return minutes === undefined
        ? []
        : [{ urn, where: `flowTimeoutInMinutes of ${name}`, seconds: minutes * 60 }];
    }),
    ...resourcesOf(resources, "network:LoadBalancer").flatMap(({ urn, name, props }) =>
      [props["loadBalancingRules"], props["inboundNatRules"], props["inboundNatPools"]]
        .flatMap((rules) => objectsIn(rules))
        .map((rule) => ({
          urn,
          where: `idleTimeoutInMinutes of rule ${String(rule["name"])} of ${name}`,
          seconds: (numberOf(rule["idleTimeoutInMinutes"]) ?? SHORTEST_IDLE_TIMEOUT_MINUTES) * 60,
        })),
    ),
  ];
}
