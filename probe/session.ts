/** A session as an FTP client has it: secured, trusted, logged in, with data connections. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { judgeTrust, readPeer, serverName } from "./certificate.ts";
import { ControlConnection, insist } from "./control-connection.ts";
import { dial, secure, type HandshakeOptions } from "./dial.ts";
import type { Expectations } from "./options.ts";
import { parseExtendedPassiveReply, parsePassiveReply, replyClass, type Reply } from "./replies.ts";
import { settle, waitFor, type StepLimit } from "./steps.ts";
import { codeOf, ProbeFault } from "./symptoms.ts";

/** PASV carries an address, EPSV does not; both are leased the same way. */
export type PassiveVerb = "EPSV" | "PASV";

/** What one data connection showed. */
export interface DataFacts {
  readonly port: number;
  readonly protection: "clear" | "private";
  /** Whether TLS resumed the session of the control connection. */
  readonly resumed: boolean;
}

export interface Received extends DataFacts {
  readonly bytes: Buffer;
}

/** More than any listing or file that the probe asks for. */
const MOST_RECEIVED_BYTES = 8 * 1024 * 1024;

export class ProbeSession implements AsyncDisposable {
  readonly control: ControlConnection;
  readonly #expected: Expectations;
  readonly #address: string;
  #protection: "clear" | "private" = "clear";

  private constructor(control: ControlConnection, expected: Expectations, address: string) {
    this.control = control;
    this.#expected = expected;
    this.#address = address;
  }

