import { describe, expect, it } from "vitest";
import { deploy, parseSettings, settingsSchema } from "#contract";
import * as v from "valibot";
import { parseExposure } from "../../../probe/exposure.ts";
import { planProbe, type ProbeOptions } from "../../../probe/index.ts";
import { completeOptions } from "../../../probe/options.ts";

const complete = (changes: Partial<ProbeOptions> = {}) =>
  completeOptions({ host: "ftp.example.com", password: "-", ...changes });

describe("options", () => {
  it("default to what the schema of the settings says", () => {
    const defaults = v.getDefaults(settingsSchema);
    const options = complete();
    expect(options.controlPort).toBe(defaults.controlPort);
    expect(options.implicitTlsPort).toBe(defaults.implicitTlsPort);
    expect(options.passivePorts).toEqual(parseSettings({}).passivePorts);
  });

  it("take everything from a deployment", () => {
    const settings = parseSettings({
      controlPort: 2121,
      implicitTlsPort: 0,
      passivePorts: "51000-51009",
      tls: { controlPolicy: "require", dataPolicy: "require" },
    });
    const deployed = deploy(settings, {
      publicAddress: "203.0.113.4",
      fqdn: "gangway.example.com",
    });
    expect(complete(planProbe(deployed))).toMatchObject({
      controlPort: 2121,
      implicitTlsPort: undefined,
      passivePorts: { first: 51000, last: 51009 },
      advertisedAddress: "203.0.113.4",
      names: ["ftp.example.com", "gangway.example.com", "203.0.113.4"],
      controlPolicy: "require",
      dataPolicy: "require",
    });
  });

  it.each([
    [{}, 1],
    [{ workers: 4 }, 4],
    [{ workers: 0 }, 2],
    [{ workers: 2, passiveSlices: 5 }, 5],
  ])("of %j reckon with %i slices, of which a session may see one", (changes, slices) => {
    const deployed = deploy(parseSettings(changes), {
      publicAddress: "203.0.113.4",
      fqdn: undefined,
    });
    expect(complete(planProbe(deployed)).passiveSlices).toBe(slices);
  });

  it("accept a fingerprint as OpenSSL prints it", () => {
    expect(complete({ fingerprint: "AB:".repeat(31) + "AB" }).fingerprint).toBe("ab".repeat(32));
  });

  const bad: readonly (readonly [Partial<ProbeOptions>, string])[] = [
    [{ host: "" }, "host"],
    [{ host: "ftp://example.com/" }, "host"],
    [{ controlPort: 0 }, "port"],
    [{ implicitTlsPort: 70000 }, "implicit-port"],
    [{ boundPorts: [{ channel: "control", port: 0 }] }, "bound-ports"],
    [{ passivePorts: { first: 5, last: 4 } }, "passive-range"],
    [{ advertisedAddress: "example.com" }, "advertised"],
    [{ fingerprint: "abc" }, "fingerprint"],
    [{ account: "a\r\nQUIT" }, "user"],
    [{ idleSeconds: 0 }, "idle"],
    [{ timeoutSeconds: 0 }, "timeout"],
    [{ tls: "implicit", implicitTlsPort: "off" }, "tls"],
    [{ tls: "off" }, "tls"],
  ];
  it.each(bad)("refuse %j, naming %s", (changes, name) => {
    expect(() => complete(changes)).toThrow(new RegExp(`^${name}: `));
  });

  it("never say the password in an error", () => {
    expect(() => complete({ password: "se\ncret" })).toThrow(/^(?!.*se.cret).*$/s);
  });
});

describe("exposure rows", () => {
  const rows = [{ layer: "nicNsg", ranges: ["21-21"] }];

  it("are an array, or lie in an object; further fields are left alone", () => {
    expect(parseExposure([{ ...rows[0], sources: ["0.0.0.0/0"] }])).toEqual(rows);
    expect(parseExposure({ rows })).toEqual(rows);
    expect(parseExposure({ exposure: rows })).toEqual(rows);
  });

  it.each([{}, [{ layer: "nicNsg" }], [{ layer: "nicNsg", ranges: ["a-b"] }], "text"])(
    "are not %j",
    (document) => {
      expect(() => parseExposure(document)).toThrow();
    },
  );
});
