/** Logins with client certificates: at USER (232), beside the password, required or optional. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import type { ServerSettingsFile } from "#contract";
import { makeAuthority, type Authority } from "../support/authority.ts";
import type { NamedCertificate } from "../support/named-certificate.ts";
import { isInstalled } from "../support/programs.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

let authority: Authority;
let alice: NamedCertificate;
let camera: NamedCertificate;
let stranger: NamedCertificate;
let expired: NamedCertificate;
beforeAll(async () => {
  authority = await makeAuthority();
  const subject = "CN=alice, O=Partner";
  alice = await authority.issue({ subject });
  expired = await authority.issue({ subject, toDays: -1 });
  camera = await authority.issue({
    subject: "CN=camera",
    names: [{ type: "dns", value: "Camera-7.example" }],
  });
  stranger = await (await makeAuthority("Somebody else")).issue({ subject });
});

type Policy = NonNullable<NonNullable<ServerSettingsFile["tls"]>["clientCertificates"]>;

function start(policy: Policy, certificates: readonly string[]): Promise<TestServer> {
  return startServer({
    tls: true,
    tlsPolicy: {
      clientCertificates: { mode: "optional", authorities: authority.certificate, ...policy },
    },
    certificates: { alice: certificates, machine: ["dns:camera-7.EXAMPLE"] },
    accounts: { alice: "secret", machine: "never sent" },
  });
}

/** Writes settings, which the server then notices. */
function change(server: TestServer, changed: Partial<ServerSettingsFile>): Promise<void> {
  return writeFile(server.settingsFile, JSON.stringify({ ...server.settings, ...changed }));
}

async function open(server: TestServer, shown?: NamedCertificate): Promise<WireClient> {
  const client = await WireClient.open(server.host, server.controlPort);
  await client.reply();
  await client.expect("AUTH TLS", 234);
  await client.secure(shown === undefined ? {} : { cert: shown.certificate, key: shown.key });
  return client;
}

describe("an optional certificate", () => {
  it.each(["subject:CN=alice,O=Partner", "subject:O=Partner, CN=alice"])(
    "logs in at USER the account that names it (%s)",
    async (entry) => {
      await using server = await start({}, [entry]);
      await using client = await open(server, alice);
      await client.expect("USER alice", 232);
      expect(await client.code("PWD")).toBe(257);
      await client.expect("PBSZ 0", 200);
      await client.expect("PROT C", 200);
      expect((await client.download("NLST")).codes).toEqual([150, 226]);
    },
  );

  it("works with implicit TLS, and for an account of a machine", async () => {
    await using server = await start({}, []);
    await using client = await WireClient.openTls(server.host, server.implicitTlsPort, {
      cert: camera.certificate,
      key: camera.key,
    });
    await client.reply();
    await client.expect("USER machine", 232);
    expect(await client.code("PWD")).toBe(257);
  });

  it("of somebody else's, or of nobody's, leaves the password", async () => {
    await using server = await start({}, ["subject:CN=alice,O=Partner"]);
    for (const shown of [camera, stranger, expired, undefined]) {
      await using client = await open(server, shown);
      await client.expect("USER alice", 331);
      expect(await client.code("PASS wrong")).toBe(530);
      await client.expect("USER alice", 331);
      await client.expect("PASS secret", 230);
    }
  });

  it("is not asked of who stays in the clear", async () => {
    await using server = await start({}, ["subject:CN=alice,O=Partner"]);
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
  });

  it("counts by its fingerprint alone, whoever made it", async () => {
    const pin = `sha256:${stranger.fingerprint.toLowerCase()}`;
    await using server = await start({ authorities: "" }, [pin]);
    await using known = await open(server, stranger);
    await known.expect("USER alice", 232);
    await using other = await open(server, alice);
    await other.expect("USER alice", 331);
  });

  it.skipIf(!isInstalled("curl"))("serves curl, which sends no PASS after 232", async () => {
    await using server = await start({}, ["subject:CN=alice,O=Partner"]);
    const [certificateFile, keyFile] = [join(server.folder, "a.pem"), join(server.folder, "a.key")];
    await writeFile(certificateFile, alice.certificate);
    await writeFile(keyFile, alice.key);
    const file = join(server.folder, "up.txt");
    await writeFile(file, "from curl");
    const url = `ftp://127.0.0.1:${String(server.controlPort)}/up.txt`;
    await promisify(execFile)("curl", [
      ...[
        "--silent",
        "--show-error",
        "--insecure",
        "--ssl-reqd",
        "--user",
        "alice:not-the-password",
      ],
      ...["--cert", certificateFile, "--key", keyFile, "--upload-file", file, url],
    ]);
    expect(await readFile(join(server.dataFolder, "up.txt"), "utf8")).toBe("from curl");
  });
});

describe("a second factor", () => {
  it("is needed beside the password, and neither is told from the other", async () => {
    await using server = await start({ secondFactor: true }, ["subject:CN=alice,O=Partner"]);
    await using both = await open(server, alice);
    await both.expect("USER alice", 331);
    const wrong = await both.expect("PASS wrong", 530);
    await both.expect("USER alice", 331);
    await both.expect("PASS secret", 230);
    for (const shown of [camera, undefined]) {
      await using client = await open(server, shown);
      await client.expect("USER alice", 331);
      expect((await client.expect("PASS secret", 530)).text).toBe(wrong.text);
    }
  });
});

describe("a required certificate", () => {
  it("keeps out who shows none that is trusted, and lets the others log in", async () => {
    await using server = await start({ mode: "required" }, []);
    for (const shown of [stranger, expired, undefined]) {
      await using client = await open(server, shown);
      expect(await client.code("USER alice")).toBe(530);
      expect(await client.code("USER anonymous")).toBe(530);
      expect(await client.code("PASS secret")).toBe(503);
    }
    await using plain = await WireClient.open(server.host, server.controlPort);
    await plain.reply();
    expect(await plain.code("USER alice")).toBe(530);
    await using trusted = await open(server, camera);
    await trusted.expect("USER alice", 331);
    await trusted.expect("PASS secret", 230);
  });
});

describe("changed settings", () => {
  it("end the session of a certificate that the account names no more", async () => {
    await using server = await start({}, ["subject:CN=alice,O=Partner"]);
    await using client = await open(server, alice);
    await client.expect("USER alice", 232);
    const { accounts = [] } = server.settings;
    await change(server, { accounts: accounts.map((each) => ({ ...each, certificates: [] })) });
    await expect.poll(() => client.code("PWD")).toBe(421);
  });

  it.each([
    [{ authorities: "nonsense" }, "is not a list of PEM certificates"],
    [{ authoritiesFile: "nowhere.pem" }, "does not exist"],
    [{ mode: "sometimes" }, "clientCertificates.mode"],
  ])("that are wrong are refused: %j", async (policy, problem) => {
    await using server = await start({}, []);
    const clientCertificates = { mode: "optional", ...policy } as Policy;
    await change(server, { tls: { ...server.settings.tls, clientCertificates } });
    expect((await server.logged("settingsRefused"))["problem"]).toContain(problem);
  });
});
