import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HIGHEST_PORT, type PortRange } from "#contract";
import { readTopology, type EdgeMachine } from "../../lab/network/topology.ts";
import { decide, reachablePorts, type FirstPacket } from "../../lab/network/verdicts.ts";
import { renderEdgeRules } from "../../lab/network/rules.ts";
import { cloudWithMachine, rule, type MachineFixture } from "./network-fixture.ts";

const CLIENT = "198.51.100.10";

function machineWith(fixture: MachineFixture): EdgeMachine {
  const [machine] = readTopology(cloudWithMachine(fixture));
  if (machine === undefined) throw new Error("the fixture has no machine");
  return machine;
}

const inboundTo = (port: number, peer = CLIENT): FirstPacket => ({
  direction: "inbound",
  protocol: "tcp",
  peer,
  sourcePort: 50_001,
  destinationPort: port,
});

const open = (ports: string) => rule("Open", 100, { destinationPortRange: ports });

describe("the verdict on a packet", () => {
  it("needs both security groups", () => {
    const both = machineWith({ subnetRules: [open("21")], nicRules: [open("21")] });
    const subnetOnly = machineWith({ subnetRules: [open("21")], nicRules: [] });
    const nicOnly = machineWith({ subnetRules: [], nicRules: [open("21")] });
    expect(decide(both, inboundTo(21))).toEqual({ kind: "allowed" });
    expect(decide(subnetOnly, inboundTo(21))).toMatchObject({
      layer: "nic",
      rule: "DenyAllInBound",
    });
    expect(decide(nicOnly, inboundTo(21))).toMatchObject({
      layer: "subnet",
      rule: "DenyAllInBound",
    });
  });

  it("follows priorities, not the order of declaration", () => {
    const rules = [
      rule("Later", 200, { destinationPortRange: "21" }),
      rule("Earlier", 110, { access: "Deny", sourceAddressPrefix: "198.51.100.0/24" }),
    ];
    const machine = machineWith({ subnetRules: rules, nicRules: [open("21")] });
    expect(decide(machine, inboundTo(21))).toMatchObject({ kind: "denied", rule: "Earlier" });
    expect(decide(machine, inboundTo(21, "192.0.2.1"))).toEqual({ kind: "allowed" });
  });

  it("lets Azure's health probe and the own network in, and the internet out, by default", () => {
    const machine = machineWith({ subnetRules: [], nicRules: [] });
    expect(decide(machine, inboundTo(8021, "168.63.129.16"))).toEqual({ kind: "allowed" });
    expect(decide(machine, inboundTo(8021, "10.20.9.9"))).toEqual({ kind: "allowed" });
    expect(decide(machine, inboundTo(8021))).toMatchObject({ kind: "denied" });
    const outbound = { ...inboundTo(443), direction: "outbound" } as const;
    expect(decide(machine, outbound)).toEqual({ kind: "allowed" });
  });

  it("shadows the health probe with a deny-all of one's own", () => {
    const denyAll = rule("DenyAll", 4096, { access: "Deny", protocol: "*" });
    const machine = machineWith({ subnetRules: [denyAll], nicRules: [] });
    expect(decide(machine, inboundTo(8021, "168.63.129.16"))).toMatchObject({ rule: "DenyAll" });
  });

  it("asks the NIC first on the way out", () => {
    const deny = (name: string) => rule(name, 100, { direction: "Outbound", access: "Deny" });
    const machine = machineWith({ subnetRules: [deny("A")], nicRules: [deny("B")] });
    const packet = { ...inboundTo(443), direction: "outbound" } as const;
    expect(decide(machine, packet)).toEqual({ kind: "denied", layer: "nic", rule: "B" });
  });

  it("keeps a Standard public address closed where no security group stands", () => {
    const machine = machineWith({});
    expect(decide(machine, inboundTo(21))).toMatchObject({ layer: "publicAddress" });
  });

  it("looks at the source port that a rule names", () => {
    const wrongSide = rule("WrongSide", 100, { sourcePortRange: "21" });
    const machine = machineWith({ subnetRules: [wrongSide], nicRules: [wrongSide] });
    expect(decide(machine, inboundTo(21))).toMatchObject({ kind: "denied" });
    expect(decide(machine, { ...inboundTo(4444), sourcePort: 21 })).toEqual({ kind: "allowed" });
  });

  it("matches lists of ports and prefixes, host bits ignored", () => {
    const many = rule("Many", 100, {
      destinationPortRange: "",
      destinationPortRanges: ["21", "50000-50099"],
      sourceAddressPrefix: "",
      sourceAddressPrefixes: ["198.51.100.77/24", "192.0.2.1"],
    });
    const machine = machineWith({ subnetRules: [many], nicRules: [many] });
    expect(decide(machine, inboundTo(50_050))).toEqual({ kind: "allowed" });
    expect(decide(machine, inboundTo(21, "192.0.2.1"))).toEqual({ kind: "allowed" });
    expect(decide(machine, inboundTo(21, "192.0.2.2"))).toMatchObject({ kind: "denied" });
    expect(decide(machine, inboundTo(22))).toMatchObject({ kind: "denied" });
  });

  it("matches nothing with a tag of services that the lab does not have", () => {
    const storage = rule("Storage", 100, { sourceAddressPrefix: "Storage.WestEurope" });
    const machine = machineWith({ subnetRules: [storage], nicRules: [storage] });
    expect(decide(machine, inboundTo(21))).toMatchObject({ rule: "DenyAllInBound" });
  });
});

