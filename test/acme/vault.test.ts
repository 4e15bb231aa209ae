/** Certificates that lie in a vault: the agent, a vault on loopback, and a server that reads along. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, stat, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CertificateAgentFile } from "#contract";
import { makeNamedCertificate, type NamedCertificate } from "../support/named-certificate.ts";
import { isInstalled } from "../support/programs.ts";
import { startServer } from "../support/server.ts";
import { startAzure, type AzureDouble } from "./azure-double.ts";
import { makeMachine, type RunResult } from "./machine.ts";

const events = ({ records }: RunResult) => records.map(({ event }) => event);
const pemOf = ({ certificate, key }: NamedCertificate) => `${key}\n${certificate}\n`;
const named = (name: string) => makeNamedCertificate({ names: [name] });

describe("the certificate agent and a vault", () => {
  let azure: AzureDouble;

  beforeAll(async () => {
    azure = await startAzure(undefined);
  });
  afterAll(() => azure[Symbol.asyncDispose]());

  const fromVault = (
    name: string,
    storeFile?: string,
  ): CertificateAgentFile["certificates"][number] => ({
    name,
    source: {
      kind: "secret",
      secretId: `${azure.url}/secrets/${name}`,
      ...(storeFile === undefined ? {} : { storeFile }),
    },
  });

  it("puts chain before key, whatever the order, and writes only what is new", async () => {
    await using machine = await makeMachine({ azure });
    const made = await named("ftp.example.org");
    azure.secrets.set("ordered", { value: pemOf(made) });
    const first = await machine.run([fromVault("ordered")], "--now");
    expect(events(first)).toEqual(["certificateDelivered", "certificatesChecked"]);
    const text = await machine.read("ordered");
    expect(text.indexOf("BEGIN CERTIFICATE")).toBeLessThan(text.indexOf("PRIVATE KEY"));
    const before = await stat(join(machine.folder, "ordered.pem"));
    const second = await machine.run([fromVault("ordered")]);
    expect(events(second)).toEqual(["certificatesChecked"]);
    expect((await stat(join(machine.folder, "ordered.pem"))).ino).toBe(before.ino);
  });

  it.skipIf(!isInstalled("openssl"))("reads PKCS #12, as the portal imports it", async () => {
    await using machine = await makeMachine({ azure });
    const made = await named("pfx.example.org");
    const pkcs12 = execFileSync("openssl", ["pkcs12", "-export", "-passout", "pass:"], {
      input: pemOf(made),
    });
    azure.secrets.set("pfx", {
      value: pkcs12.toString("base64"),
      contentType: "application/x-pkcs12",
    });
    expect((await machine.run([fromVault("pfx")])).exitCode).toBe(0);
    expect(await machine.read("pfx")).toContain(made.certificate.trim());
  });

  it("takes what the extension has brought, and asks the vault when that seems to have stopped", async () => {
    await using machine = await makeMachine({ azure });
    const store = join(machine.folder, "store");
    await mkdir(store);
    const link = join(store, "watched");
    const [old, renewed, ending] = await Promise.all([
      named("old.example.org"),
      named("renewed.example.org"),
      makeNamedCertificate({ names: ["ending.example.org"], fromDays: -80, toDays: 5 }),
    ]);
    azure.secrets.set("watched", { value: pemOf(old) });
    const certificates = [fromVault("watched", link)];
    await machine.run(certificates, "--now");
    expect(await machine.read("watched")).toContain(old.certificate.trim());

    await writeFile(join(store, "version-2"), pemOf(renewed));
    await symlink("version-2", link);
    const result = await machine.run(certificates);
    expect(result.records[0]).toMatchObject({ event: "certificateDelivered", from: "extension" });
    expect(await machine.read("watched")).toContain(renewed.certificate.trim());

    await unlink(link);
    await writeFile(link, pemOf(ending));
    await machine.run(certificates);
    expect(await machine.read("watched")).toContain(old.certificate.trim());
  });

  it.each<readonly [string, string | undefined, string, RegExp]>([
    ["is not there", undefined, "vault", /check the URI/],
    ["is no certificate", "hello", "certificate", /exportable/],
  ])("says what to do about a secret that %s, and fails", async (_, value, kind, fix) => {
    await using machine = await makeMachine({ azure });
    if (value === undefined) azure.secrets.delete("wrong");
    else azure.secrets.set("wrong", { value });
    const result = await machine.run([fromVault("wrong")], "--now");
    expect(result.exitCode).toBe(1);
    const [failed] = result.records;
    expect(failed).toMatchObject({ event: "certificateFailed", certificate: "wrong", kind });
    expect(String(failed?.["fix"])).toMatch(fix);
  });

  it("refuses a certificate whose key is another's, and keeps the one in force", async () => {
    await using machine = await makeMachine({ azure });
    const [good, other] = await Promise.all([named("a.example.org"), named("b.example.org")]);
    azure.secrets.set("mixed", { value: pemOf(good) });
    await machine.run([fromVault("mixed")]);
    azure.secrets.set("mixed", { value: `${good.key}\n${other.certificate}` });
    const result = await machine.run([fromVault("mixed")]);
    expect(result.exitCode).toBe(0);
    expect(result.records[0]).toMatchObject({ event: "certificateFailed", kind: "certificate" });
    expect(await machine.read("mixed")).toContain(good.certificate.trim());
  });

  it("raises an alarm for one that ends soon", async () => {
    await using machine = await makeMachine({ azure });
    const ending = await makeNamedCertificate({
      names: ["ending.example.org"],
      fromDays: -80,
      toDays: 5,
    });
    azure.secrets.set("ending", { value: pemOf(ending) });
    const result = await machine.run([fromVault("ending")]);
    expect(result.exitCode).toBe(0);
    expect(events(result)).toContain("certificateExpiring");
  });

  it("removes what nobody declares any more, but not while a delivery is under way", async () => {
    await using machine = await makeMachine({ azure });
    azure.secrets.set("kept", { value: pemOf(await named("kept.example.org")) });
    await writeFile(join(machine.folder, "gone.pem"), "");
    await machine.run([fromVault("kept")], "--now");
    expect(await readdir(machine.folder)).toContain("gone.pem");
    await machine.run([fromVault("kept")]);
    expect(await readdir(machine.folder)).toEqual(["kept.pem"]);
  });

  it("renews under a server that goes on serving the sessions it has", async () => {
    await using machine = await makeMachine({ azure });
    const [first, second] = await Promise.all([named("127.0.0.1"), named("127.0.0.1")]);
    azure.secrets.set("server", { value: pemOf(first) });
    await machine.run([fromVault("server")], "--now");
    await using server = await startServer({
      tls: true,
      settings: {
        tls: { controlPolicy: "allow", certificateFile: join(machine.folder, "server.pem") },
      },
    });
    const port = server.implicitTlsPort;
    const fingerprintNow = async () => {
      const socket = connectTls({ port, host: server.host, rejectUnauthorized: false });
      await once(socket, "secureConnect");
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.destroy();
      return fingerprint256;
    };
    const session = connectTls({ port, host: server.host, rejectUnauthorized: false });
    await once(session, "data");
    expect(await fingerprintNow()).toBe(first.fingerprint);

    azure.secrets.set("server", { value: pemOf(second) });
    await machine.run([fromVault("server")]);
    await server.logged("settingsReloaded");
    expect(await fingerprintNow()).toBe(second.fingerprint);
    session.write("NOOP\r\n");
    const [reply] = (await once(session, "data")) as [Buffer];
    expect(reply.toString()).toMatch(/^200/);
    session.destroy();
  });

  it("does not run without settings, and says how", async () => {
    const entry = join(import.meta.dirname, "../../certificates/main.ts");
    const run = (...args: string[]) => {
      try {
        execFileSync(process.execPath, [entry, ...args], { stdio: "pipe" });
        return { status: 0, stderr: "" };
      } catch (error) {
        const { status, stderr } = error as { readonly status: number; readonly stderr: Buffer };
        return { status, stderr: stderr.toString() };
      }
    };
    expect(run()).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/--settings is missing/),
    });
    const absent = run("--settings", "/nowhere/certificates.json");
    expect(absent).toMatchObject({ status: 2, stderr: expect.stringMatching(/nowhere.*ENOENT/) });
    expect(absent.stderr).not.toMatch(/\n\s+at /);
  });
});
