import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { describe, expect, it } from "vitest";
import { makeSelfSigned } from "../../../infra/certificate/self-signed.ts";

const DAY_MILLISECONDS = 24 * 60 * 60 * 1000;

describe("self-signed certificate", () => {
  it("covers every name, as DNS name or address, and is valid for the days asked for", async () => {
    const now = Date.parse("2030-01-01T00:00:00Z");
    const made = await makeSelfSigned({
      names: ["ftp.example.org", "*.example.net", "203.0.113.7", "2001:db8::7"],
      validDays: 10,
      now,
    });
    const certificate = new X509Certificate(made.certificate);
    expect(certificate.checkHost("ftp.example.org")).toBeDefined();
    expect(certificate.checkHost("a.example.net")).toBeDefined();
    expect(certificate.checkHost("example.com")).toBeUndefined();
    expect(certificate.checkIP("203.0.113.7")).toBeDefined();
    expect(certificate.checkIP("2001:db8::7")).toBeDefined();
    expect(certificate.checkIP("203.0.113.8")).toBeUndefined();
    expect(Date.parse(certificate.validTo)).toBe(now + 10 * DAY_MILLISECONDS);
    expect(Date.parse(certificate.validFrom)).toBeLessThan(now);
    expect(certificate.fingerprint256).toBe(made.fingerprint);
    expect(Date.parse(made.validUntil)).toBe(Date.parse(certificate.validTo));
  });

  it("is its own issuer, no authority, for servers only, and belongs to its key", async () => {
    const made = await makeSelfSigned({ names: ["ftp.example.org"], validDays: 1 });
    const certificate = new X509Certificate(made.certificate);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    // id-kp-serverAuth, RFC 5280 4.2.1.12
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(certificate.checkPrivateKey(createPrivateKey(made.key))).toBe(true);
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
  });

  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "is accepted over %s by whoever trusts it",
    async (v) => {
      const { certificate, key } = await makeSelfSigned({ names: ["127.0.0.1"], validDays: 1 });
      const server = tls.createServer({ cert: certificate, key }, (socket) => socket.end("hello"));
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const socket = tls.connect({
        host: "127.0.0.1",
        port,
        ca: certificate,
        minVersion: v,
        maxVersion: v,
      });
      try {
        await once(socket, "secureConnect");
        expect(socket.authorized).toBe(true);
        expect(socket.getProtocol()).toBe(v);
      } finally {
        socket.destroy();
        server.close();
      }
    },
  );

  it("is a different one each time", async () => {
    const request = { names: ["ftp.example.org"], validDays: 1 };
    const [a, b] = await Promise.all([makeSelfSigned(request), makeSelfSigned(request)]);
    expect(a.key).not.toBe(b.key);
    expect(new X509Certificate(a.certificate).serialNumber).not.toBe(
      new X509Certificate(b.certificate).serialNumber,
    );
  });

  it("accepts a name that is too long for a subject", async () => {
    const name = `${"a".repeat(60)}.${"b".repeat(60)}.example.org`;
    const { certificate } = await makeSelfSigned({ names: [name], validDays: 1 });
    expect(new X509Certificate(certificate).checkHost(name)).toBeDefined();
  });

  it.each([[[]], [["bad name"]], [["ok.example", "-x.example"]], [["1.2.3.4/24"]]])(
    "refuses the names %j and says what to write",
    async (names) => {
      await expect(makeSelfSigned({ names, validDays: 1 })).rejects.toThrow(
        /^names: .*write DNS names or IP addresses/,
      );
    },
  );
});
