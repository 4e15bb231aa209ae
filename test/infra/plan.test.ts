import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSettings } from "#contract";
import { KEYLESS_PUBLIC_KEY, KEYLESS_SENTENCE } from "../../infra/plan/administrator-key.ts";
import { canonicalJson } from "../../infra/plan/canonical.ts";
import { parseConfiguration, readDeclared } from "../../infra/plan/configuration.ts";
import { parseImage } from "../../infra/plan/image.ts";
import { planMachineSettings, planSettingsBlob } from "../../infra/plan/machine-settings.ts";
import {
  planBase,
  planDnsLabel,
  planNames,
  planStorageAccountName,
  planVaultName,
} from "../../infra/plan/names.ts";
import { joinArguments } from "../../infra/plan/probe-command.ts";
import { planRoleDefinitionId, uuidV5 } from "../../infra/plan/roles.ts";

/** Azure's rules, per resource: resource-name-rules of its documentation. */
const RULES: Readonly<Record<keyof ReturnType<typeof planNames>, RegExp>> = {
  resourceGroup: /^[\w.()-]{0,89}[\w()-]$/,
  virtualNetwork: /^[a-z0-9][\w.-]{0,62}\w$/i,
  subnet: /^[a-z0-9][\w.-]{0,78}\w$/i,
  subnetNsg: /^[a-z0-9][\w.-]{0,78}\w$/i,
  nicNsg: /^[a-z0-9][\w.-]{0,78}\w$/i,
  publicIpAddress: /^[a-z0-9][\w.-]{0,78}\w$/i,
  networkInterface: /^[a-z0-9][\w.-]{0,78}\w$/i,
  osDisk: /^[a-z0-9][\w.-]{0,78}\w$/i,
  dataDisk: /^[a-z0-9][\w.-]{0,78}\w$/i,
  identity: /^[a-z0-9][\w-]{2,127}$/i,
  virtualMachine: /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/i,
  container: /^[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9]$/,
  certificateSecret: /^[a-z0-9-]{1,127}$/i,
  runCommand: /^[a-z0-9][\w.-]{0,78}\w$/i,
  bastion: /^[a-z0-9][\w.-]{0,78}\w$/i,
  bastionAddress: /^[a-z0-9][\w.-]{0,78}\w$/i,
  workspace: /^[a-z0-9][a-z0-9-]{2,61}[a-z0-9]$/i,
  dataCollectionRule: /^[a-z0-9][\w-]{1,62}[a-z0-9]$/i,
  actionGroup: /^[^:<>+/&%\\?|]{1,260}(?<![ .])$/,
  backupVault: /^[a-z][a-z0-9-]{1,49}$/i,
  backupPolicy: /^[a-z][a-z0-9-]{2,149}$/i,
  snapshotGroup: /^[\w.()-]{0,89}[\w()-]$/,
};

/** Stack names as Pulumi takes them. */
const stackName = fc.stringMatching(/^[A-Za-z0-9_.-]{1,100}$/);
/** Project names likewise. */
const projectName = fc.stringMatching(/^[A-Za-z0-9_.-]{1,100}$/);

describe("names", () => {
  it("keep Azure's rules for any stack", () => {
    fc.assert(
      fc.property(projectName, stackName, fc.uuid(), (project, stack, id) => {
        const base = planBase(project, stack);
        for (const [kind, name] of Object.entries(planNames(base))) {
          expect(name).toMatch(RULES[kind as keyof typeof RULES]);
        }
        expect(planStorageAccountName(base, id)).toMatch(/^[a-z0-9]{3,24}$/);
        expect(planVaultName(base, id)).toMatch(/^[a-z](?!.*--)[a-z0-9-]{1,22}[a-z0-9]$/);
        expect(planDnsLabel(base, id)).toMatch(/^[a-z][a-z0-9-]{1,61}[a-z0-9]$/);
      }),
      { numRuns: 2000 },
    );
  });

  it("differ between any two stacks of any two projects", () => {
    fc.assert(
      fc.property(projectName, stackName, projectName, stackName, (p1, s1, p2, s2) => {
        fc.pre(p1 !== p2 || s1 !== s2);
        const [one, other] = [planNames(planBase(p1, s1)), planNames(planBase(p2, s2))];
        // Those inside the resource group may repeat; the groups may not.
        expect(one.resourceGroup).not.toBe(other.resourceGroup);
        expect(one.snapshotGroup).not.toBe(other.snapshotGroup);
        expect(one.resourceGroup).not.toBe(other.snapshotGroup);
      }),
      { numRuns: 2000 },
    );
  });

  it("differ where project and stack could be read in two ways", () => {
    expect(planBase("a-b", "c")).not.toBe(planBase("a", "b-c"));
    const snapshots = planNames(planBase("gangway", "dev")).snapshotGroup;
    expect(planNames(planBase("gangway", "dev-snapshots")).resourceGroup).not.toBe(snapshots);
  });

  it("of resources of one type differ within a stack", () => {
    const names = planNames(planBase("gangway", "dev"));
    expect(names.subnetNsg).not.toBe(names.nicNsg);
    expect(names.osDisk).not.toBe(names.dataDisk);
    expect(names.publicIpAddress).not.toBe(names.bastionAddress);
    expect(names.resourceGroup).not.toBe(names.snapshotGroup);
  });

  it("differ between stacks, also where what Azure takes of their names is the same", () => {
    const bases = ["a_b", "a-b", "a.b", "A-b", `${"x".repeat(60)}1`, `${"x".repeat(60)}2`].map(
      (stack) => planBase("gangway", stack),
    );
    expect(new Set(bases).size).toBe(bases.length);
    expect(planBase("gangway", "dev")).toBe("gangway-dev");
  });

  it("that are unique in the world follow what Azure assigned", () => {
    expect(planVaultName("gangway-dev", "one")).not.toBe(planVaultName("gangway-dev", "two"));
    expect(planVaultName("gangway-dev", "one")).toBe(planVaultName("gangway-dev", "one"));
  });
});

