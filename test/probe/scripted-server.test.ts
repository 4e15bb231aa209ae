/** The whole probe against a scripted server: what it proves, and how it goes on after a failure. */
import { describe, expect, it } from "vitest";
import { holds, probeHost, type ProbeOptions } from "../../probe/index.ts";
import { freePorts } from "../support/free-ports.ts";
import { makeNamedCertificate } from "../support/named-certificate.ts";
import { find, idsOf, optionsFor, probe } from "../support/probing.ts";
import {
  SCRIPTED_PASSWORD,
  startScriptedServer,
  type ScriptedServer,
} from "../support/scripted-server.ts";

describe("a good server", () => {
  it.each(["explicit", "implicit"] as const)("passes with %s TLS", async (tls) => {
    const { report, server } = await probe({}, { tls });
    expect(idsOf(report, "failed")).toEqual([]);
    expect(idsOf(report, "warning")).toEqual([]);
    expect(idsOf(report, "notRun")).toEqual(["clearData", "layers"]);
    expect(holds(report)).toBe(true);
    expect(find(report, "dataConnection").detail).toContain("session resumed");
    expect(server.files.size).toBe(0);
    // The password travels under TLS only.
    const passwords = server.heard.filter(({ line }) => line.includes(SCRIPTED_PASSWORD));
    expect(passwords.length).toBeGreaterThan(0);
    expect(passwords.every(({ secured }) => secured)).toBe(true);
  });

  it("passes with TLS 1.2 and a strict data policy", async () => {
    const { report } = await probe({ requireTlsForData: true }, { dataPolicy: "require" });
    expect(idsOf(report, "failed")).toEqual([]);
    expect(find(report, "clearData").outcome).toBe("passed");
  });

  it("passes in clear where that is declared", async () => {
    const { report } = await probe(
      { requireTlsForUser: false },
      { tls: "off", controlPolicy: "allow" },
    );
    expect(holds(report)).toBe(true);
    expect(find(report, "dataConnection").detail).toContain("in clear");
    expect(find(report, "roundTrip").outcome).toBe("passed");
  });

  it("passes where TLS for data is denied", async () => {
    const { report } = await probe({ denyTlsForData: true }, { dataPolicy: "deny" });
    expect(holds(report)).toBe(true);
    expect(find(report, "clearData").outcome).toBe("passed");
  });

  it("greets on ports of bindings, with the TLS of their channel", async () => {
    await using server = await startScriptedServer({});
    const probeBound = (boundPorts: ProbeOptions["boundPorts"] & object) =>
      probeHost({ ...optionsFor(server), timeoutSeconds: 1, boundPorts });
    const [clear, secured] = [server.controlPort, server.implicitTlsPort];
    const right = await probeBound([
      { channel: "control", port: clear },
      { channel: "implicitTls", port: secured },
    ]);
    expect(find(right, "boundPorts")).toMatchObject({
      outcome: "passed",
      detail: `${String(clear)} with explicit TLS, ${String(secured)} with implicit TLS`,
    });
    const wrong = await probeBound([{ channel: "implicitTls", port: clear }]);
    expect(find(wrong, "boundPorts").outcome).toBe("failed");
    const closed = await probeBound([{ channel: "control", port: server.passivePorts.last + 1 }]);
    expect(find(closed, "boundPorts")).toMatchObject({
      outcome: "failed",
      suspect: "server",
      setting: "sites[].bindings[].port",
    });
  });

  it("passes with a range of one port", async () => {
    const { report } = await probe({ rangeSize: 1 });
    expect(idsOf(report, "failed")).toEqual([]);
    expect(find(report, "edgePorts").outcome).toBe("passed");
  });

  it("is trusted by authorities when no fingerprint is given", async () => {
    const certificate = await makeNamedCertificate({ names: ["127.0.0.1"] });
    await using server = await startScriptedServer({ certificate });
    const { fingerprint: _, ...options } = optionsFor(server);
    const trusted = await probeHost({ ...options, authorities: certificate.certificate });
    expect(idsOf(trusted, "failed")).toEqual([]);
    const untrusted = await probeHost(options);
    expect(find(untrusted, "certificateChain")).toMatchObject({
      outcome: "failed",
      suspect: "certificate",
    });
  });

  it("keeps a silent control connection", async () => {
    const { report } = await probe({}, { idleSeconds: 1 });
    expect(find(report, "idle").outcome).toBe("passed");
  });

  it("is reported check by check, in the order of their ends", async () => {
    const seen: string[] = [];
    const { report } = await probe({}, { onCheck: ({ id }) => seen.push(id) });
    expect(seen.toSorted()).toEqual(report.checks.map(({ id }) => id).toSorted());
  });
});

