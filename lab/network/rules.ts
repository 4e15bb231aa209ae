/**
 * The nftables ruleset of Azure's edge, rendered from what the simulated resources declare.
 *
 * Packets between a client and a machine pass, in this order: the translation of the public
 * address, the table of flows, then the security groups of both sides. Inbound, the subnet's group
 * speaks before the NIC's, outbound after it; both must allow. A flow that once was allowed stays
 * so until it ends or is forgotten, also when its rule is removed: that is how Azure behaves.
 */
import { OUTBOUND_IDLE_TIMEOUT_SECONDS, type PortRange } from "#contract";
import type { AddressMatch, NetworkRule, PortMatch, SecurityGroup } from "./security-rules.ts";
import type { EdgeMachine } from "./topology.ts";

export interface RulesOptions {
  /** Real seconds per simulated second of every idle timeout; 1 is Azure's own pace. */
  readonly idleTimeoutScale: number;
}

/** Replaced as a whole with every change; flows live on. */
const FILTER_TABLE = "ip azure";
/** Never deleted: removing a timeout object would take it away from the flows that use it. */
const TIMEOUT_TABLE = "ip azure_idle";

/** Renders a file for `nft -f`; it may be applied any number of times and replaces itself. */
export function renderEdgeRules(machines: readonly EdgeMachine[], options: RulesOptions): string {
  return [...renderTimeouts(machines, options), ...renderTranslationAndFilter(machines), ""].join(
    "\n",
  );
}

/** Scaled idle timeout in whole seconds, the unit of conntrack; never less than one. */
function idleSeconds(seconds: number, { idleTimeoutScale }: RulesOptions): number {
  return Math.max(1, Math.round(seconds * idleTimeoutScale));
}

/** Gives each new flow its idle timeout: the resource's for clients, Azure's fixed one outbound. */
function renderTimeouts(machines: readonly EdgeMachine[], options: RulesOptions): string[] {
  const outbound = idleSeconds(OUTBOUND_IDLE_TIMEOUT_SECONDS, options);
  const inbound = machines.map(({ privateAddress, idleTimeoutMinutes }) => ({
    privateAddress,
    seconds: idleSeconds(idleTimeoutMinutes * 60, options),
  }));
  const objects = [...new Set([outbound, ...inbound.map(({ seconds }) => seconds)])];
  return [
    `table ${TIMEOUT_TABLE} {`,
    ...objects.flatMap(renderTimeoutObject),
    "  chain forward {",
    // Before the filter, which may accept the packet and so end the walk.
    "    type filter hook forward priority filter - 10; policy accept;",
    "  }",
    "}",
    `flush chain ${TIMEOUT_TABLE} forward`,
    `table ${TIMEOUT_TABLE} {`,
    "  chain forward {",
    ...inbound.flatMap(({ privateAddress, seconds }) => [
      `    ct state new ip daddr ${privateAddress} meta l4proto tcp ct timeout set "${timeoutName(seconds)}" return`,
      `    ct state new ip saddr ${privateAddress} meta l4proto tcp ct timeout set "${timeoutName(outbound)}" return`,
    ]),
    "  }",
    "}",
  ];
}

function timeoutName(seconds: number): string {
  return `idle-${String(seconds)}`;
}

/** Azure counts silence only; conntrack's shorter patience in single TCP states is evened out. */
function renderTimeoutObject(seconds: number): string[] {
  const states = ["established", "fin_wait", "close_wait", "retrans", "unack"];
  return [
    `  ct timeout ${timeoutName(seconds)} {`,
    "    protocol tcp;",
    "    l3proto ip;",
    `    policy = { ${states.map((state) => `${state}: ${String(seconds)}`).join(", ")} }`,
    "  }",
  ];
}

function renderTranslationAndFilter(machines: readonly EdgeMachine[]): string[] {
  return [
    `table ${FILTER_TABLE}`,
    `delete table ${FILTER_TABLE}`,
    `table ${FILTER_TABLE} {`,
    "  chain translate_inbound {",
    "    type nat hook prerouting priority dstnat; policy accept;",
    ...machines.flatMap(({ privateAddress, publicAddress }) =>
      publicAddress === undefined
        ? []
        : [`    ip daddr ${publicAddress} dnat to ${privateAddress}`],
    ),
    "  }",
    "  chain translate_outbound {",
    "    type nat hook postrouting priority srcnat; policy accept;",
    ...machines.flatMap(({ privateAddress, publicAddress, addressSpace }) =>
      publicAddress === undefined
        ? []
        : [
            `    ip saddr ${privateAddress} ${matchBlocks("ip daddr", addressSpace, "!= ")}snat to ${publicAddress}`,
          ],
    ),
    "  }",
    "  chain forward {",
    "    type filter hook forward priority filter; policy drop;",
    ...machines.flatMap(renderForgottenFlow),
    "    ct state invalid counter drop",
    "    ct state established,related accept",
    ...machines.flatMap(({ privateAddress }, index) => [
      `    ip saddr ${privateAddress} jump from_${String(index)}`,
      `    ip daddr ${privateAddress} jump to_${String(index)}`,
    ]),
    ...machines.flatMap(({ privateAddress }) => [
      `    ip saddr ${privateAddress} accept`,
      `    ip daddr ${privateAddress} accept`,
    ]),
    "  }",
    ...machines.flatMap(renderMachine),
    "}",
  ];
}