describe("the reachable ports", () => {
  const range = fc
    .tuple(fc.integer({ min: 1, max: HIGHEST_PORT }), fc.integer({ min: 0, max: 300 }))
    .map(([first, width]) => ({ first, last: Math.min(HIGHEST_PORT, first + width) }));

  it("are those that single verdicts allow", () => {
    const rules = fc.array(fc.record({ range, allow: fc.boolean() }), { maxLength: 6 });
    fc.assert(
      fc.property(rules, rules, fc.array(range, { minLength: 1 }), (subnet, nic, samples) => {
        const declare = (list: readonly { range: PortRange; allow: boolean }[]) =>
          list.map((each, index) =>
            rule(`R${String(index)}`, 100 + index, {
              access: each.allow ? "Allow" : "Deny",
              destinationPortRange: `${String(each.range.first)}-${String(each.range.last)}`,
            }),
          );
        const machine = machineWith({ subnetRules: declare(subnet), nicRules: declare(nic) });
        const reachable = reachablePorts(machine, CLIENT);
        const edges = [...subnet, ...nic].flatMap((each) => [each.range.first, each.range.last]);
        const ports = [...edges, ...samples.map(({ first }) => first)].flatMap((port) => [
          port - 1,
          port,
          port + 1,
        ]);
        for (const port of ports.filter((each) => each >= 1 && each <= HIGHEST_PORT)) {
          const inside = reachable.some(({ first, last }) => port >= first && port <= last);
          expect(decide(machine, inboundTo(port)).kind === "allowed", String(port)).toBe(inside);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("join where neighbouring rules do", () => {
    const rules = [
      rule("A", 100, { destinationPortRange: "50000-50049" }),
      rule("B", 101, { destinationPortRange: "50050-50099" }),
    ];
    const machine = machineWith({ subnetRules: rules, nicRules: rules });
    expect(reachablePorts(machine, CLIENT)).toEqual([{ first: 50_000, last: 50_099 }]);
  });
});

describe("the topology", () => {
  it("takes the shortest of the idle timeouts on the way", () => {
    expect(machineWith({ idleTimeoutInMinutes: 30 }).idleTimeoutMinutes).toBe(30);
    const shorter = machineWith({ idleTimeoutInMinutes: 30, flowTimeoutInMinutes: 10 });
    expect(shorter.idleTimeoutMinutes).toBe(10);
  });
});

describe("the rendered rules", () => {
  const rules = [open("21"), rule("Passive", 110, { destinationPortRange: "50000-50099" })];
  const machine = machineWith({ subnetRules: rules, nicRules: rules, idleTimeoutInMinutes: 30 });

  it("scale the idle timeout of clients and Azure's fixed one of outgoing flows", () => {
    const text = renderEdgeRules([machine], { idleTimeoutScale: 1 / 60 });
    expect(text).toContain('ip daddr 10.20.1.4 meta l4proto tcp ct timeout set "idle-30"');
    expect(text).toContain('ip saddr 10.20.1.4 meta l4proto tcp ct timeout set "idle-4"');
  });

  it("let the subnet's group speak before the NIC's on the way in, after it on the way out", () => {
    const text = renderEdgeRules([machine], { idleTimeoutScale: 1 });
    expect(text).toMatch(/chain to_0 \{\s+jump to_subnet_0\s+jump to_nic_0\s+\}/);
    expect(text).toMatch(/chain from_0 \{\s+jump from_nic_0\s+jump from_subnet_0\s+\}/);
  });

  it("keep names of rules from ending a comment early", () => {
    const named = machineWith({ subnetRules: [rule('a"; drop #', 100, {})], nicRules: [] });
    expect(renderEdgeRules([named], { idleTimeoutScale: 1 })).toContain(
      'comment "subnet-nsg/a_; drop #"',
    );
  });
});
