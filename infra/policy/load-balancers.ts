/** Policies 2, 9, 10, 11 and 12: load balancers that carry passive FTP. */
import type { StackValidationPolicy } from "@pulumi/policy";
import { RULES_PER_LOAD_BALANCER, type PortRange } from "../../server/contract/index.ts";
import { eachResource } from "./each-resource.ts";
import { formatPorts, subtract } from "./port-sets.ts";
import { isProperties, numberOf, objectsIn, resourcesOf, textOf } from "./resource-facts.ts";

type Properties = Readonly<Record<string, unknown>>;

/** From here on a warning: the next node or a wider range may not fit any more. */
const WARNING_SHARE = 0.9;

const allRules = (properties: Properties): readonly Properties[] => [
  ...objectsIn(properties["loadBalancingRules"]),
  ...objectsIn(properties["inboundNatRules"]),
  ...objectsIn(properties["inboundNatPools"]),
];

const named = (rule: Properties): string => textOf(rule["name"]) ?? "(unnamed)";

export const resetOnIdle = eachResource({
  name: "idle-flows-are-reset",
  description:
    "Every load-balancing and NAT rule resets idle flows: without it both ends wait on a connection that is gone.",
  types: ["network:LoadBalancer", "network:InboundNatRule"],
  judge: (properties, name, type) =>
    (type.endsWith(":InboundNatRule") ? [{ name, ...properties }] : allRules(properties))
      .filter((rule) => rule["enableTcpReset"] !== true)
      .map(
        (rule) =>
          `Rule ${named(rule)} of ${name} drops idle flows silently. Set enableTcpReset to true.`,
      ),
});

export const portsAreNotTranslated = eachResource({
  name: "frontend-port-equals-backend-port",
  description:
    "Frontend and backend port of each rule are the same: the server advertises the port that it listens on, and security groups see the translated one.",
  types: ["network:LoadBalancer", "network:InboundNatRule"],
  judge: (properties, name, type) =>
    (type.endsWith(":InboundNatRule") ? [{ name, ...properties }] : allRules(properties)).flatMap(
      (rule) => {
        const first = numberOf(rule["frontendPort"]) ?? numberOf(rule["frontendPortRangeStart"]);
        const last = numberOf(rule["frontendPortRangeEnd"]) ?? first;
        const backend = numberOf(rule["backendPort"]);
        return first === undefined || (first === backend && last === backend)
          ? []
          : [
              `Rule ${named(rule)} of ${name} turns port ${String(first)} into ${String(backend)}; clients connect to the advertised one. Use the same port on both sides.`,
            ];
      },
    ),
});

export const healthProbeOfItsOwn = eachResource({
  name: "health-probe-has-its-own-port",
  description:
    "Control ports are balanced with a health probe on a port of its own: a draining server fails it without refusing those who are connected.",
  types: ["network:LoadBalancer"],
  judge: (properties, name) => {
    const balanced = objectsIn(properties["loadBalancingRules"]);
    if (balanced.length === 0) return [];
    const ports = new Set(balanced.map((rule) => numberOf(rule["backendPort"])));
    const probes = objectsIn(properties["probes"]);
    return [
      ...balanced
        .filter((rule) => !isProperties(rule["probe"]))
        .map(
          (rule) =>
            `Rule ${named(rule)} of ${name} has no health probe, so a dead node goes on getting clients. Set probe.`,
        ),
      ...probes
        .filter((probe) => ports.has(numberOf(probe["port"])))
        .map(
          (probe) =>
            `Health probe ${named(probe)} of ${name} asks a control port and so opens a session each time. Point it at the health port.`,
        ),
    ];
  },
});

export const ruleBudget = eachResource({
  name: "load-balancer-rules-fit",
  description: `A load balancer holds ${String(RULES_PER_LOAD_BALANCER)} rules; close to it the next change fails in the middle of a deployment.`,
  types: ["network:LoadBalancer"],
  judge: (properties, name) => {
    const count = allRules(properties).length;
    return count <= RULES_PER_LOAD_BALANCER * WARNING_SHARE
      ? []
      : [
          `${name} has ${String(count)} rules of at most ${String(RULES_PER_LOAD_BALANCER)}. Narrow passivePorts, or use fewer slots.`,
        ];
  },
});

/** Which ports a NAT rule sends to which pool. */
interface Slice {
  readonly pool: string;
  readonly ports: readonly PortRange[];
}

export const slicesDisjoint: StackValidationPolicy = {
  name: "nat-slices-are-disjoint",
  description:
    "No passive port is sent to two nodes: the transfer would reach a server that leased nothing there.",
  enforcementLevel: "mandatory",
  validateStack: ({ resources }, reportViolation) => {
    for (const { name, urn, props } of resourcesOf(resources, "network:LoadBalancer")) {
      const slices = slicesOf(props);
      for (const [index, slice] of slices.entries()) {
        for (const other of slices.slice(index + 1)) {
          const alone = subtract(slice.ports, other.ports);
          const shared = subtract(slice.ports, alone);
          if (shared.length === 0) continue;
          reportViolation(
            `${name} sends ${formatPorts(shared)} to both ${slice.pool} and ${other.pool}. Give each node a slice of its own (sliceRange of the contract).`,
            urn,
          );
        }
      }
    }
  },
};

function slicesOf(properties: Properties): readonly Slice[] {
  const byPool = Map.groupBy(objectsIn(properties["inboundNatRules"]), (rule) => {
    const pool = rule["backendAddressPool"];
    return isProperties(pool) ? (textOf(pool["id"]) ?? named(rule)) : named(rule);
  });
  return [...byPool].map(([pool, rules]) => ({
    pool: pool.split("/").at(-1) ?? pool,
    ports: rules.flatMap((rule) => {
      const first = numberOf(rule["frontendPortRangeStart"]) ?? numberOf(rule["frontendPort"]);
      const last = numberOf(rule["frontendPortRangeEnd"]) ?? first;
      return first === undefined || last === undefined ? [] : [{ first, last }];
    }),
  }));
}
