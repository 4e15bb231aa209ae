/** CCC (RFC 4217, 5 and 15.3): TLS on the control connection ends, the session goes on. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { describe, expect, it } from "vitest";
import type { ServerSettingsFile } from "#contract";
import { isInstalled } from "../support/programs.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

function start(tls: NonNullable<ServerSettingsFile["tls"]> = {}): Promise<TestServer> {
  return startServer({ tls: true, tlsPolicy: { clearCommandChannel: true, ...tls } });
}

/** A client that keeps the raw socket below its TLS, and can leave TLS. */
class ClearingClient implements AsyncDisposable {
  readonly raw: Socket;
  tls: TLSSocket | undefined;
  received = "";
  #below: Duplex | undefined;
  #ended: Promise<unknown> | undefined;
  #clear = false;

  private constructor(raw: Socket) {
    this.raw = raw;
    raw.on("error", () => undefined);
    raw.on("data", (chunk: Buffer) => this.#arrived(chunk));
  }

  static async open(server: TestServer): Promise<ClearingClient> {
    const raw = connect({ host: server.host, port: server.controlPort });
    await once(raw, "connect");
    const client = new ClearingClient(raw);
    await client.until(/^220 .*\r\n/u);
    await client.command("AUTH TLS", 234);
    const below = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => void raw.write(chunk, () => done()),
      final: (done) => done(),
    });
    client.#below = below;
    // The server's close_notify must not take the client's turn from it.
    const options = { socket: below as Socket, rejectUnauthorized: false, allowHalfOpen: true };
    const tls = connectTls(options);
    client.#ended = once(tls, "end");
    tls.on("data", (chunk: Buffer) => (client.received += chunk.toString()));
    tls.on("error", () => undefined);
    await once(tls, "secureConnect");
    client.tls = tls;
    return client;
  }

  #arrived(chunk: Buffer): void {
    if (this.#below !== undefined && !this.#clear) this.#below.push(chunk);
    else this.received += chunk.toString();
  }

  send(text: string): void {
    if (this.tls === undefined) this.raw.write(text);
    else this.tls.write(text);
  }

  async command(line: string, code: number): Promise<void> {
    this.received = "";
    this.send(`${line}\r\n`);
    await this.until(/^\d{3} .*\r\n/mu);
    expect([line, Number(this.received.slice(0, 3))]).toEqual([line, code]);
  }

  async until(pattern: RegExp): Promise<void> {
    await expect.poll(() => this.received, { timeout: 10_000, interval: 5 }).toMatch(pattern);
  }

  async login(): Promise<void> {
    await this.command("USER alice", 331);
    await this.command("PASS secret", 230);
  }

  /** Waits for the server's close_notify; the client's own, some clients leave out. */
  async leave(closeNotify: "say" | "omit" = "say"): Promise<void> {
    const { tls } = this;
    if (tls === undefined) throw new Error("TLS has not begun");
    await this.#ended;
    this.#clear = true;
    this.tls = undefined;
    if (closeNotify === "omit") return;
    tls.end();
    await once(tls, "finish");
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.raw.destroy();
    return Promise.resolve();
  }
}

