/** Pure verdicts: layers, edges, certificates. */
import { describe, expect, it } from "vitest";
import type { PortAnswer } from "../../../probe/dial.ts";
import { judgeDates, judgeNames, judgeTrust, type PeerFacts } from "../../../probe/certificate.ts";
import { judgeEdges, type EdgeSearch } from "../../../probe/checks/edge-ports.ts";
import { compareLayers } from "../../../probe/checks/layers.ts";
import { completeOptions } from "../../../probe/options.ts";

const expected = completeOptions({
  host: "ftp.example.com",
  password: "-",
  controlPort: 21,
  implicitTlsPort: 990,
  passivePorts: { first: 50000, last: 50099 },
});

describe("layers", () => {
  const row = (layer: string, ...ranges: string[]) => ({ layer, ranges });
  const all = ["21-21", "990-990", "50000-50099"];

  it("pass when every one has the declared ports, whatever else is open elsewhere", () => {
    const rows = [row("subnetNsg", ...all, "8021-8021"), row("reservedPorts", "50000-50099")];
    expect(compareLayers(rows, expected)).toEqual({
      kind: "passed",
      detail: "subnetNsg, reservedPorts",
    });
  });

  it("add up rows of one layer", () => {
    const rows = [row("nicNsg", "21-21", "50000-50049"), row("nicNsg", "990-990", "50050-50099")];
    expect(compareLayers(rows, expected).kind).toBe("passed");
  });

  it("fail naming the one that lacks ports, and which", () => {
    const rows = [
      row("subnetNsg", ...all),
      row("nicNsg", "21-21", "990-990", "50001-50040", "50060-50098"),
    ];
    expect(compareLayers(rows, expected)).toMatchObject({
      kind: "failed",
      symptom: {
        kind: "layerLacks",
        layer: "nicNsg",
        ranges: ["50000-50000", "50041-50059", "50099-50099"],
      },
    });
  });

  it("warn about one that opens more beside the range", () => {
    const rows = [row("guestFirewall", "21-21", "990-990", "50000-50120")];
    expect(compareLayers(rows, expected)).toMatchObject({
      kind: "warning",
      symptom: { kind: "layerExceeds", layer: "guestFirewall", ranges: ["50100-50120"] },
    });
  });

  it("need no reservation outside the ephemeral range", () => {
    const low = { ...expected, passivePorts: { first: 20000, last: 20009 } };
    expect(compareLayers([row("reservedPorts")], low).kind).toBe("passed");
    expect(compareLayers([row("reservedPorts")], expected).kind).toBe("failed");
  });
});

describe("edges", () => {
  const found = (changes: Partial<EdgeSearch> = {}): EdgeSearch => ({
    wanted: new Set<number>(),
    leased: new Map<number, PortAnswer>([
      [50000, "open"],
      [50099, "open"],
    ]),
    stray: undefined,
    draws: 100,
    distinct: 25,
    seen: { first: 50000, last: 50097 },
    ...changes,
  });
  const onlyFirst = new Map<number, PortAnswer>([[50000, "open"]]);
  const last = (answer: PortAnswer) => [{ port: 50099, answer }];

  it("pass when both answered while leased", () => {
    expect(judgeEdges(found(), [], expected).kind).toBe("passed");
  });

  it("fail when a session was leased a port outside the range", () => {
    expect(judgeEdges(found({ stray: 50100 }), [], expected)).toMatchObject({
      kind: "failed",
      symptom: { kind: "portOutsideRange", port: 50100 },
    });
  });

  it("fail when a leased edge is silent", () => {
    const leased = new Map<number, PortAnswer>([
      [50000, "open"],
      [50099, "noAnswer"],
    ]);
    expect(judgeEdges(found({ leased }), [], expected)).toMatchObject({
      kind: "failed",
      symptom: { kind: "noAnswer", port: 50099, role: "passive" },
    });
  });

  it("fail when an edge that was never leased is silent: a machine would have refused", () => {
    const search = found({ leased: onlyFirst });
    expect(judgeEdges(search, last("noAnswer"), expected)).toMatchObject({
      kind: "failed",
      symptom: { kind: "noAnswer", port: 50099 },
    });
  });

  it("blame the server's range only after enough leases", () => {
    const refused = (changes: Partial<EdgeSearch>, slices = 1) =>
      judgeEdges(found({ leased: onlyFirst, ...changes }), last("refused"), {
        ...expected,
        passiveSlices: slices,
      });
    expect(refused({ draws: 800 })).toMatchObject({
      kind: "failed",
      symptom: { kind: "neverLeased", ports: [50099] },
    });
    expect(refused({ draws: 799 }).kind).toBe("warning");
    expect(refused({ draws: 800, distinct: 2 }).kind).toBe("warning");
    expect(refused({ draws: 800 }, 2).kind).toBe("warning");
  });

  it("only warn of one half that is not leased: a former server may still drain in it", () => {
    const judged = (first: number, lastSeen: number) =>
      judgeEdges(
        found({ leased: onlyFirst, draws: 800, seen: { first, last: lastSeen } }),
        last("refused"),
        expected,
      );
    expect(judged(50000, 50049)).toMatchObject({
      kind: "warning",
      detail: expect.stringContaining("former generation") as unknown,
    });
    expect(judged(50000, 50048).kind).toBe("failed");
    expect(judged(50000, 50050).kind).toBe("failed");
    expect(judged(50001, 50050).kind).toBe("failed");
  });

  it("say so when an edge answers without having been leased", () => {
    const verdict = judgeEdges(found({ leased: onlyFirst }), last("open"), expected);
    expect(verdict.kind).toBe("passed");
    expect(verdict.detail).toContain("50099 (not leased in 100 leases)");
  });
});

