/** The guest firewall: an nftables ruleset with the same permissions as the security groups. */
import { AZURE_PLATFORM_ADDRESS, formatRange, type PortRange } from "#contract";
import type { AccessRule, Peers } from "../plan/access.ts";

/** Name of the only table that is touched; rules of Azure's agent live in tables of their own. */
const TABLE = "inet gangway";

/**
 * Renders the ruleset, a whole file for `nft -f`. Applying it is atomic and can be repeated: the
 * table is declared, deleted and declared anew in one transaction.
 */
export function renderGuestFirewall(access: readonly AccessRule[]): string {
  const rules = (direction: AccessRule["direction"]) =>
    access.filter((rule) => rule.direction === direction).map((rule) => `    ${renderRule(rule)}`);
  const outbound = rules("outbound");
  return [
    "#!/usr/sbin/nft -f",
    "# Rendered by Gangway from the stack's settings; changes made here are overwritten.",
    `table ${TABLE}`,
    `delete table ${TABLE}`,
    `table ${TABLE} {`,
    "  chain input {",
    "    type filter hook input priority filter; policy drop;",
    "    ct state established,related accept",
    "    ct state invalid drop",
    '    iifname "lo" accept',
    "    meta l4proto { icmp, icmpv6 } accept",
    `    ip saddr ${AZURE_PLATFORM_ADDRESS} udp sport 67 udp dport 68 accept comment "AllowDhcp"`,
    ...rules("inbound"),
    "  }",
    ...(outbound.length === 0
      ? []
      : [
          "  chain output {",
          "    type filter hook output priority filter; policy accept;",
          ...outbound,
          "  }",
        ]),
    "}",
    "",
  ].join("\n");
}

function renderRule({ name, direction, peers, ports, sourcePorts }: AccessRule): string {
  const address = direction === "inbound" ? "ip saddr" : "ip daddr";
  const source = sourcePorts.length === 0 ? "" : `tcp sport ${renderSet(sourcePorts.map(String))} `;
  return `${address} ${renderPeers(peers)} ${source}tcp dport ${renderSet(ports.map(renderPorts))} accept comment "${name}"`;
}

function renderPeers(peers: Peers): string {
  switch (peers.kind) {
    case "azureHealthProbe":
      return AZURE_PLATFORM_ADDRESS;
    case "addresses":
      return renderSet(peers.cidrs);
  }
}

function renderSet(elements: readonly string[]): string {
  return elements.length === 1 ? (elements[0] ?? "") : `{ ${elements.join(", ")} }`;
}

/** nftables refuses a range of one port. */
function renderPorts(ports: PortRange): string {
  return ports.first === ports.last ? String(ports.first) : formatRange(ports);
}
