/** A connection that stays silent until it is asked for an echo. */
import { once } from "node:events";
import { connect } from "node:net";

export interface EchoConnection extends Disposable {
  /** Sends one byte. True when it comes back in time: the connection lives in both directions. */
  answers(): Promise<boolean>;
}

const CONNECT_MILLISECONDS = 15_000;
const ECHO_MILLISECONDS = 20_000;

/** Without TCP keepalive on this side. */
export async function dialEcho(host: string, port: number): Promise<EchoConnection> {
  const socket = connect({ host, port, keepAlive: false, noDelay: true });
  // A reset is an answer to the question, told by `answers`.
  socket.on("error", () => undefined);
  await once(socket, "connect", { signal: AbortSignal.timeout(CONNECT_MILLISECONDS) });
  return {
    async answers() {
      if (socket.destroyed) return false;
      const echoed = once(socket, "data", { signal: AbortSignal.timeout(ECHO_MILLISECONDS) });
      socket.write("?");
      return echoed.then(
        () => true,
        () => false,
      );
    },
    [Symbol.dispose]() {
      socket.destroy();
    },
  };
}

/** Program for the machine: sends back what it gets, never speaks first, and ends by itself. */
export function echoProgram(port: number, lifetimeSeconds: number): string {
  return [
    `require("node:net").createServer((s) => s.on("error", () => s.destroy()).pipe(s))`,
    `.listen(${String(port)}, "0.0.0.0");`,
    `setTimeout(() => process.exit(), ${String(lifetimeSeconds * 1000)});`,
  ].join("");
}