  /**
   * Connects, secures as `expected.tls` says, makes sure who answers, and logs in. The password is
   * sent to nobody else.
   *
   * @throws ProbeFault
   */
  static async open(
    expected: Expectations,
    address: string,
    limit: StepLimit,
  ): Promise<ProbeSession> {
    const control = await openControl(expected, address, limit);
    try {
      if (control.secured !== undefined) {
        const distrust = judgeTrust(readPeer(control.secured), expected);
        if (distrust !== undefined) throw new ProbeFault(distrust);
      }
      await logIn(control, expected, limit);
      await control.expect("TYPE I", [2], limit);
      const session = new ProbeSession(control, expected, address);
      if (control.secured !== undefined) await session.#protect(limit);
      return session;
    } catch (error) {
      await control[Symbol.asyncDispose]();
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.control.isOpen;
  }

  async #protect(limit: StepLimit): Promise<void> {
    await this.control.expect("PBSZ 0", [2], limit);
    await this.setProtection(this.#expected.dataPolicy === "deny" ? "clear" : "private", limit);
  }

  /** PROT C or PROT P (RFC 4217, section 9). @throws ProbeFault when refused. */
  async setProtection(protection: "clear" | "private", limit: StepLimit): Promise<void> {
    await this.control.expect(protection === "clear" ? "PROT C" : "PROT P", [2], limit);
    this.#protection = protection;
  }

  /** Leases a passive port and returns it with the address that PASV carries. */
  async lease(
    verb: PassiveVerb,
    limit: StepLimit,
  ): Promise<{ readonly port: number; readonly address: string | undefined }> {
    const reply = await this.control.expect(verb, [2], limit);
    return verb === "EPSV"
      ? { port: parseExtendedPassiveReply(reply), address: undefined }
      : parsePassiveReply(reply);
  }

  /** Leases a port, runs `command` and returns what comes over the data connection. */
  async receive(verb: PassiveVerb, command: string, limit: StepLimit): Promise<Received> {
    return this.#transfer(verb, command, limit, async (socket, signal) => {
      const chunks: Buffer[] = [];
      let length = 0;
      await settle<undefined>(signal, (resolve, reject) => {
        socket.on("data", (chunk: Buffer) => {
          length += chunk.length;
          if (length > MOST_RECEIVED_BYTES) {
            reject(new ProbeFault({ kind: "malformedReply", text: `${command}: endless data` }));
          } else chunks.push(chunk);
        });
        socket.once("end", () => {
          resolve(undefined);
        });
        rejectOnLoss(socket, reject);
      });
      return Buffer.concat(chunks);
    });
  }

  /** Leases a port, runs `command` and sends `bytes` over the data connection. */
  async send(
    verb: PassiveVerb,
    command: string,
    bytes: Buffer,
    limit: StepLimit,
  ): Promise<DataFacts> {
    return this.#transfer(verb, command, limit, async (socket, signal) => {
      await settle<undefined>(signal, (resolve, reject) => {
        rejectOnLoss(socket, reject);
        // Reading on takes TLS tickets off the socket: unread ones would turn the close into RST.
        socket.resume();
        socket.end(bytes, () => {
          resolve(undefined);
        });
      });
      return Buffer.alloc(0);
    });
  }

  /** The order of RFC 959: lease, connect, command, 1xx, TLS, data, end, 2xx. */
  async #transfer(
    verb: PassiveVerb,
    command: string,
    limit: StepLimit,
    carry: (socket: Socket, signal: AbortSignal) => Promise<Buffer>,
  ): Promise<Received> {
    const { port } = await this.lease(verb, limit);
    const socket = await dial({ address: this.#address, port, role: "passive" }, limit);
    try {
      insist(command, await this.control.ask(command, limit), [1]);
      const protection = this.#protection;
      const channel = protection === "private" ? await this.#protectData(socket, limit) : socket;
      // Asked before the end: a closed connection no longer knows.
      const resumed = channel instanceof TLSSocket && channel.isSessionReused();
      const bytes = await waitFor(`the data of ${command}`, limit, (signal) =>
        carry(channel, signal),
      );
      insist(command, await this.control.readReply(`the end of ${command}`, limit), [2]);
      return { bytes, port, protection, resumed };
    } finally {
      socket.destroy();
    }
  }

  /** A resumed session is known; a full handshake has to show a certificate that is trusted. */
  async #protectData(socket: Socket, limit: StepLimit): Promise<TLSSocket> {
    const { session } = this.control;
    const options = handshakeOptions(this.#expected);
    const secured = await secure(
      socket,
      "data",
      session === undefined ? options : { ...options, session },
      limit,
    );
    const distrust = secured.isSessionReused()
      ? undefined
      : judgeTrust(readPeer(secured), this.#expected);
    if (distrust === undefined) return secured;
    secured.destroy();
    throw new ProbeFault(distrust);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.control[Symbol.asyncDispose]();
  }
}

/** Opens a control connection as `expected.tls` says, and reads the greeting. */
async function openControl(
  expected: Expectations,
  address: string,
  limit: StepLimit,
): Promise<ControlConnection> {
  const implicit = expected.tls === "implicit";
  const port = implicit ? (expected.implicitTlsPort ?? expected.controlPort) : expected.controlPort;
  const options = handshakeOptions(expected);
  const control = await ControlConnection.open(
    { address, port, role: implicit ? "implicit" : "control" },
    limit,
    implicit ? options : undefined,
  );
  try {
    insist("connecting", await control.readReply("the greeting", limit), [2]);
    if (expected.tls === "explicit") await control.startTls(options, limit);
    return control;
  } catch (error) {
    await control[Symbol.asyncDispose]();
    throw error;
  }
}

/** What every handshake with the server shares. */
export function handshakeOptions(expected: Expectations): HandshakeOptions {
  const servername = serverName(expected.names);
  return {
    ...(expected.authorities === undefined ? {} : { ca: expected.authorities }),
    ...(servername === undefined ? {} : { servername }),
  };
}

async function logIn(
  control: ControlConnection,
  { account, password }: Expectations,
  limit: StepLimit,
): Promise<void> {
  const user: Reply = await control.expect(`USER ${account}`, [2, 3], limit);
  if (replyClass(user) === 3) await control.expect(`PASS ${password}`, [2], limit);
}

function rejectOnLoss(socket: Socket, reject: (reason: unknown) => void): void {
  const waitingFor = "the data";
  socket.once("error", (error) => {
    const how = codeOf(error) === "ECONNRESET" ? "reset" : "closed";
    reject(new ProbeFault({ kind: "lost", how, waitingFor }));
  });
  socket.once("close", () => {
    reject(new ProbeFault({ kind: "lost", how: "closed", waitingFor }));
  });
}
