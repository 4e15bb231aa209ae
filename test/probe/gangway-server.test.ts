/** The probe against our own server, which shares nothing with it but the contract. */
import { X509Certificate } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { probeHost, type ProbeOptions, type ProbeReport } from "../../probe/index.ts";
import { startServer, type TestServer, type TestServerOptions } from "../support/server.ts";

const ACCOUNT = "prober";
const PASSWORD = "a password";

async function start(
  tls: NonNullable<TestServerOptions["settings"]>["tls"],
  options: TestServerOptions = {},
): Promise<TestServer> {
  const certificateFile = "certificate.pem";
  return startServer({
    tls: true,
    accounts: { [ACCOUNT]: PASSWORD },
    ...options,
    settings: { tls: { certificateFile, ...tls }, ...options.settings },
  });
}

const optionsFor = async (server: TestServer): Promise<ProbeOptions> => ({
  host: server.host,
  account: ACCOUNT,
  password: PASSWORD,
  controlPort: server.controlPort,
  implicitTlsPort: server.implicitTlsPort,
  passivePorts: server.passivePorts,
  fingerprint: new X509Certificate(await readFile(server.certificateFile)).fingerprint256,
});

const idsOf = ({ checks }: ProbeReport, outcome: string) =>
  checks.filter((check) => check.outcome === outcome).map(({ id }) => id);

describe("our own server", () => {
  it.each(["explicit", "implicit"] as const)(
    "holds under the strictest policy, %s",
    async (tls) => {
      await using server = await start({ controlPolicy: "require", dataPolicy: "require" });
      const report = await probeHost({
        ...(await optionsFor(server)),
        tls,
        controlPolicy: "require",
        dataPolicy: "require",
      });
      expect(idsOf(report, "failed")).toEqual([]);
      // The certificate of tests lasts a day.
      expect(idsOf(report, "warning")).toEqual(["certificateDates"]);
      expect(idsOf(report, "notRun")).toEqual(["layers"]);
      const left = await readdir(server.dataFolder, { recursive: true });
      expect(left.filter((name) => name.includes("probe-"))).toEqual([]);
    },
  );

  it("holds where TLS 1.3 is the oldest", async () => {
    await using server = await start({ minVersion: "TLSv1.3" });
    const report = await probeHost({ ...(await optionsFor(server)), minTlsVersion: "TLSv1.3" });
    expect(idsOf(report, "failed")).toEqual([]);
  });

  it("is found out when it advertises another address", async () => {
    await using server = await start({});
    const options = await optionsFor(server);
    const report = await probeHost({ ...options, advertisedAddress: "203.0.113.4" });
    expect(idsOf(report, "failed")).toEqual(["advertisedAddress"]);
  });

  it("is found out when its range is narrower or wider than declared", async () => {
    await using server = await start({}, { passivePorts: 12 });
    const options = await optionsFor(server);
    const { first, last } = server.passivePorts;
    const narrower = await probeHost({ ...options, passivePorts: { first, last: last + 2 } });
    expect(narrower.checks.find(({ id }) => id === "edgePorts")).toMatchObject({
      outcome: "failed",
      suspect: "serverRange",
      setting: "passivePorts",
    });
    const wider = await probeHost({ ...options, passivePorts: { first, last: last - 6 } });
    // Which check finds a port outside first depends on where in its range the server begins.
    const revealing = ["passivePort", "edgePorts", "outsidePorts"];
    expect(idsOf(wider, "failed").some((id) => revealing.includes(id))).toBe(true);
  });

  it("keeps the probe out when it does not know the password", async () => {
    await using server = await start({});
    const report = await probeHost({ ...(await optionsFor(server)), password: "wrong" });
    expect(report.checks.find(({ id }) => id === "login")).toMatchObject({
      outcome: "failed",
      suspect: "account",
    });
  });
});