/** Answers packets of flows that timed out with a reset, where the resource asks for that. */
function renderForgottenFlow({ afterIdleTimeout, privateAddress, publicAddress }: EdgeMachine) {
  if (afterIdleTimeout === "drop") return [];
  const ends = [privateAddress, ...(publicAddress === undefined ? [] : [publicAddress])];
  return ends.flatMap((address) =>
    ["saddr", "daddr"].map(
      (side) =>
        `    ct state invalid ip ${side} ${address} tcp flags & rst == 0 reject with tcp reset`,
    ),
  );
}

/** Two chains per machine; returning from one means that every group of its direction allows. */
function renderMachine(machine: EdgeMachine, index: number): string[] {
  const { subnetGroup, nicGroup } = machine;
  const inbound = [
    { chain: `to_subnet_${String(index)}`, group: subnetGroup },
    { chain: `to_nic_${String(index)}`, group: nicGroup },
  ].filter(isPresent);
  const outbound = [
    { chain: `from_nic_${String(index)}`, group: nicGroup },
    { chain: `from_subnet_${String(index)}`, group: subnetGroup },
  ].filter(isPresent);
  return [
    `  chain to_${String(index)} {`,
    // A Standard public address lets nothing in that no security group allows.
    ...(inbound.length === 0 ? ["    counter drop"] : []),
    ...inbound.map(({ chain }) => `    jump ${chain}`),
    "  }",
    `  chain from_${String(index)} {`,
    ...outbound.map(({ chain }) => `    jump ${chain}`),
    "  }",
    ...inbound.flatMap(({ chain, group }) => renderGroup(chain, group.name, group.inbound)),
    ...outbound.flatMap(({ chain, group }) => renderGroup(chain, group.name, group.outbound)),
  ];
}

function isPresent(layer: {
  chain: string;
  group: SecurityGroup | undefined;
}): layer is { chain: string; group: SecurityGroup } {
  return layer.group !== undefined;
}

function renderGroup(chain: string, group: string, rules: readonly NetworkRule[]): string[] {
  return [
    `  chain ${chain} {`,
    ...rules.flatMap((rule) =>
      renderRule(rule).map((text) => `    ${text} comment "${quotable(`${group}/${rule.name}`)}"`),
    ),
    "  }",
  ];
}

/** nftables takes comments of up to 128 characters, without quotes. */
function quotable(text: string): string {
  return text.replaceAll(/["\\\p{Cc}]/gu, "_").slice(0, 100);
}

/** A rule with several tags becomes several lines, since each tag has a match of its own. */
function renderRule(rule: NetworkRule): string[] {
  const verdict = rule.access === "allow" ? "return" : "drop";
  return rule.sources.flatMap((source) =>
    rule.destinations.flatMap((destination) => {
      const from = renderAddresses("ip saddr", source);
      const to = renderAddresses("ip daddr", destination);
      return from === undefined || to === undefined
        ? []
        : [`${from}${to}${renderProtocol(rule)}counter ${verdict}`];
    }),
  );
}

/** Undefined when no packet can match; empty when every packet does. */
function renderAddresses(field: string, match: AddressMatch): string | undefined {
  switch (match.kind) {
    case "any":
      return "";
    case "nothing":
      return undefined;
    case "inside":
      return matchBlocks(field, match.blocks, "");
    case "outside":
      return matchBlocks(field, match.blocks, "!= ");
  }
}

function matchBlocks(field: string, blocks: readonly string[], operator: "" | "!= "): string {
  return blocks.length === 0 ? "" : `${field} ${operator}{ ${blocks.join(", ")} } `;
}

function renderProtocol({ protocol, sourcePorts, destinationPorts }: NetworkRule): string {
  const ports = renderPorts("sport", sourcePorts) + renderPorts("dport", destinationPorts);
  if (protocol !== "any") return `meta l4proto ${protocol} ${ports}`;
  return ports === "" ? "" : `meta l4proto { tcp, udp } ${ports}`;
}

function renderPorts(field: "sport" | "dport", match: PortMatch): string {
  return match === "any" ? "" : `th ${field} { ${match.map(renderRange).join(", ")} } `;
}

function renderRange({ first, last }: PortRange): string {
  return first === last ? String(first) : `${String(first)}-${String(last)}`;
}
