import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  certificateAgentSchema,
  deploy,
  parseSettings,
  parseWith,
  planCertificates,
  planServerSettings,
  siteCertificateName,
  type CertificateAgentSettings,
  type SettingsInput,
} from "#contract";
import { planDelegations, planKeyVaultExtension } from "../../infra/plan/certificates.ts";
import type { EvaluationResult } from "../../lab/engine/evaluate.ts";
import { Evaluator } from "../../lab/engine/evaluator.ts";
import { findingsOf } from "../support/findings.ts";
import { evaluateProgram, resourceOf } from "../support/program.ts";

const SHARED = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/shared";
const ZONE_ID = `${SHARED}/providers/Microsoft.Network/dnszones/example.net`;
const VAULT_ID = `${SHARED}/providers/Microsoft.KeyVault/vaults/partners`;

/** One certificate of each kind. */
const MIXED: SettingsInput = {
  probe: { mode: "off" },
  acme: { termsOfServiceAgreed: true, zoneId: ZONE_ID },
  certificate: { kind: "selfSigned" },
  sites: [
    { name: "default", bindings: [{ hostName: "" }, { hostName: "shared.example.net" }] },
    {
      name: "ftp.example.net",
      certificate: { kind: "acme", hostNames: ["*.ftp.example.net", "ftp.partner.example"] },
    },
    {
      name: "files.example.org",
      certificate: {
        kind: "keyVault",
        keyVaultSecretId: "https://partners.vault.azure.net/secrets/files",
        keyVaultResourceId: VAULT_ID,
      },
    },
    { name: "test.example.org", certificate: { kind: "selfSigned" } },
  ],
};

describe("a stack with certificates of every kind", () => {
  let evaluator: Evaluator;
  let result: EvaluationResult;

  beforeAll(async () => {
    evaluator = new Evaluator();
    result = await evaluateProgram(evaluator, MIXED);
  });
  afterAll(() => evaluator[Symbol.asyncDispose]());

  it("makes self-signed ones, and keeps each in the stack's own vault", () => {
    const made = result.resources.filter(
      ({ type, name }) => type === "command:local:Command" && /^certificate/.test(name),
    );
    const secrets = result.resources
      .filter(({ type }) => type === "azure-native:keyvault:Secret")
      .map(({ name }) => name);
    expect(made).toHaveLength(2);
    expect(secrets.filter((name) => name.startsWith("certificate-secret"))).toHaveLength(2);
  });

  it("gives the machine rights on its own vault, the partner's, and single record sets only", () => {
    const roles = result.resources
      .filter(({ type }) => type === "azure-native:authorization:RoleAssignment")
      .map(({ name }) => name);
    expect(roles).toContain("read-certificate");
    expect(roles).toContain("store-certificates");
    expect(roles).toContain("answer-challenge-ftp.example.net");
    expect(roles).toContain("answer-challenge-ftp.partner.example");
    const foreign = result.resources.filter(({ inputs }) => inputs["scope"] === VAULT_ID);
    expect(foreign.map(({ inputs }) => inputs["roleDefinitionId"])).toEqual([
      expect.stringContaining("4633458b-17de-408a-b874-0445c86b69e6"),
    ]);
    expect(result.resources.some(({ inputs }) => inputs["scope"] === ZONE_ID)).toBe(false);
  });

  it("makes one record set for a name and its wildcard", () => {
    const records = result.resources
      .filter(({ type }) => type === "azure-native:dns:RecordSet")
      .map(({ inputs }) => [inputs["zoneName"], inputs["relativeRecordSetName"]]);
    expect(records.toSorted()).toEqual([
      ["example.net", "_acme-challenge.ftp"],
      ["example.net", "_acme-challenge.ftp.partner.example"],
    ]);
  });

  it("installs the extension for the certificate that somebody else renews", () => {
    const { inputs } = resourceOf(result, "azure-native:compute:VirtualMachineExtension");
    expect(inputs).toMatchObject({
      publisher: "Microsoft.Azure.KeyVault",
      type: "KeyVaultForLinux",
      typeHandlerVersion: "3.0",
    });
  });

  it("delivers references only: no key and no certificate", () => {
    const text = JSON.stringify(
      resourceOf(result, "azure-native:compute:VirtualMachineRunCommandByVirtualMachine").inputs,
    );
    expect(text).not.toContain("PRIVATE KEY");
  });
});