describe("role assignments", () => {
  it("are named by a UUID of version 5", () => {
    // RFC 9562, appendix A.4.
    expect(uuidV5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com")).toBe(
      "2ed6657d-e927-568b-95e1-2665a8aea6a2",
    );
  });

  it("name the role in the subscription of their scope", () => {
    expect(
      planRoleDefinitionId("/subscriptions/s1/resourceGroups/g", "storageBlobDataReader"),
    ).toBe(
      "/subscriptions/s1/providers/Microsoft.Authorization/roleDefinitions/2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    );
  });
});

describe("the administrator's key", () => {
  it("is a point of the curve that nobody chose", () => {
    const [type, base64 = ""] = KEYLESS_PUBLIC_KEY.split(" ");
    const blob = Buffer.from(base64, "base64");
    expect(type).toBe("ssh-ed25519");
    expect(blob.subarray(4, 15).toString()).toBe("ssh-ed25519");
    const attempts = [0, 1, 2, 3].map((counter) =>
      createHash("sha256")
        .update(`${KEYLESS_SENTENCE}${String(counter)}`)
        .digest(),
    );
    const point = attempts.find(isPointOfEd25519);
    expect(blob.subarray(19).toString("hex")).toBe(point?.toString("hex"));
  });
});

/** RFC 8032, 5.1.3: x² = (y² - 1) / (d y² + 1) must have a root. */
function isPointOfEd25519(bytes: Buffer): boolean {
  const p = 2n ** 255n - 19n;
  const power = (base: bigint, exponent: bigint): bigint => {
    let result = 1n;
    for (let [b, e] = [base % p, exponent]; e > 0n; [b, e] = [(b * b) % p, e >> 1n]) {
      if ((e & 1n) === 1n) result = (result * b) % p;
    }
    return result;
  };
  const y = BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`) & (2n ** 255n - 1n);
  const d = ((p - 121665n) * power(121666n, p - 2n)) % p;
  const x2 = ((y * y - 1n + p) * power(d * y * y + 1n, p - 2n)) % p;
  return y < p && power(x2, (p - 1n) / 2n) === 1n;
}

describe("configuration", () => {
  it("reads every kind of value that Pulumi hands over as text", () => {
    const settings = parseConfiguration(
      {
        "gangway:controlPort": "2121",
        "gangway:activeMode": "true",
        "gangway:passivePorts": "51000-51009",
        "gangway:clientCidrs": '["198.51.100.0/24"]',
        "gangway:tls": '{"minVersion":"TLSv1.3"}',
        "gangway:environment": "dev",
        "gangway:probePassword": "not a setting",
        "azure-native:location": "westeurope",
      },
      "gangway",
    );
    expect(settings.controlPort).toBe(2121);
    expect(settings.activeMode).toBe(true);
    expect(settings.passivePorts).toEqual({ first: 51000, last: 51009 });
    expect(settings.clientCidrs).toEqual(["198.51.100.0/24"]);
    expect(settings.tls.minVersion).toBe("TLSv1.3");
  });

  it("finds unknown names and suggests the right one", () => {
    expect(() => parseConfiguration({ "gangway:passivPorts": "1-2" }, "gangway")).toThrow(
      /passivPorts.*did you mean passivePorts/,
    );
  });

  it("names setting and value when a text is not of its type", () => {
    expect(() => parseConfiguration({ "gangway:controlPort": "ftp" }, "gangway")).toThrow(
      /controlPort: "ftp"/,
    );
  });

  it("hands over text settings as they are, even when they look like JSON", () => {
    expect(readDeclared({ "gangway:externalAddress": "21" }, "gangway")).toEqual({
      externalAddress: "21",
    });
  });
});

describe("delivered settings", () => {
  it("have a hash that depends on the settings and on nothing else", () => {
    const hash = (input: object) =>
      planSettingsBlob(planMachineSettings(parseSettings(input))).sha256;
    expect(hash({})).toBe(hash({ machine: { size: "Standard_D2s_v5" } }));
    expect(hash({})).not.toBe(hash({ passivePorts: "50000-50049" }));
    expect(hash({})).not.toBe(hash({ keepaliveSeconds: 30 }));
  });

  it("are written in one order", () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1}]}');
  });
});

describe("image", () => {
  it("is publisher, offer, sku and version", () => {
    expect(parseImage("Canonical:ubuntu-24_04-lts:server:latest").sku).toBe("server");
    expect(() => parseImage("ubuntu:latest")).toThrow(/machine.image.*publisher:offer:sku:version/);
  });
});

describe("command lines", () => {
  it("quote what a shell would read differently", () => {
    expect(joinArguments(["verify", "203.0.113.7", "it's", "a b"])).toBe(
      `verify 203.0.113.7 'it'\\''s' 'a b'`,
    );
  });
});
