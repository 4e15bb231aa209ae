/** The authority behind the simulated services. */
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensureAuthority } from "../../../lab/booted/authority.ts";
import { blobEndpoint } from "../../../lab/booted/blob-endpoint.ts";
import { listenerOf } from "../../../lab/booted/http-answer.ts";
import { BLOB_HOST, CloudFixture, CONTENT, principal } from "./cloud-fixture.ts";

let cloud: CloudFixture;

beforeAll(() => {
  cloud = new CloudFixture();
});

afterAll(() => cloud[Symbol.dispose]());

describe("the lab's authority", () => {
  it("stands behind every account and vault, for who trusts it, over real TLS", async () => {
    const authority = await ensureAuthority(cloud.folder);
    expect(await ensureAuthority(cloud.folder)).toEqual(authority);
    const server = createServer(
      { cert: authority.serverCertificate, key: authority.serverKey },
      listenerOf(blobEndpoint({ state: cloud.state, issuer: cloud.issuer }), () => undefined),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const get = async (servername: string, ca: string | undefined) => {
      const socket = connect({ host: "127.0.0.1", port, servername, ca });
      await once(socket, "secureConnect");
      const token = cloud.issuer.issue(principal, "https://storage.azure.com").text;
      socket.write(
        `GET /delivery/thing HTTP/1.1\r\nHost: ${servername}\r\nAuthorization: Bearer ${token}\r\nx-ms-version: 2021-12-02\r\nConnection: close\r\n\r\n`,
      );
      return (await buffer(socket)).toString();
    };
    try {
      const answer = await get(BLOB_HOST, authority.authorityCertificate);
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
      expect(answer.endsWith(CONTENT)).toBe(true);
      await expect(get("example.org", authority.authorityCertificate)).rejects.toThrow("altnames");
      await expect(get(BLOB_HOST, undefined)).rejects.toThrow("certificate");
    } finally {
      server.close();
    }
  });
});