describe("CCC", () => {
  it("goes on in the clear, with data connections as they were", async () => {
    await using server = await start();
    await using client = await ClearingClient.open(server);
    await client.login();
    await client.command("PBSZ 0", 200);
    await client.command("PROT P", 200);
    await client.command("CCC", 200);
    await client.leave();
    await client.command("PWD", 257);
    await client.command("STAT", 211);
    expect(client.received).toContain("data connections with TLS");
    await client.command("CCC", 533);
    await client.command("MKD after", 257);
    expect((await stat(join(server.dataFolder, "after"))).isDirectory()).toBe(true);
  });

  it("serves a client that leaves its close_notify out", async () => {
    await using server = await start();
    await using client = await ClearingClient.open(server);
    await client.login();
    await client.command("CCC", 200);
    await client.leave("omit");
    await client.command("PWD", 257);
  });

  it("can be followed by TLS again, for another login", async () => {
    await using server = await start({ controlPolicy: "requireForCredentials" });
    await using client = await ClearingClient.open(server);
    await client.login();
    await client.command("CCC", 200);
    await client.leave();
    await client.command("USER alice", 534);
    await client.command("AUTH TLS", 234);
  });

  it("never runs what was sent behind it under TLS", async () => {
    await using server = await start();
    await using client = await ClearingClient.open(server);
    await client.login();
    client.send("CCC\r\nMKD early\r\n");
    await once(client.raw, "close");
    await expect(stat(join(server.dataFolder, "early"))).rejects.toThrow();
  });

  it.skipIf(!isInstalled("python3"))(
    "ends the session when more comes under TLS after the reply",
    async () => {
      await using server = await start();
      const { output } = await run("python3", ["-c", INJECTING, String(server.controlPort)]);
      expect(output).toBe("200\nclosed\n");
      await expect(stat(join(server.dataFolder, "late"))).rejects.toThrow();
    },
  );

  it.each([
    ["its setting is off", { clearCommandChannel: false }],
    ["the policy requires TLS", { controlPolicy: "require" as const }],
  ])("is refused while %s", async (_, tls) => {
    await using server = await start(tls);
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.reply();
    await client.expect("AUTH TLS", 234);
    await client.secure();
    expect((await client.command("FEAT")).text).not.toContain("CCC");
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
    expect(await client.code("CCC")).toBe(533);
    expect(await client.code("PWD")).toBe(257);
  });

  it("is refused before the login", async () => {
    await using server = await start();
    await using client = await ClearingClient.open(server);
    await client.command("CCC", 503);
  });

  it.skipIf(!isInstalled("curl")).each(["--ftp-ssl-ccc-mode=passive", "--ftp-ssl-ccc-mode=active"])(
    "serves curl %s",
    async (mode) => {
      await using server = await start();
      await writeFile(join(server.dataFolder, "f.txt"), "content");
      const url = `ftp://127.0.0.1:${String(server.controlPort)}/f.txt`;
      const [option = "", value = ""] = mode.split("=");
      const { output, code } = await run("curl", [
        ...["--silent", "--show-error", "--insecure", "--ssl-reqd", "--ftp-ssl-ccc", option, value],
        ...["--user", "alice:secret", url],
      ]);
      expect([code, output]).toEqual([0, "content"]);
    },
  );

  it.skipIf(!isInstalled("python3"))("serves Python's ftplib", async () => {
    await using server = await start();
    await writeFile(join(server.dataFolder, "f.txt"), "content");
    const { output, code } = await run("python3", ["-c", PYTHON, String(server.controlPort)]);
    expect([code, output]).toEqual([0, "200\n257\ncontent\n"]);
  });
});

const PYTHON = `
import ftplib, ssl, sys
context = ssl._create_unverified_context()
ftp = ftplib.FTP_TLS(context=context)
ftp.connect("127.0.0.1", int(sys.argv[1]))
ftp.login("alice", "secret")
print(ftp.ccc()[:3])
print(ftp.sendcmd("PWD")[:3])
ftp.retrlines("RETR f.txt")
ftp.quit()
`;

/** Goes on under TLS, without the close_notify that CCC asks for. */
const INJECTING = `
import ftplib, ssl, sys
ftp = ftplib.FTP_TLS(context=ssl._create_unverified_context())
ftp.connect("127.0.0.1", int(sys.argv[1]), timeout=15)
ftp.login("alice", "secret")
print(ftp.sendcmd("CCC")[:3])
try:
    ftp.sock.sendall(b"MKD late\\r\\n")
    print(ftp.sock.unwrap().recv(100).decode() or "closed")
except (ssl.SSLError, OSError):
    print("closed")
`;

async function run(command: string, args: readonly string[]) {
  const child: ChildProcess = spawn(command, [...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number];
  return { output, code };
}
