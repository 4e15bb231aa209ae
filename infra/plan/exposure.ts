/**
 * The exposure table: which ports each layer lets through, for whom. Every row is read back from
 * the artefact of its own layer (the resource, the ruleset, the file), never from the contract, so
 * that a layer that disagrees shows.
 */
import {
  activeDataPort,
  ANYWHERE,
  controlPorts,
  formatRange,
  HIGHEST_PORT,
  listenedPorts,
  LOWEST_UNPRIVILEGED_PORT,
  mergeRanges,
  parseRange,
  parseWith,
  serverSettingsSchema,
  singlePort,
  type PortRange,
} from "#contract";
import {
  openPorts,
  rulesInForce,
  type Direction,
  type FilterProtocol,
  type FilterRule,
} from "./packet-filter.ts";
import { readGuestFirewall } from "./read-guest-firewall.ts";
import { readSecurityGroup, type SecurityGroupProperties } from "./read-security-group.ts";

/** The layers, in the order in which a client's packet meets them. */
export const EXPOSURE_LAYERS = [
  "subnetNsg",
  "nicNsg",
  "guestFirewall",
  "reservedPorts",
  "server",
] as const;
export type ExposureLayer = (typeof EXPOSURE_LAYERS)[number];

/** One permission of a layer. */
export interface ExposureRule {
  readonly name: string;
  readonly direction: Direction;
  readonly protocol: FilterProtocol;
  /** Destination ports, `first-last`. */
  readonly ports: readonly string[];
  /** The far end: sources of inbound rules, destinations of outbound ones. */
  readonly sources: readonly string[];
  /** Source ports, `first-last`; absent: any. */
  readonly sourcePorts?: readonly string[];
}

/** What one layer lets through. */
export interface ExposureRow {
  readonly layer: ExposureLayer;
  /** Inbound TCP ports, merged and sorted, each `first-last`. */
  readonly ranges: readonly string[];
  /** Everyone who may reach any of them, sorted. Empty where the layer knows no sources. */
  readonly sources: readonly string[];
  readonly rules: readonly ExposureRule[];
  /** Seconds of silence after which Azure forgets a flow on this layer's resource. */
  readonly idleTimeoutSeconds?: number;
  /** Seconds of silence after which this layer has TCP keepalive speak. */
  readonly keepaliveSeconds?: number;
  /** What the stack does not know of this layer, and who does. */
  readonly note?: string;
}

/** The resources that packets pass, as declared or as the cloud has them. */
export interface NetworkExposure {
  /** Undefined where the subnet is given: its security group is its owner's, and not looked at. */
  readonly subnetNsg?: SecurityGroupProperties | undefined;
  readonly nicNsg: SecurityGroupProperties;
  /** The network of the subnet, for its idle timeout. */
  readonly virtualNetwork?: { readonly flowTimeoutInMinutes?: number | undefined } | undefined;
  /** The address of the NIC, for its idle timeout. */
  readonly publicIpAddress?: { readonly idleTimeoutInMinutes?: number | undefined };
}

/** The artefacts of a stack, each as it was evaluated. */
export interface ExposureArtefacts extends NetworkExposure {
  /** Text of the nftables ruleset. */
  readonly guestFirewall: string;
  /** Text of the kernel settings file. */
  readonly sysctl: string;
  /** The server's settings file, parsed from JSON. */
  readonly serverSettings: unknown;
}

/** Reads one row per layer back from the artefacts. */
export function readExposure(artefacts: ExposureArtefacts): readonly ExposureRow[] {
  return [
    {
      ...(artefacts.subnetNsg === undefined
        ? GIVEN_SUBNET
        : filterRow("subnetNsg", readSecurityGroup(artefacts.subnetNsg))),
      ...idleTimeout(artefacts.virtualNetwork?.flowTimeoutInMinutes),
    },
    {
      ...filterRow("nicNsg", readSecurityGroup(artefacts.nicNsg)),
      ...idleTimeout(artefacts.publicIpAddress?.idleTimeoutInMinutes),
    },
    filterRow("guestFirewall", readGuestFirewall(artefacts.guestFirewall)),
    readKernelSettings(artefacts.sysctl),
    readServerSettings(artefacts.serverSettings),
  ];
}

const GIVEN_SUBNET: ExposureRow = {
  layer: "subnetNsg",
  ranges: [],
  sources: [],
  rules: [],
  note: "given subnet (network.subnetId): the stack neither reads nor changes its security group; it has to let in what nicNsg lets in",
};

function idleTimeout(minutes: number | undefined) {
  return minutes === undefined ? {} : { idleTimeoutSeconds: minutes * 60 };
}

function filterRow(layer: ExposureLayer, ordered: readonly FilterRule[]): ExposureRow {
  const inForce = rulesInForce(ordered);
  const inbound = inForce.filter(
    ({ direction, protocol }) =>
      direction === "inbound" && (protocol === "tcp" || protocol === "any"),
  );
  return {
    layer,
    ranges: openPorts(inForce).map(formatRange),
    sources: [...new Set(inbound.flatMap(({ peers }) => peers))].toSorted(),
    // Inbound first, whatever the layer's own order: layers are read beside each other.
    rules: inForce
      .toSorted(byDirection)
      .map(({ name, direction, protocol, ports, peers, sourcePorts }) => ({
        name,
        direction,
        protocol,
        ports: mergeRanges(ports).map(formatRange),
        sources: peers,
        ...(sourcePorts.length === 0 ? {} : { sourcePorts: sourcePorts.map(formatRange) }),
      })),
  };
}

