import { X509Certificate } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isBuilt } from "../../scripts/go-tools.mjs";
import { startAzure, type AzureDouble } from "./azure-double.ts";
import { makeMachine, ordered, recordName, recordSetId, ZONE, type RunResult } from "./machine.ts";
import { startPebble, type Pebble } from "./pebble.ts";

const events = ({ records }: RunResult) => records.map(({ event }) => event);
const recordOf = ({ records }: RunResult, name: string) =>
  records.find(({ event }) => event === name);

/** CI requires every level: there, a missing authority is a failure. */
const required = process.env["GANGWAY_REQUIRE_ALL_LEVELS"] === "1";

describe.skipIf(!required && !isBuilt("pebble"))(
  "the certificate agent and a real authority (node scripts/go-tools.mjs builds it)",
  () => {
    let pebble: Pebble;
    let azure: AzureDouble;

    beforeAll(async () => {
      pebble = await startPebble();
      azure = await startAzure(pebble, recordName);
    });
    afterAll(async () => {
      await azure[Symbol.asyncDispose]();
      await pebble[Symbol.asyncDispose]();
    });

    it("orders a certificate, stores it in the vault and orders none again", async () => {
      await using machine = await makeMachine({ azure, pebble });
      const names = [`ftp.${ZONE}`, `files.${ZONE}`];
      const certificates = [ordered(azure, "server", names)];

      const first = await machine.run(certificates);
      expect(first).toMatchObject({ exitCode: 0, errors: "" });
      expect(events(first)).toEqual(["certificateRenewed", "certificatesChecked"]);

      const pem = await machine.read("server");
      const leaf = new X509Certificate(pem);
      expect(names.map((name) => leaf.checkHost(name))).toEqual(names);
      const chain = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
      expect(chain.length).toBeGreaterThan(1);
      const root = new X509Certificate(await pebble.root());
      expect(new X509Certificate(chain.at(-1) ?? "").verify(root.publicKey)).toBe(true);
      expect(azure.secrets.get("acme-server")?.value).toBe(pem);
      expect((await stat(join(machine.folder, "server.pem"))).mode & 0o777).toBe(0o640);
      // The record set stays, as the stack made it; nothing of the challenge is left.
      expect(azure.records.get(recordSetId("_acme-challenge.ftp"))).toEqual(["gangway"]);

      const second = await machine.run(certificates);
      expect(events(second)).toEqual(["certificatesChecked"]);
      expect(await machine.read("server")).toBe(pem);
    });

    it("answers for a name and its wildcard with one record set", async () => {
      await using machine = await makeMachine({ azure, pebble });
      const names = [`wild.${ZONE}`, `*.wild.${ZONE}`];
      const result = await machine.run([ordered(azure, "wild", names)]);
      expect(events(result)).toEqual(["certificateRenewed", "certificatesChecked"]);
      expect(new X509Certificate(await machine.read("wild")).subjectAltName).toContain("*.wild");
    });

    it("follows a delegation by CNAME, and says which one is missing", async () => {
      await using machine = await makeMachine({ azure, pebble });
      const partner = ordered(azure, "partner", ["ftp.partner.example.org"]);
      const missing = await machine.run([partner]);
      expect(missing.exitCode).toBe(1);
      expect(recordOf(missing, "certificateFailed")).toMatchObject({
        certificate: "partner",
        kind: "dns",
        fix: `have the owner of ftp.partner.example.org add: _acme-challenge.ftp.partner.example.org. CNAME _acme-challenge.ftp.partner.example.org.${ZONE}.`,
      });

      await pebble.manageDns("set-cname", {
        host: "_acme-challenge.ftp.partner.example.org.",
        target: `_acme-challenge.ftp.partner.example.org.${ZONE}.`,
      });
      const delegated = await machine.run([partner], "--now");
      expect(events(delegated)).toEqual(["certificateRenewed", "certificatesChecked"]);
    });

    it("gives a new machine the vault's certificate instead of a new order", async () => {
      await using old = await makeMachine({ azure, pebble });
      const certificates = [ordered(azure, "moved", [`moved.${ZONE}`])];
      await old.run(certificates);
      await using fresh = await makeMachine({ azure, pebble });
      const result = await fresh.run(certificates);
      expect(recordOf(result, "certificateDelivered")).toMatchObject({ from: "vault" });
      expect(await fresh.read("moved")).toBe(await old.read("moved"));
    });

    it("orders anew when the names change", async () => {
      await using machine = await makeMachine({ azure, pebble });
      await machine.run([ordered(azure, "grown", [`one.${ZONE}`])]);
      const before = await machine.read("grown");
      const result = await machine.run([ordered(azure, "grown", [`one.${ZONE}`, `two.${ZONE}`])]);
      expect(events(result)).toContain("certificateRenewed");
      const after = await machine.read("grown");
      expect(after).not.toBe(before);
      expect(new X509Certificate(after).checkHost(`two.${ZONE}`)).toBe(`two.${ZONE}`);
    });

    it("renews when the authority advises it, before a third of the life is left", async () => {
      await using machine = await makeMachine({ azure, pebble });
      const certificates = [ordered(azure, "advised", [`advised.${ZONE}`])];
      await machine.run(certificates);
      const before = await machine.read("advised");
      const leaf = new X509Certificate(before).toString();
      await pebble.setRenewalWindow(leaf, new Date(Date.now() - 2000), new Date(Date.now() - 1000));
      const result = await machine.run(certificates);
      expect(events(result)).toEqual(["certificateRenewed", "certificatesChecked"]);
      expect(await machine.read("advised")).not.toBe(before);
    });

    it("waits for role assignments that take their time", async () => {
      await using machine = await makeMachine({ azure, pebble });
      azure.refuse(3);
      const result = await machine.run([ordered(azure, "patient", [`patient.${ZONE}`])]);
      expect(result.exitCode).toBe(0);
    });

    it("keeps what was issued when the vault does not take it, and stores it later", async () => {
      await using machine = await makeMachine({ azure, pebble });
      const certificates = [ordered(azure, "unstored", [`unstored.${ZONE}`])];
      azure.vaultIsFull = true;
      const first = await machine.run(certificates);
      azure.vaultIsFull = false;
      expect(first.exitCode).toBe(0);
      expect(recordOf(first, "certificateFailed")).toMatchObject({ kind: "vault" });
      const pem = await machine.read("unstored");
      const second = await machine.run(certificates);
      expect(events(second)).toEqual(["certificatesChecked"]);
      expect(azure.secrets.get("acme-unstored")?.value).toBe(pem);
    });

    it("pauses after a failure, unless somebody waits, and keeps the certificate in force", async () => {
      await using machine = await makeMachine({ azure, pebble });
      await machine.run([ordered(azure, "paused", [`paused.${ZONE}`])]);
      const before = await machine.read("paused");
      // The authority refuses this one for good.
      const refused = [ordered(azure, "paused", [`paused.${ZONE}`, "blocked.example.net"])];
      const first = await machine.run(refused);
      expect(first.exitCode).toBe(0);
      const failed = recordOf(first, "certificateFailed");
      expect(failed).toMatchObject({ kind: "acme", certificate: "paused" });
      expect(String(failed?.["problem"])).toMatch(/rejectedIdentifier/);
      expect(Date.parse(String(failed?.["nextAttempt"]))).toBeGreaterThan(Date.now());

      const second = await machine.run(refused);
      expect(events(second)).toEqual(["certificatePostponed", "certificatesChecked"]);
      const third = await machine.run(refused, "--now");
      expect(events(third)).toEqual(["certificateFailed", "certificatesChecked"]);
      const [one, two] = [first, third].map((result) =>
        Date.parse(String(recordOf(result, "certificateFailed")?.["nextAttempt"])),
      );
      expect((two ?? 0) - (one ?? 0)).toBeGreaterThan(30 * 60 * 1000);
      expect(await machine.read("paused")).toBe(before);
    });

    it("writes no key and no token into its log", async () => {
      await using machine = await makeMachine({ azure, pebble });
      const result = await machine.run([ordered(azure, "quiet", [`quiet.${ZONE}`])]);
      const log = JSON.stringify(result);
      const [, key = ""] =
        /PRIVATE KEY-----\n(\S+)/.exec(azure.secrets.get("acme-account")?.value ?? "") ?? [];
      expect(key).not.toBe("");
      expect(log).not.toContain(key);
      expect(log).not.toContain("PRIVATE KEY");
      expect(await readFile(join(machine.stateFolder, "status.json"), "utf8")).not.toContain(key);
    });

    it("orders from another authority as soon as the settings name it", async () => {
      await using other = await startPebble();
      await using zone = await startAzure(other, recordName);
      await using machine = await makeMachine({ azure: zone, pebble: other });
      const certificates = [ordered(zone, "staged", [`staged.${ZONE}`])];
      await machine.run(certificates);
      const before = await machine.read("staged");
      const file = join(machine.stateFolder, "status.json");
      const status = await readFile(file, "utf8");
      expect(status).toContain(other.directoryUrl);
      // What stands there after a trial at a staging area, whose certificate lies under another name.
      await writeFile(file, status.replaceAll(other.directoryUrl, "https://staging.example/dir"));
      zone.secrets.delete("acme-staged");
      expect(events(await machine.run(certificates))).toContain("certificateRenewed");
      expect(await machine.read("staged")).not.toBe(before);
    });

    it("orders another when the file is broken and the vault has none", async () => {
      await using machine = await makeMachine({ azure, pebble });
      const certificates = [ordered(azure, "broken", [`broken.${ZONE}`])];
      await writeFile(join(machine.folder, "broken.pem"), "nonsense");
      const result = await machine.run(certificates);
      expect(events(result)).toContain("certificateRenewed");
    });
  },
);