describe("certificates", () => {
  it.each([
    ["another name", { names: ["other.example.com"] }, "certificateNames", "failed"],
    [
      "an end yesterday",
      { names: ["127.0.0.1"], fromDays: -9, toDays: -1 },
      "certificateDates",
      "failed",
    ],
    ["an end in 20 days", { names: ["127.0.0.1"], toDays: 20 }, "certificateDates", "warning"],
    ["a start tomorrow", { names: ["127.0.0.1"], fromDays: 1 }, "certificateDates", "failed"],
  ] as const)("with %s", async (_name, request, check, outcome) => {
    const { report } = await probe({ certificate: await makeNamedCertificate(request) });
    expect(idsOf(report, outcome)).toEqual([check]);
    expect(find(report, check).suspect).toBe("certificate");
    // The pin still says who this is, so everything else is proved as well.
    expect(find(report, "roundTrip").outcome).toBe("passed");
  });

  it("with another fingerprint: nobody gets the password", async () => {
    const { report, server } = await probe({}, { fingerprint: "00".repeat(32) });
    expect(find(report, "certificateChain")).toMatchObject({
      outcome: "failed",
      suspect: "certificate",
    });
    expect(find(report, "login").outcome).toBe("notRun");
    expect(server.heard.some(({ line }) => line.startsWith("PASS"))).toBe(false);
  });
});

describe("after a failure", () => {
  it("the file is taken away", async () => {
    const { server } = await probe({ download: () => Buffer.alloc(0) });
    expect(server.heard.some(({ line }) => line.startsWith("STOR"))).toBe(true);
    expect(server.files.size).toBe(0);
  });

  it("what needs the failed check is not run and says so, the rest is", async () => {
    const { report } = await probe({ replies: { USER: "530 No" } });
    expect(idsOf(report, "failed")).toEqual(["login"]);
    expect(find(report, "roundTrip")).toMatchObject({ outcome: "notRun" });
    expect(find(report, "extendedPassive").detail).toContain(find(report, "login").title);
    expect(find(report, "implicitTls").outcome).toBe("passed");
    expect(find(report, "outsidePorts").outcome).toBe("passed");
  });

  it("a port that refuses has a report, too", async () => {
    const [port = 0] = await freePorts("127.0.0.1", 1);
    const report = await probeHost({
      host: "127.0.0.1",
      password: "-",
      controlPort: port,
      implicitTlsPort: "off",
    });
    expect(idsOf(report, "failed")).toEqual(["controlPort"]);
    expect(find(report, "controlPort")).toMatchObject({
      suspect: "server",
      setting: "controlPort",
    });
  });

  it("a name without an address is named", async () => {
    const report = await probeHost({ host: "nowhere.invalid", password: "-" });
    expect(idsOf(report, "failed")).toEqual(["address"]);
  });
});

describe("evidence", () => {
  const rowsOf = ({ controlPort, implicitTlsPort, passivePorts }: ScriptedServer, last: number) => [
    {
      layer: "nicNsg",
      ranges: [
        `${String(controlPort)}-${String(controlPort)}`,
        `${String(implicitTlsPort)}-${String(implicitTlsPort)}`,
        `${String(passivePorts.first)}-${String(last)}`,
      ],
    },
  ];

  it("is compared layer by layer", async () => {
    await using server = await startScriptedServer();
    const whole = rowsOf(server, server.passivePorts.last);
    const short = rowsOf(server, server.passivePorts.last - 1);
    const good = await probeHost({ ...optionsFor(server), exposure: whole });
    expect(find(good, "layers").outcome).toBe("passed");
    const live = { exposure: whole, evidence: () => Promise.resolve(short) };
    const bad = await probeHost({ ...optionsFor(server), ...live });
    expect(find(bad, "layers")).toMatchObject({ outcome: "failed", suspect: "nicNsg" });
  });

  it("that cannot be read is a warning", async () => {
    const evidence = () => Promise.reject(new Error("no access\nstack"));
    const { report } = await probe({}, { evidence });
    expect(find(report, "layers")).toMatchObject({
      outcome: "warning",
      detail: "the layers could not be read: no access",
    });
    expect(holds(report)).toBe(true);
  });
});

it("stops when its signal aborts", async () => {
  const reason = new Error("enough");
  await using server = await startScriptedServer({ silentOn: ["greeting"] });
  const stop = new AbortController();
  const running = probeHost({
    ...optionsFor(server),
    timeoutSeconds: 60,
    signal: stop.signal,
    onCheck: ({ id }) => {
      if (id === "controlPort") stop.abort(reason);
    },
  });
  await expect(running).rejects.toBe(reason);
});
