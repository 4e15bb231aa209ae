/** The whole probe against a server that is wrong in one way at a time. */
import { describe, expect, it } from "vitest";
import { holds, type Layer, type ProbeOptions } from "../../probe/index.ts";
import { find, idsOf, probe } from "../support/probing.ts";
import type { Script } from "../support/scripted-state.ts";

describe("a server that is wrong in one way", () => {
  const cases: readonly {
    readonly name: string;
    readonly script: Partial<Script>;
    readonly options?: Partial<ProbeOptions>;
    readonly check: string;
    readonly suspect: Layer;
    readonly others?: readonly string[];
  }[] = [
    {
      name: "advertises its private address",
      script: { advertisedAddress: "10.20.1.4" },
      check: "advertisedAddress",
      suspect: "advertisedAddress",
    },
    {
      name: "advertises another address than declared",
      script: {},
      options: { advertisedAddress: "203.0.113.9" },
      check: "advertisedAddress",
      suspect: "advertisedAddress",
    },
    {
      name: "leases a port outside the range",
      script: { strayPort: 1025 },
      check: "passivePort",
      suspect: "serverRange",
      others: ["dataConnection"],
    },
    {
      name: "uses a narrower range than declared",
      script: { rangeSize: 8, leasedSize: 6 },
      check: "edgePorts",
      suspect: "serverRange",
    },
    {
      name: "listens beside the range",
      script: { listenAfterRange: true },
      check: "outsidePorts",
      suspect: "serverRange",
    },
    {
      name: "takes USER without TLS",
      script: { requireTlsForUser: false },
      check: "clearCredentials",
      suspect: "tlsPolicy",
    },
    {
      name: "takes data in clear",
      script: {},
      options: { dataPolicy: "require" },
      check: "clearData",
      suspect: "tlsPolicy",
    },
    {
      name: "takes data with TLS where that is denied",
      script: {},
      options: { dataPolicy: "deny" },
      check: "clearData",
      suspect: "tlsPolicy",
    },
    {
      name: "offers no TLS",
      script: { replies: { AUTH: "502 No TLS" } },
      check: "explicitTls",
      suspect: "certificate",
    },
    {
      name: "sends clear text behind AUTH",
      script: { textAfterAuth: "230 Hello\r\n" },
      check: "explicitTls",
      suspect: "server",
    },
    {
      name: "has no TLS 1.3",
      script: { maxTlsVersion: "TLSv1.2" },
      check: "tlsVersions",
      suspect: "tlsPolicy",
    },
    {
      name: "still takes TLS 1.2",
      script: {},
      options: { minTlsVersion: "TLSv1.3" },
      check: "tlsVersions",
      suspect: "tlsPolicy",
    },
    {
      name: "greets with 421",
      script: { replies: { greeting: "421 Too busy" } },
      check: "greeting",
      suspect: "server",
      others: ["implicitTls"],
    },
    {
      name: "is no FTP server",
      script: { replies: { greeting: "SSH-2.0-OpenSSH_9.6" } },
      check: "greeting",
      suspect: "server",
      others: ["implicitTls"],
    },
    {
      name: "says nothing",
      script: { silentOn: ["greeting"] },
      options: { timeoutSeconds: 1 },
      check: "greeting",
      suspect: "server",
      others: ["implicitTls"],
    },
    {
      name: "cuts the connection on PASS",
      script: { resetOn: ["PASS"] },
      check: "login",
      suspect: "server",
    },
    {
      name: "refuses the password",
      script: {},
      options: { password: "wrong" },
      check: "login",
      suspect: "account",
    },
    {
      name: "knows no EPSV",
      script: { replies: { EPSV: "502 Not here" } },
      check: "extendedPassive",
      suspect: "server",
    },
    {
      name: "knows no PASV",
      script: { replies: { PASV: "502 Not here" } },
      check: "passive",
      suspect: "server",
    },
    {
      name: "answers PASV with nonsense",
      script: { replies: { PASV: "227 Passive (none)" } },
      check: "passive",
      suspect: "server",
    },
    {
      name: "truncates downloads",
      script: { download: (stored) => stored.subarray(0, stored.length / 2) },
      check: "roundTrip",
      suspect: "storage",
    },
    {
      name: "changes a byte",
      script: { store: (sent) => Buffer.concat([sent.subarray(1), Buffer.of(0)]) },
      check: "roundTrip",
      suspect: "storage",
    },
    {
      name: "swallows uploads",
      script: { store: () => undefined },
      check: "roundTrip",
      suspect: "storage",
    },
    {
      name: "keeps what was deleted",
      script: { keepDeleted: true },
      check: "roundTrip",
      suspect: "storage",
    },
    {
      name: "has no space",
      script: { replies: { STOR: "452 No space" } },
      check: "roundTrip",
      suspect: "storage",
    },
    {
      name: "ends silent sessions",
      script: { idleMilliseconds: 300 },
      options: { idleSeconds: 1 },
      check: "idle",
      suspect: "server",
    },
    {
      name: "forgets to answer NOOP",
      script: { silentOn: ["NOOP"] },
      options: { idleSeconds: 1, timeoutSeconds: 1 },
      check: "idle",
      suspect: "idleTimeout",
    },
  ];

  it.each(cases)("$name", async ({ script, options, check, suspect, others = [] }) => {
    const { report } = await probe(script, options);
    expect(idsOf(report, "failed").toSorted()).toEqual([check, ...others].toSorted());
    expect(find(report, check).suspect).toBe(suspect);
    expect(find(report, check).advice).not.toEqual([]);
    expect(holds(report)).toBe(false);
  });
});