describe("certificates", () => {
  const peer = (
    changes: Partial<PeerFacts> = {},
    dates: Partial<PeerFacts["certificate"]> = {},
  ) => ({
    certificate: {
      subject: { CN: "ftp.example.com" },
      subjectaltname: "DNS:ftp.example.com, IP Address:203.0.113.4",
      valid_from: "Jan  1 00:00:00 2026 GMT",
      valid_to: "Dec 31 00:00:00 2026 GMT",
      ...dates,
    } as PeerFacts["certificate"],
    fingerprint: "ab".repeat(32),
    chainError: undefined,
    version: "TLSv1.3",
    ...changes,
  });
  const at = (text: string) => Date.parse(text);

  it("are trusted by a pin alone, or by authorities together with the host's name", () => {
    const untrusted = peer({ chainError: "self-signed certificate" });
    const pin = { names: ["other.example.com"], fingerprint: "ab".repeat(32) };
    expect(judgeTrust(untrusted, pin)).toBeUndefined();
    expect(judgeTrust(peer(), { ...pin, fingerprint: "cd".repeat(32) })?.kind).toBe(
      "fingerprintDiffers",
    );
    expect(
      judgeTrust(untrusted, { names: ["ftp.example.com"], fingerprint: undefined })?.kind,
    ).toBe("untrusted");
    expect(judgeTrust(peer(), { names: ["other.example.com"], fingerprint: undefined })?.kind).toBe(
      "nameMismatch",
    );
    const declared = { names: ["203.0.113.5", "ftp.example.com"], fingerprint: undefined };
    expect(judgeTrust(peer(), declared)).toBeUndefined();
  });

  it("that are pinned cover every declared name, but for addresses beside one", () => {
    const severity = (...names: string[]) =>
      judgeNames(peer(), { names, fingerprint: "ab".repeat(32) })?.severity;
    expect(severity("ftp.example.com", "203.0.113.4")).toBeUndefined();
    expect(severity("ftp.example.com", "files.example.com")).toBe("failed");
    expect(severity("ftp.example.com", "203.0.113.5")).toBe("warning");
    expect(severity("203.0.113.5")).toBe("failed");
  });

  it("of authorities cover the preferred name: the host, or the first name for an address", () => {
    const severity = (...names: string[]) =>
      judgeNames(peer(), { names, fingerprint: undefined })?.severity;
    expect(severity("203.0.113.5", "ftp.example.com", "x.cloudapp.azure.com")).toBe("warning");
    expect(severity("x.cloudapp.azure.com", "ftp.example.com")).toBe("failed");
    expect(severity("203.0.113.5")).toBe("failed");
  });

  it("warn 21 days before they expire", () => {
    expect(judgeDates(peer(), at("2026-12-09T23:59:59Z"))).toBeUndefined();
    expect(judgeDates(peer(), at("2026-12-10T00:00:01Z"))).toMatchObject({ severity: "warning" });
    expect(judgeDates(peer(), at("2026-12-31T00:00:00Z"))).toEqual({
      severity: "failed",
      symptom: { kind: "expired", at: "2026-12-31" },
    });
    expect(judgeDates(peer(), at("2025-12-31T00:00:00Z"))?.symptom.kind).toBe("notYetValid");
  });
});
