import { duplexPair } from "node:stream";
import { connect as connectTls } from "node:tls";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { awaitServerName, readClientHello } from "../../../server/tls/client-hello.ts";

/** The first flight of a real client. */
async function helloOf(servername: string | undefined): Promise<Buffer> {
  const [clientSide, serverSide] = duplexPair();
  const client = connectTls({
    socket: clientSide,
    ...(servername === undefined ? {} : { servername }),
  });
  client.on("error", () => undefined);
  const [hello] = (await once(serverSide, "data")) as [Buffer];
  client.destroy();
  return hello;
}

const known = (serverName: string | undefined) => ({ kind: "known", serverName });

describe("the server name of a ClientHello", () => {
  test("is what the client asked for", async () => {
    expect(readClientHello(await helloOf("ftpsite01.com"))).toEqual(known("ftpsite01.com"));
    expect(readClientHello(await helloOf(undefined))).toEqual(known(undefined));
  });

  test("is told by no beginning of it, and by all of it", async () => {
    const hello = await helloOf("ftpsite01.com");
    for (let length = 0; length < hello.length; length += 1) {
      expect(readClientHello(hello.subarray(0, length)).kind).toBe("incomplete");
    }
  });

  test("is found over several records", async () => {
    const hello = await helloOf("ftpsite02.com");
    const message = hello.subarray(5);
    const records: Buffer[] = [];
    for (let at = 0; at < message.length; at += 7) {
      const part = message.subarray(at, at + 7);
      records.push(Buffer.from([22, 3, 1, 0, part.length]), part);
    }
    expect(readClientHello(Buffer.concat(records))).toEqual(known("ftpsite02.com"));
  });

  test.each([
    ["a command in the clear", Buffer.from("USER alice\r\n")],
    ["another kind of record", Buffer.from([23, 3, 3, 0, 1, 0])],
    ["another kind of message", Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0])],
    ["an empty record", Buffer.from([22, 3, 1, 0, 0])],
    [
      "a message without end",
      Buffer.alloc(30_000, Buffer.from([22, 3, 1, 0, 4, 1, 255, 255, 255])),
    ],
  ])("is not looked for in %s", (_name, bytes) => {
    expect(readClientHello(bytes)).toEqual(known(undefined));
  });

  test("never fails, whatever was changed in it", async () => {
    const hello = await helloOf("ftpsite01.com");
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { maxLength: 8 }),
        fc.nat(hello.length),
        (changes, length) => {
          const bytes = Buffer.from(hello.subarray(0, length));
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          expect(["known", "incomplete"]).toContain(readClientHello(bytes).kind);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("waiting for it", () => {
  async function pair(): Promise<{ client: Socket; accepted: Socket } & AsyncDisposable> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
    const [accepted] = (await once(server, "connection")) as [Socket];
    return {
      client,
      accepted,
      [Symbol.asyncDispose]: () => {
        client.destroy();
        accepted.destroy();
        server.close();
        return Promise.resolve();
      },
    };
  }

  test("leaves every byte for the handshake", async () => {
    await using ends = await pair();
    const hello = await helloOf("ftpsite01.com");
    const waiting = awaitServerName(ends.accepted, new AbortController().signal);
    for (const byte of hello) ends.client.write(Buffer.from([byte]));
    expect(await waiting).toBe("ftpsite01.com");
    ends.client.end();
    const chunks: Buffer[] = [];
    for await (const chunk of ends.accepted) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).equals(hello)).toBe(true);
  });

  test("ends with the client, and with the signal", async () => {
    await using left = await pair();
    const leaving = awaitServerName(left.accepted, new AbortController().signal);
    left.client.end(Buffer.from([22, 3, 1]));
    await expect(leaving).rejects.toMatchObject({ kind: "connectionLost" });
    expect(left.accepted.destroyed).toBe(true);
    await using slow = await pair();
    const controller = new AbortController();
    const aborted = awaitServerName(slow.accepted, controller.signal);
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ kind: "aborted" });
    expect(slow.accepted.destroyed).toBe(true);
  });
});
