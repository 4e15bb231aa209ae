/** TCP and TLS connections of the probe, with their failures as symptoms. */
import { lookup } from "node:dns/promises";
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { settle, within, type StepLimit } from "./steps.ts";
import { codeOf, ProbeFault, type PortRole } from "./symptoms.ts";

/** Where a connection goes. */
export interface Target {
  readonly address: string;
  readonly port: number;
  readonly role: PortRole;
}

/**
 * The IPv4 address of a host: resolved once, so that every connection of a run reaches the same.
 *
 * @throws ProbeFault (nameUnknown, stalled)
 */
export async function resolveHost(host: string, limit: StepLimit): Promise<string> {
  if (isIP(host) !== 0) return host;
  const waitingFor = `the address of ${host}`;
  const symptom = { kind: "stalled", waitingFor } as const;
  return within(limit.milliseconds, symptom, limit.signal, (signal) =>
    settle<string>(signal, (resolve, reject) => {
      lookup(host, { family: 4 }).then(
        ({ address }) => {
          resolve(address);
        },
        () => {
          reject(new ProbeFault({ kind: "nameUnknown", host }));
        },
      );
    }),
  );
}

/**
 * Opens a TCP connection. The caller owns the socket and hears of its later errors.
 *
 * @throws ProbeFault (noAnswer, refused, unreachable)
 */
export async function dial(target: Target, limit: StepLimit): Promise<Socket> {
  const { port, role } = target;
  return within(
    limit.milliseconds,
    { kind: "noAnswer", port, role },
    limit.signal,
    async (signal) => {
      const socket = connect({ host: target.address, port, noDelay: true });
      try {
        await settle<undefined>(signal, (resolve, reject) => {
          socket.once("connect", () => {
            resolve(undefined);
          });
          socket.once("error", (error) => {
            reject(connectFault(error, target));
          });
        });
      } catch (error) {
        socket.destroy();
        throw error;
      }
      socket.on("error", ignoreLateError);
      return socket;
    },
  );
}

/** A socket's error also reaches whoever reads from it; without a listener it would end Node. */
function ignoreLateError(): void {
  return;
}

function connectFault(error: Error, { port, role }: Target): ProbeFault {
  const code = codeOf(error) ?? error.message;
  // The kernel gives up on SYNs by itself after two minutes: the same as no answer.
  if (code === "ETIMEDOUT") return new ProbeFault({ kind: "noAnswer", port, role });
  if (code === "ECONNREFUSED" || code === "ECONNRESET") {
    return new ProbeFault({ kind: "refused", port, role });
  }
  return new ProbeFault({ kind: "unreachable", port, role, code });
}

/** What became of one TCP port. */
export type PortAnswer = "open" | "refused" | "noAnswer" | "unreachable";

/** Connects to a port and closes at once: a completed handshake is an answer. */
export async function touchPort(target: Target, limit: StepLimit): Promise<PortAnswer> {
  try {
    const socket = await dial(target, limit);
    socket.destroy();
    return "open";
  } catch (error) {
    if (!(error instanceof ProbeFault)) throw error;
    const { kind } = error.symptom;
    if (kind === "noAnswer" || kind === "refused" || kind === "unreachable") return kind;
    throw error;
  }
}

/** Options of a handshake that the checks vary. */
export type HandshakeOptions = Pick<
  ConnectionOptions,
  "ca" | "servername" | "session" | "minVersion" | "maxVersion" | "ciphers"
>;

/**
 * Secures an open connection. Judging the certificate is left to the caller (`assessTrust`), so
 * that a bad one can be described; nothing secret may be sent before.
 *
 * @throws ProbeFault (handshakeFailed, lost, stalled)
 */
export async function secure(
  socket: Socket,
  channel: "control" | "data",
  options: HandshakeOptions,
  limit: StepLimit,
): Promise<TLSSocket> {
  const waitingFor = `the TLS handshake on the ${channel} connection`;
  return within(
    limit.milliseconds,
    { kind: "stalled", waitingFor },
    limit.signal,
    async (signal) => {
      const secured = connectTls({
        socket,
        ...options,
        rejectUnauthorized: false,
        // The default would set an authorization error for names; ours are judged one by one.
        checkServerIdentity: () => undefined,
      });
      try {
        await settle<undefined>(signal, (resolve, reject) => {
          secured.once("secureConnect", () => {
            resolve(undefined);
          });
          secured.once("error", (error) => {
            reject(handshakeFault(error, channel));
          });
          secured.once("close", () => {
            reject(new ProbeFault({ kind: "handshakeFailed", channel, code: "connection closed" }));
          });
        });
      } catch (error) {
        secured.destroy();
        socket.destroy();
        throw error;
      }
      secured.on("error", ignoreLateError);
      return secured;
    },
  );
}

function handshakeFault(error: Error, channel: "control" | "data"): ProbeFault {
  return new ProbeFault({ kind: "handshakeFailed", channel, code: codeOf(error) ?? error.message });
}
