/** The guest firewall as nftables lists it: written as text, loaded, read back as JSON. */
import { expect, it } from "vitest";
import type { Value } from "../../lab/cloud/values.ts";
import { openGuestPorts } from "../../lab/network/guest-firewall.ts";
import { mustRun } from "../../lab/programs.ts";
import { CLIENT_ADDRESS, enterPlace } from "../../lab/network/namespaces.ts";
import { describeNetwork, openLabNetwork } from "../support/network-level.ts";

async function openPorts(rules: readonly string[], client: string = CLIENT_ADDRESS) {
  await using lab = await openLabNetwork();
  const inside = enterPlace(lab.folder, { kind: "client" });
  const chain = "type filter hook input priority filter; policy drop;";
  const text = `table inet guest {\nchain input {\n${chain}\n${rules.join("\n")}\n}\n}\n`;
  await mustRun([...inside, "nft", "-f", "-"], text);
  const listing = await mustRun([...inside, "nft", "--json", "list", "ruleset"]);
  return openGuestPorts(JSON.parse(listing) as Value, client);
}

const port = (first: number, last = first) => ({ first, last });

describeNetwork("the guest firewall, read back", () => {
  it("has the ports that its rules accept", async () => {
    const rules = [
      "ct state established,related accept",
      'iifname "lo" accept',
      "meta l4proto { icmp, ipv6-icmp } accept",
      "ip saddr 168.63.129.16 udp dport 68 accept",
      "tcp dport 21 accept",
      "ip saddr 198.51.100.0/24 tcp dport 50000-50099 accept",
      "ip saddr { 192.0.2.1, 192.0.2.9 } tcp dport { 8021, 8023-8025 } accept",
    ];
    expect(await openPorts(rules)).toEqual([port(21), port(50_000, 50_099)]);
    expect(await openPorts(rules, "192.0.2.9")).toEqual([port(21), port(8021), port(8023, 8025)]);
  });

  it("follows the order of the rules", async () => {
    const rules = ["tcp dport 50010 drop", "ip saddr 0.0.0.0/0 tcp dport 50000-50019 accept"];
    expect(await openPorts(rules)).toEqual([port(50_000, 50_009), port(50_011, 50_019)]);
  });
});
