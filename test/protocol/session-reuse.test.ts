/** `tls.sessionReuse: require`: data connections prove that they belong to their control connection. */
import { execFile } from "node:child_process";
import { constants, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isInstalled } from "../support/programs.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

const run = promisify(execFile);
const VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;

let server: TestServer;
const content = randomBytes(3_000_001);

beforeAll(async () => {
  server = await startServer({ tls: true, tlsPolicy: { sessionReuse: "require" } });
  writeFileSync(join(server.folder, "local.bin"), content);
});
afterAll(() => server[Symbol.asyncDispose]());

const stored = (name: string): Buffer => readFileSync(join(server.dataFolder, name));

async function login(options: ConnectionOptions): Promise<WireClient> {
  const client = await WireClient.openTls(server.host, server.implicitTlsPort, options);
  await client.login();
  return client;
}

/** Uploads over a data connection with that session; the last reply's code. */
async function upload(
  client: WireClient,
  session: Buffer | undefined,
  options: ConnectionOptions,
): Promise<number> {
  const socket = await client.openData();
  expect((await client.command("STOR wire.bin")).code).toBe(150);
  const secured = connectTls({
    socket,
    // The server name is part of a session; an address has none.
    host: server.host,
    rejectUnauthorized: false,
    ...options,
    ...(session === undefined ? {} : { session }),
  });
  secured.on("error", () => undefined);
  await once(secured, "secureConnect");
  secured.end(content);
  secured.resume();
  return (await client.reply()).code;
}

describe.each(VERSIONS)("%s", (version) => {
  const only = { minVersion: version, maxVersion: version };

  it("serves who resumes the control connection's session, and nobody else", async () => {
    await using client = await login(only);
    await using other = await login(only);
    expect(await upload(client, client.tlsSession, only)).toBe(226);
    expect(stored("wire.bin").equals(content)).toBe(true);
    expect(await upload(client, undefined, only)).toBe(522);
    expect(await upload(client, other.tlsSession, only)).toBe(522);
    expect(await upload(client, client.tlsSession, only)).toBe(226);
  });

  it.skipIf(!isInstalled("curl")).each(["explicit", "implicit"])(
    "serves curl, which takes no tickets of 1.2: %s",
    async (mode) => {
      const url =
        mode === "explicit"
          ? `ftp://127.0.0.1:${String(server.controlPort)}/curl.bin`
          : `ftps://127.0.0.1:${String(server.implicitTlsPort)}/curl.bin`;
      const args = ["-sS", "-k", "--ssl-reqd", "-u", "alice:secret", "--max-time", "30"];
      args.push(`--tlsv${version.slice(-3)}`, "--tls-max", version.slice(-3));
      await run("curl", [...args, "-T", join(server.folder, "local.bin"), url]);
      expect(stored("curl.bin").equals(content)).toBe(true);
      await run("curl", [...args, "-o", join(server.folder, "back.bin"), url]);
      expect(readFileSync(join(server.folder, "back.bin")).equals(content)).toBe(true);
    },
  );

  it.skipIf(!isInstalled("python3"))(
    "serves Python's ftplib once it is told to resume",
    async () => {
      const script = [
        "import ftplib, ssl, sys",
        "class Resuming(ftplib.FTP_TLS):",
        "    def ntransfercmd(self, cmd, rest=None):",
        "        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)",
        "        return self.context.wrap_socket(conn, session=self.sock.session), size",
        "context = ssl._create_unverified_context()",
        `context.minimum_version = context.maximum_version = ssl.TLSVersion.${version.replace(".", "_")}`,
        "ftp = Resuming(context=context)",
        `ftp.connect("127.0.0.1", ${String(server.controlPort)}, timeout=30)`,
        'ftp.login("alice", "secret"); ftp.prot_p()',
        "for _ in range(3):",
        `    ftp.storbinary("STOR python.bin", open(sys.argv[1], "rb"))`,
        "data = []",
        'ftp.retrbinary("RETR python.bin", data.append)',
        'assert b"".join(data) == open(sys.argv[1], "rb").read()',
      ].join("\n");
      await run("python3", ["-c", script, join(server.folder, "local.bin")]);
      expect(stored("python.bin").equals(content)).toBe(true);
    },
  );
});

it("serves a client without tickets over many data connections", async () => {
  const options: ConnectionOptions = {
    maxVersion: "TLSv1.2",
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
  await using client = await login(options);
  for (let index = 0; index < 12; index++) {
    expect(await upload(client, client.tlsSession, options)).toBe(226);
  }
  expect(await upload(client, undefined, options)).toBe(522);
});

it.skipIf(!isInstalled("lftp"))("serves lftp", async () => {
  const script = [
    "set ssl:verify-certificate no; set ftp:ssl-force yes; set ftp:ssl-protect-data yes",
    "set net:max-retries 1; set cmd:fail-exit yes",
    `open -u alice,secret ftp://127.0.0.1:${String(server.controlPort)}`,
    `put ${join(server.folder, "local.bin")} -o lftp.bin; ls`,
  ].join("; ");
  await run("lftp", ["-c", script]);
  expect(stored("lftp.bin").equals(content)).toBe(true);
});
