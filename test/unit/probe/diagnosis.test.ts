import { describe, expect, it } from "vitest";
import type { Circumstances } from "../../../probe/blame.ts";
import { diagnose } from "../../../probe/diagnosis.ts";
import { completeOptions } from "../../../probe/options.ts";
import type { Symptom } from "../../../probe/symptoms.ts";

const expected = completeOptions({
  host: "ftp.example.com",
  password: "-",
  passivePorts: { first: 50000, last: 50099 },
});
const LAYERS = ["subnetNsg", "nicNsg", "guestFirewall"] as const;

/** Rows in which every filter allows the range, but for one that ends early. */
const rowsWithShort = (short?: string) =>
  [...LAYERS, "server"].map((layer) => ({
    layer,
    ranges: ["21-21", "990-990", layer === short ? "50000-50049" : "50000-50099"],
  }));

const circumstances = (changes: Partial<Circumstances> = {}): Circumstances => ({
  expected,
  address: "203.0.113.4",
  rows: [],
  rowsAreLive: false,
  ...changes,
});

const dropped: Symptom = { kind: "noAnswer", port: 50099, role: "passive" };

describe("a port that does not answer", () => {
  it.each(LAYERS)("is the fault of %s when its live rows lack the port", (layer) => {
    const diagnosis = diagnose(
      dropped,
      circumstances({ rows: rowsWithShort(layer), rowsAreLive: true }),
    );
    expect(diagnosis).toMatchObject({ suspect: layer, alternatives: [], setting: "passivePorts" });
  });

  it("names every layer that lacks it, in the order of packets", () => {
    const rows = LAYERS.map((layer) => ({ layer, ranges: ["21-21"] }));
    expect(diagnose(dropped, circumstances({ rows, rowsAreLive: true }))).toMatchObject({
      suspect: "subnetNsg",
      alternatives: ["nicNsg", "guestFirewall"],
    });
  });

  it("may be any filter without evidence, and says how to tell", () => {
    const diagnosis = diagnose(dropped, circumstances());
    expect([diagnosis.suspect, ...diagnosis.alternatives]).toEqual(LAYERS);
    const advice = diagnosis.advice.join("\n");
    expect(advice).toContain("list-effective-nsg");
    expect(advice).toContain("test-ip-flow");
    expect(advice).toContain("50099");
  });

  it("rules nothing out by what was only declared", () => {
    const diagnosis = diagnose(dropped, circumstances({ rows: rowsWithShort() }));
    expect([diagnosis.suspect, ...diagnosis.alternatives]).toEqual(LAYERS);
  });

  it("rules out the layers that let it through now", () => {
    const rows = rowsWithShort().filter(({ layer }) => layer !== "guestFirewall");
    expect(diagnose(dropped, circumstances({ rows, rowsAreLive: true }))).toMatchObject({
      suspect: "guestFirewall",
      alternatives: [],
    });
  });

  it("is a matter of sources when every layer has the port", () => {
    const rows = rowsWithShort();
    expect(diagnose(dropped, circumstances({ rows, rowsAreLive: true }))).toMatchObject({
      setting: "clientCidrs",
    });
  });

  it("points at the control port's setting for a control port", () => {
    const symptom: Symptom = { kind: "noAnswer", port: 21, role: "control" };
    expect(diagnose(symptom, circumstances()).setting).toBe("controlPort");
  });
});

describe("other symptoms", () => {
  const cases: readonly (readonly [Symptom, string, string])[] = [
    [{ kind: "refused", port: 50000, role: "passive" }, "serverRange", "passivePorts"],
    [{ kind: "refused", port: 21, role: "control" }, "server", "controlPort"],
    [{ kind: "portOutsideRange", port: 51000 }, "serverRange", "passivePorts"],
    [{ kind: "neverLeased", ports: [50099] }, "serverRange", "passivePorts"],
    [
      { kind: "wrongAddress", advertised: "10.0.0.4", expected: "203.0.113.4" },
      "advertisedAddress",
      "externalAddress",
    ],
    [
      { kind: "nameMismatch", missing: ["ftp.example.com"], covered: [] },
      "certificate",
      "certificate.hostNames",
    ],
    [{ kind: "expired", at: "2025-01-01" }, "certificate", "certificate.kind"],
    [{ kind: "clearAccepted", channel: "control" }, "tlsPolicy", "tls.controlPolicy"],
    [{ kind: "clearAccepted", channel: "data" }, "tlsPolicy", "tls.dataPolicy"],
    [{ kind: "idleLost", how: "stalled", idleSeconds: 300 }, "idleTimeout", "keepaliveSeconds"],
    [{ kind: "unexpectedReply", command: "PASS", code: 530, text: "" }, "account", "probe.account"],
    [
      { kind: "unexpectedReply", command: "STOR x", code: 452, text: "" },
      "storage",
      "machine.dataDiskGib",
    ],
    [{ kind: "layerLacks", layer: "nicNsg", ranges: ["50099-50099"] }, "nicNsg", "passivePorts"],
    [
      { kind: "layerLacks", layer: "server", ranges: ["50099-50099"] },
      "serverRange",
      "passivePorts",
    ],
  ];
  it.each(cases)("%j blames %s by %s", (symptom, suspect, setting) => {
    expect(diagnose(symptom, circumstances())).toMatchObject({ suspect, setting });
  });

  it("tells a private address from another public one", () => {
    const advice = (advertised: string) =>
      diagnose(
        { kind: "wrongAddress", advertised, expected: "203.0.113.4" },
        circumstances(),
      ).advice.join(" ");
    expect(advice("10.20.1.4")).toContain("10.20.1.4 is a private address");
    expect(advice("203.0.113.9")).toContain("203.0.113.9 is another public address");
  });
});