describe("the names that certificates cover", () => {
  it("are those of their sites, and of the machine where no authority is asked", () => {
    const settings = parseSettings(MIXED);
    const assigned = { publicAddress: "203.0.113.9", fqdn: "x.westeurope.cloudapp.azure.com" };
    expect(deploy(settings, assigned).certificateNames).toEqual([
      "shared.example.net",
      "x.westeurope.cloudapp.azure.com",
      "203.0.113.9",
    ]);
    const ordered = parseSettings({ ...MIXED, certificate: { kind: "acme" } });
    expect(deploy(ordered, assigned).certificateNames).toEqual(["shared.example.net"]);
    expect(planCertificates(settings).map(({ kind, hostNames }) => [kind, ...hostNames])).toEqual([
      ["selfSigned", "shared.example.net"],
      ["acme", "ftp.example.net", "*.ftp.example.net", "ftp.partner.example"],
      ["keyVault", "files.example.org"],
      ["selfSigned", "test.example.org"],
    ]);
  });

  it("lead to files of their own, however alike the sites are called", () => {
    const names = ["a.b", "a-b", "A.B", "ä", "ö"].map(siteCertificateName);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9-]{1,60}$/);
  });
});

describe("what the machine is told", () => {
  it("is valid for the agent, and the server's settings name the same files", async () => {
    const { planCertificateAgent } = await import("../../infra/plan/certificates.ts");
    const settings = parseSettings(MIXED);
    const agent: CertificateAgentSettings = parseWith(
      certificateAgentSchema,
      planCertificateAgent(settings, {
        identityClientId: "00000000-0000-0000-0000-000000000002",
        vaultUri: "https://own.vault.azure.net/",
        secretIds: { server: "https://own.vault.azure.net/secrets/certificate/1" },
        accountKeySecretId: "https://own.vault.azure.net/secrets/acme-account-key/1",
        externalAccountKeySecretId: undefined,
      }),
    );
    const server = planServerSettings(settings, {
      certificatesFolder: "certificates",
      dataFolder: "/srv",
      logFolder: "../../var/log",
    });
    const files = [
      server.tls?.certificateFile,
      ...(server.sites ?? []).map((s) => s.certificateFile),
    ];
    expect(files.filter((file) => file !== undefined).toSorted()).toEqual(
      agent.certificates.map(({ name }) => `certificates/${name}.pem`).toSorted(),
    );
    const ordered = agent.certificates.find(({ source }) => source.kind === "acme");
    expect(ordered?.source).toMatchObject({
      hostNames: ["ftp.example.net", "*.ftp.example.net", "ftp.partner.example"],
      challenges: [
        { hostName: "ftp.example.net", recordName: "_acme-challenge.ftp.example.net" },
        {
          hostName: "ftp.partner.example",
          recordName: "_acme-challenge.ftp.partner.example.example.net",
          recordSetId: `${ZONE_ID}/TXT/_acme-challenge.ftp.partner.example`,
        },
      ],
    });
    expect(planDelegations(settings)).toEqual([
      "_acme-challenge.ftp.partner.example. CNAME _acme-challenge.ftp.partner.example.example.net.",
    ]);
  });

  it("leaves a certificate alone that is pinned to a version", () => {
    const pinned = parseSettings({
      certificate: {
        kind: "keyVault",
        keyVaultSecretId:
          "https://example.vault.azure.net/secrets/ftp/0123456789abcdef0123456789abcdef",
      },
    });
    expect(planKeyVaultExtension(pinned, "id")).toBeUndefined();
  });
});

describe("settings of certificates", () => {
  it.each<readonly [string, SettingsInput, string, RegExp]>([
    [
      "an ordered one without a name",
      { certificate: { kind: "acme" }, acme: { termsOfServiceAgreed: true, zoneId: ZONE_ID } },
      "certificate.hostNames",
      /ftp\.example\.com/,
    ],
    [
      "an ordered one with a name that nobody certifies",
      {
        certificate: { kind: "acme", hostNames: ["localhost"] },
        acme: { termsOfServiceAgreed: true, zoneId: ZONE_ID },
      },
      "certificate.hostNames",
      /names in DNS/,
    ],
    [
      "terms of service that nobody has agreed to",
      { certificate: { kind: "acme", hostNames: ["ftp.example.net"] }, acme: { zoneId: ZONE_ID } },
      "acme.termsOfServiceAgreed",
      /set it to true/,
    ],
    [
      "challenges without a zone",
      {
        certificate: { kind: "acme", hostNames: ["ftp.example.net"] },
        acme: { termsOfServiceAgreed: true },
      },
      "acme.zoneId",
      /az network dns zone show/,
    ],
    [
      "a site's vault without a secret",
      { sites: [{ name: "ftp.example.net", certificate: { kind: "keyVault" } }] },
      "sites (ftp.example.net).certificate.keyVaultSecretId",
      /https:\/\/VAULT\.vault/,
    ],
  ])("refuse %s", (_, input, setting, fix) => {
    const findings = findingsOf(input);
    expect(findings.map((finding) => finding.setting)).toEqual([setting]);
    expect(findings[0]?.fix).toMatch(fix);
  });
});