function byDirection(a: FilterRule, b: FilterRule): number {
  return Number(a.direction === "outbound") - Number(b.direction === "outbound");
}

/** The ports that the kernel keeps free for listeners. It admits nobody, so there are no sources. */
function readKernelSettings(file: string): ExposureRow {
  const values = new Map(
    file
      .split("\n")
      .map((line) => /^\s*([\w./-]+)\s*=\s*(.*?)\s*$/.exec(line))
      .flatMap((match) => (match === null ? [] : [[match[1] ?? "", match[2] ?? ""] as const])),
  );
  const reserved = (values.get("net.ipv4.ip_local_reserved_ports") ?? "")
    .split(",")
    .filter((text) => text !== "")
    .map((text) => {
      const range = parseRange(text);
      if (range === undefined) throw new RangeError(`${text} is not a range of reserved ports`);
      return range;
    });
  const keepalive = values.get("net.ipv4.tcp_keepalive_time");
  return {
    layer: "reservedPorts",
    ranges: mergeRanges(reserved).map(formatRange),
    sources: [],
    rules: [],
    ...(keepalive === undefined ? {} : { keepaliveSeconds: Number(keepalive) }),
  };
}

/** The ports that the server listens on; it takes connections from wherever they come. */
function readServerSettings(file: unknown): ExposureRow {
  const { listen, passive, keepalive, activeMode, sites } = parseWith(serverSettingsSchema, file);
  const rule = (name: string, ports: PortRange | undefined): readonly ExposureRule[] =>
    ports === undefined
      ? []
      : [
          {
            name,
            direction: "inbound",
            protocol: "tcp",
            ports: [formatRange(ports)],
            sources: [ANYWHERE],
          },
        ];
  const control = controlPorts(listen, sites);
  const health =
    listen.healthProbePort === undefined ? undefined : singlePort(listen.healthProbePort);
  return {
    layer: "server",
    ranges: mergeRanges(listenedPorts(listen, passive.ports, sites)).map(formatRange),
    sources: [ANYWHERE],
    rules: [
      ...control.flatMap(({ setting, port }) => rule(setting, singlePort(port))),
      ...rule("healthProbePort", health),
      ...rule("passive", passive.ports),
      ...(activeMode
        ? control.map(({ setting, port }) => activeRule(`activeData of ${setting}`, port))
        : []),
    ],
    ...(keepalive === undefined ? {} : { keepaliveSeconds: keepalive.idleSeconds }),
  };
}

/** Active mode: the server connects to its client, from the port below the control port. */
function activeRule(name: string, controlPort: number): ExposureRule {
  return {
    name,
    direction: "outbound",
    protocol: "tcp",
    ports: [formatRange({ first: LOWEST_UNPRIVILEGED_PORT, last: HIGHEST_PORT })],
    sources: [ANYWHERE],
    sourcePorts: [formatRange(singlePort(activeDataPort(controlPort)))],
  };
}

/** A row with one line of text per permission: short enough for a stack's outputs. */
export type ExposureSummary = Omit<ExposureRow, "rules"> & { readonly rules: readonly string[] };

export function summarizeExposure(rows: readonly ExposureRow[]): readonly ExposureSummary[] {
  return rows.map((row) => ({ ...row, rules: row.rules.map(summarizeRule) }));
}

/** The far end of a rule: who may connect, or where the machine may connect to. */
function formatPeers({ direction, sources }: ExposureRule): string {
  return `${direction === "inbound" ? "from" : "to"} ${sources.join(", ")}`;
}

function summarizeRule(rule: ExposureRule): string {
  const { name, direction, protocol, ports, sourcePorts } = rule;
  const own = sourcePorts === undefined ? "" : `, source port ${sourcePorts.join(", ")}`;
  return `${direction} ${protocol} ${ports.join(", ")} ${formatPeers(rule)}${own} (${name})`;
}

const HEADER = [
  "layer",
  "direction",
  "protocol",
  "destination ports",
  "from or to",
  "source ports",
  "rule",
  "timeouts",
];

/** Writes the table for people: one line per permission, layer by layer. */
export function formatExposure(rows: readonly ExposureRow[]): string {
  const lines = [HEADER, ...rows.flatMap(formatRow)];
  const widths = HEADER.map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? "").length)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function formatRow(row: ExposureRow): readonly (readonly string[])[] {
  const timeouts = [
    ...(row.idleTimeoutSeconds === undefined ? [] : [`idle ${String(row.idleTimeoutSeconds)} s`]),
    ...(row.keepaliveSeconds === undefined ? [] : [`keepalive ${String(row.keepaliveSeconds)} s`]),
  ].join(", ");
  if (row.rules.length === 0) {
    const ports = row.note === undefined ? row.ranges.join(" ") || "none" : "unknown";
    return [[row.layer, "", "", ports, row.note ?? "", "", "", timeouts]];
  }
  return row.rules.map((rule, index) => [
    index === 0 ? row.layer : "",
    rule.direction,
    rule.protocol,
    rule.ports.join(" "),
    formatPeers(rule),
    (rule.sourcePorts ?? ["any"]).join(" "),
    rule.name,
    index === 0 ? timeouts : "",
  ]);
}