describe.skipIf(!required && !isBuilt("pebble"))("an authority that knows its customers", () => {
  const KEYS = { "customer-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W" };

  it("is given the external account, and named when it is missing", async () => {
    await using pebble = await startPebble({ externalAccounts: KEYS });
    await using azure = await startAzure(pebble, recordName);
    azure.secrets.set("external-account", { value: KEYS["customer-1"] });
    const certificates = [ordered(azure, "server", [`ftp.${ZONE}`])];

    await using stranger = await makeMachine({ azure, pebble });
    const refused = await stranger.run(certificates);
    expect(refused.exitCode).toBe(1);
    expect(String(recordOf(refused, "certificateFailed")?.["problem"])).toMatch(
      /externalAccountRequired/,
    );

    const externalAccountKeyId = "customer-1";
    await using customer = await makeMachine({ azure, pebble, externalAccountKeyId });
    expect(events(await customer.run(certificates))).toContain("certificateRenewed");
  });

  it("has a short-lived certificate renewed at a third of its life", async () => {
    await using pebble = await startPebble({ validSeconds: 12 });
    await using azure = await startAzure(pebble, recordName);
    await using machine = await makeMachine({ azure, pebble });
    const certificates = [ordered(azure, "server", [`ftp.${ZONE}`])];
    await machine.run(certificates);
    const before = new X509Certificate(await machine.read("server"));
    const due = before.validToDate.getTime() - 4000;
    await new Promise((resolve) => setTimeout(resolve, Math.max(due - Date.now(), 0) + 500));
    const result = await machine.run(certificates);
    expect(events(result)).toContain("certificateRenewed");
  });
});
