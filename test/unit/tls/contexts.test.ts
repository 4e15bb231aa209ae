import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, TLSSocket } from "node:tls";
import { once } from "node:events";
import { duplexPair } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ContractError } from "#contract";
import { openTlsContexts, type TlsChannel } from "../../../server/tls/contexts.ts";
import { makeTestCertificate } from "../../support/certificate.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gangway-tls-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Fingerprint of the certificate that a client meets, and whether `session` resumed. */
async function meet(channel: TlsChannel, session?: Buffer) {
  const { secureContext } = await channel.current();
  const [clientSide, serverSide] = duplexPair();
  const server = new TLSSocket(serverSide, { isServer: true, secureContext });
  const client = connect({
    socket: clientSide,
    rejectUnauthorized: false,
    ...(session === undefined ? {} : { session }),
  });
  let ticket: Buffer | undefined;
  client.on("session", (received: Buffer) => (ticket = received));
  server.write("x");
  await once(client, "data");
  const { fingerprint256 } = client.getPeerX509Certificate() ?? {};
  const reused = server.isSessionReused();
  client.destroy();
  server.destroy();
  return { fingerprint256, reused, ticket };
}

describe("reload", () => {
  test("serves the new certificate on every channel and resumes old sessions", async () => {
    const file = join(folder, "renewed.pem");
    await writeFile(file, (await makeTestCertificate()).pem);
    const contexts = await openTlsContexts({ certificateFile: file, minVersion: "TLSv1.2" });
    const { upload } = contexts;
    const before = await meet(contexts.control);
    expect(before.fingerprint256).toBe(contexts.certificate().fingerprint256);
    await writeFile(file, (await makeTestCertificate("rsa")).pem);
    const renew = await contexts.reload();
    expect((await meet(upload)).fingerprint256).toBe(before.fingerprint256);
    renew();
    const after = await meet(upload);
    expect(after.fingerprint256).toBe(contexts.certificate().fingerprint256);
    expect(after.fingerprint256).not.toBe(before.fingerprint256);
    expect((await meet(upload, before.ticket)).reused).toBe(true);
  });

  test("keeps what is in force when the new certificate does not hold", async () => {
    const file = join(folder, "broken.pem");
    await writeFile(file, (await makeTestCertificate()).pem);
    const contexts = await openTlsContexts({ certificateFile: file, minVersion: "TLSv1.2" });
    const before = contexts.certificate();
    await writeFile(file, "half a file");
    await expect(contexts.reload()).rejects.toBeInstanceOf(ContractError);
    expect(contexts.certificate()).toEqual(before);
    expect((await meet(contexts.download)).fingerprint256).toBe(before.fingerprint256);
  });
});

describe("a certificate that does not hold is named with its setting and its fault", () => {
  test.each([
    ["missing file", undefined, /tls\.certificateFile: .*absent\.pem does not exist/],
    ["no PEM", () => Promise.resolve("hello"), /holds no PEM certificate/],
    [
      "garbage in PEM",
      () => Promise.resolve("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
      /cannot be parsed/,
    ],
    ["no key", async () => (await makeTestCertificate()).certificate, /without a private key/],
    [
      "foreign key",
      async () => (await makeTestCertificate()).certificate + (await makeTestCertificate()).key,
      /does not belong to its key/,
    ],
  ])("%s", async (_, content, message) => {
    const file = join(folder, content === undefined ? "absent.pem" : "bad.pem");
    if (content !== undefined) await writeFile(file, await content());
    await expect(openTlsContexts({ certificateFile: file, minVersion: "TLSv1.2" })).rejects.toThrow(
      message,
    );
  });

  test("a missing key file", async () => {
    const file = join(folder, "chain.pem");
    await writeFile(file, (await makeTestCertificate()).certificate);
    await expect(
      openTlsContexts({
        certificateFile: file,
        keyFile: join(folder, "absent.key"),
        minVersion: "TLSv1.2",
      }),
    ).rejects.toThrow(/tls\.keyFile: .*absent\.key does not exist/);
  });
});

test("chain and key may lie in two files", async () => {
  const { certificate, key } = await makeTestCertificate();
  const certificateFile = join(folder, "leaf.pem");
  const keyFile = join(folder, "leaf.key");
  await writeFile(certificateFile, certificate);
  await writeFile(keyFile, key);
  const contexts = await openTlsContexts({ certificateFile, keyFile, minVersion: "TLSv1.3" });
  expect(contexts.certificate().subject).toBe("CN=localhost");
  expect(contexts.certificate().expiresMs).toBeGreaterThan(Date.now());
});

describe("session reuse", () => {
  test("off: data connections do not resume what the control connection began", async () => {
    const { pem } = await makeTestCertificate();
    const contexts = await openTlsContexts({ pem, minVersion: "TLSv1.2", sessionReuse: "off" });
    const { ticket } = await meet(contexts.control);
    expect(ticket).toBeDefined();
    expect((await meet(contexts.download, ticket)).reused).toBe(false);
    expect((await meet(contexts.upload, ticket)).reused).toBe(false);
    expect((await meet(contexts.upload)).ticket).toBeUndefined();
    expect((await meet(contexts.control, ticket)).reused).toBe(true);
  });

  test("never reaches from one site's contexts to another's, even with one certificate", async () => {
    const { pem } = await makeTestCertificate();
    const [one, two] = await Promise.all([
      openTlsContexts({ pem, minVersion: "TLSv1.2" }),
      openTlsContexts({ pem, minVersion: "TLSv1.2" }),
    ]);
    const { ticket } = await meet(one.control);
    expect((await meet(one.download, ticket)).reused).toBe(true);
    expect((await meet(two.control, ticket)).reused).toBe(false);
    expect((await meet(two.download, ticket)).reused).toBe(false);
  });
});
