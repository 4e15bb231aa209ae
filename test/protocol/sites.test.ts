/** Two sites on one server: by server name, by HOST, and by the host in front of a user name. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { makeFolder } from "../support/files.ts";
import { makeNamedCertificate } from "../support/named-certificate.ts";
import { startServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

const one = "ftpsite01.com";
const two = "ftpsite02.com";

interface OwnTls {
  readonly minVersion?: "TLSv1.3";
  readonly sessionReuse?: "require";
  readonly ciphers?: string;
}

async function start(tls: OwnTls = {}) {
  const folder = makeFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  const site = async (name: string, externalAddress: string) => {
    const { certificate, key, fingerprint } = await makeNamedCertificate({ names: [name] });
    const certificateFile = join(folder.path, `${name}.pem`);
    writeFileSync(certificateFile, `${certificate}\n${key}\n`);
    return { fingerprint, settings: { name, root: name, certificateFile, externalAddress } };
  };
  const first = await site(one, "203.0.113.1");
  const second = await site(two, "203.0.113.2");
  const sites = [first.settings, { ...second.settings, tls }];
  const server = await startServer({ tls: true, settings: { sites } });
  return { server, first, second };
}

/** The certificate that a server name gets with implicit TLS. */
async function meet(port: number, servername: string): Promise<string | undefined> {
  const socket: TLSSocket = connectTls({ port, servername, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerX509Certificate() ?? {};
  socket.destroy();
  return fingerprint256;
}

describe("two sites on one server", () => {
  it("show their own certificates on one port, and the first one to strangers", async () => {
    const { server, first, second } = await start();
    await using _server = server;
    expect(await meet(server.implicitTlsPort, one)).toBe(first.fingerprint);
    expect(await meet(server.implicitTlsPort, two)).toBe(second.fingerprint);
    expect(await meet(server.implicitTlsPort, "elsewhere.example")).toBe(first.fingerprint);
  });

  it("are chosen by HOST before USER, and advertise their own address", async () => {
    const { server } = await start();
    await using _server = server;
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.reply();
    expect((await client.command("FEAT")).text).toContain("\n HOST\r");
    await client.expect("HOST ftpsite03.com", 504);
    await client.expect(`HOST ${two}`, 220);
    await client.expect(`USER ${one}|alice`, 530);
    await client.expect(`USER ${two}|alice`, 331);
    await client.expect(`HOST ${one}`, 503);
    await client.expect("PASS secret", 230);
    await client.expect(`HOST ${one}`, 503);
    expect((await client.expect("PASV", 227)).text).toContain("203,0,113,2,");
  });

  it.each(["|", "\\"])("are chosen by HOST%sUSER", async (separator) => {
    const { server } = await start();
    await using _server = server;
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login(`${two}${separator}alice`);
    expect((await client.expect("PASV", 227)).text).toContain("203,0,113,2,");
    expect((await server.logged("loggedIn"))["site"]).toBe(two);
  });

  it("hold a user name to the TLS version of the site that it leads to", async () => {
    const { server } = await start({ minVersion: "TLSv1.3" });
    await using _server = server;
    for (const [maxVersion, code] of [
      ["TLSv1.2", 534],
      ["TLSv1.3", 331],
    ] as const) {
      await using client = await WireClient.open(server.host, server.controlPort);
      await client.reply();
      await client.expect("AUTH TLS", 234);
      await client.secure({ maxVersion });
      await client.expect(`USER ${two}|alice`, code);
      await client.expect(`USER ${one}|alice`, 331);
    }
  });

  it.each([{ sessionReuse: "require" }, { ciphers: "TLS_AES_256_GCM_SHA384" }] as const)(
    "let no user name lead around a site's own %j",
    async (tls) => {
      const { server } = await start(tls);
      await using _server = server;
      for (const [names, code] of [
        [{}, 534],
        [{ servername: two }, 331],
      ] as const) {
        await using client = await WireClient.open(server.host, server.controlPort);
        await client.reply();
        await client.expect("AUTH TLS", 234);
        await client.secure(names);
        await client.expect(`USER ${two}|alice`, code);
      }
    },
  );
});
