/** What production demands and what may be given instead of made, each with the fix in words. */
import { describe, expect, it } from "vitest";
import { parseSettings, type SettingsInput } from "#contract";
import { findingsOf } from "../support/findings.ts";
import { PRODUCTION } from "../support/production.ts";

const NETWORK =
  "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shared/providers/Microsoft.Network/virtualNetworks/hub";
const SUBNET = `${NETWORK}/subnets/ftp`;

describe("production", () => {
  it("accepts what it demands, with backup and alerts on by themselves", () => {
    const { backup, monitoring } = parseSettings(PRODUCTION);
    expect({ backup: backup.enabled, alerts: monitoring.enabled }).toEqual({
      backup: true,
      alerts: true,
    });
    const dev = parseSettings({});
    expect([dev.backup.enabled, dev.monitoring.enabled]).toEqual([false, false]);
  });

  it.each<readonly [string, SettingsInput, string, RegExp]>([
    [
      "a certificate of its own making",
      { certificate: { kind: "selfSigned" } },
      "certificate.kind",
      /set certificate\.kind to keyVault/,
    ],
    [
      "a key vault without a secret",
      { certificate: {} },
      "certificate.keyVaultSecretId",
      /https:\/\/VAULT\.vault\.azure\.net\/secrets\/NAME/,
    ],
    ["everybody as clients", { clientCidrs: [] }, "clientCidrs", /list the clients' blocks/],
    ["the latest image", { machine: {} }, "machine.image", /az vm image list/],
    ["no backup", { backup: { mode: "off" } }, "backup.mode", /set it to on/],
    ["no alerts", { monitoring: { mode: "off" } }, "monitoring.mode", /set it to on/],
  ])("refuses %s and says what to write", (_, change, setting, fix) => {
    const findings = findingsOf({ ...PRODUCTION, ...change });
    expect(findings.map((finding) => finding.setting)).toEqual([setting]);
    expect(findings[0]?.fix).toMatch(fix);
    expect(findings[0]?.value).not.toBe("");
  });
});

describe("what is given instead of made", () => {
  it.each<readonly [string, SettingsInput, string]>([
    ["a name", { network: { subnetId: "ftp" } }, "network.subnetId"],
    ["an id of a network", { network: { subnetId: NETWORK } }, "network.subnetId"],
    ["an id of a subnet", { network: { virtualNetworkId: SUBNET } }, "network.virtualNetworkId"],
    ["a zone's name", { dns: { zoneId: "example.com" } }, "dns.zoneId"],
    ["a workspace's GUID", { monitoring: { workspaceId: "1111" } }, "monitoring.workspaceId"],
    [
      "a vault's URL",
      { certificate: { keyVaultResourceId: "https://x.vault.azure.net" } },
      "certificate.keyVaultResourceId",
    ],
  ])("is not %s", (_, input, setting) => {
    const [finding, ...others] = findingsOf(input);
    expect(others).toEqual([]);
    expect(finding?.setting).toBe(setting);
    expect(finding?.fix).toMatch(/write \/subscriptions\/SUBSCRIPTION\/resourceGroups\/GROUP\//);
  });

  it("is one of network and subnet, not both", () => {
    const input = { network: { subnetId: SUBNET, virtualNetworkId: NETWORK } };
    expect(findingsOf(input).map(({ setting }) => setting)).toEqual(["network.virtualNetworkId"]);
    expect(findingsOf({ network: { subnetId: SUBNET } })).toEqual([]);
    expect(findingsOf({ network: { virtualNetworkId: NETWORK } })).toEqual([]);
  });
});

describe("Bastion", () => {
  const sshPublicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ada";

  it.each<readonly [string, SettingsInput, RegExp]>([
    ["without a key", { bastion: { mode: "basic" } }, /nobody who could log in/],
    [
      "in too small a subnet",
      { bastion: { mode: "basic", sshPublicKey, subnetCidr: "10.20.2.0/27" } },
      /smaller than Azure takes/,
    ],
    [
      "in the machine's subnet",
      { bastion: { mode: "basic", sshPublicKey, subnetCidr: "10.20.1.0/26" } },
      /overlaps network\.subnetCidr/,
    ],
    [
      "outside the network",
      { bastion: { mode: "basic", sshPublicKey, subnetCidr: "10.99.0.0/26" } },
      /outside network\.virtualNetworkCidr/,
    ],
    [
      "beside a given subnet",
      { bastion: { mode: "basic", sshPublicKey }, network: { subnetId: SUBNET } },
      /needs a subnet of its own/,
    ],
  ])("is refused %s", (_, input, problem) => {
    const findings = findingsOf(input);
    expect(findings).toHaveLength(1);
    expect(findings[0]?.problem).toMatch(problem);
  });
});

describe("a value of the wrong type", () => {
  it.each([
    [{ implicitTlsPort: "off" }, /^implicitTlsPort: "off" .*0 to switch it off\.$/],
    [
      { clientCidrs: "198.51.100.0/24,192.0.2.0/24" },
      /is not a list; .*pulumi config set --path 'clientCidrs\[0\]' 198\.51\.100\.0\/24 && pulumi config set --path 'clientCidrs\[1\]' 192\.0\.2\.0\/24/,
    ],
    [{ activeMode: "yes" }, /write true or false/],
    [{ controlPort: "21a" }, /write a whole number/],
    [{ tls: "strict" }, /pulumi config set --path 'tls\.NAME' VALUE/],
    [{ environment: "production" }, /write dev, prod/],
  ])("%o is answered with the fix", (input, words) => {
    const [finding, ...others] = findingsOf(input);
    expect(others).toEqual([]);
    const { setting, value, problem, fix } = finding ?? {};
    expect(`${setting}: ${value} ${problem}; ${fix}.`).toMatch(words);
  });
});
