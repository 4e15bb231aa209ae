/**
 * A small FTP server that does what a test tells it, right or wrong. It shares no code with the
 * real one: clients of ours are tested against it, so that they do not agree with themselves.
 */
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { PortRange } from "#contract";
import { freePorts, giveBackPorts } from "./free-ports.ts";
import { makeNamedCertificate } from "./named-certificate.ts";
import { ScriptedSession } from "./scripted-session.ts";
import { ServerState, type Script } from "./scripted-state.ts";

export { SCRIPTED_ACCOUNT, SCRIPTED_PASSWORD } from "./scripted-session.ts";

const ADDRESS = "127.0.0.1";

export interface ScriptedServer extends AsyncDisposable {
  readonly address: string;
  readonly controlPort: number;
  readonly implicitTlsPort: number;
  readonly passivePorts: PortRange;
  readonly fingerprint: string;
  /** What is stored now. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** Every command line in the order of arrival, with how it came. */
  readonly heard: readonly { readonly line: string; readonly secured: boolean }[];
}

/** Listens on the first `size` ports of a range of `total`; its neighbours stay free. */
async function listenOnRange(
  size: number,
  total: number,
  accept: (port: number, socket: Socket) => void,
) {
  const drawn = await freePorts(ADDRESS, 1 + total + 1);
  const first = (drawn[0] ?? 0) + 1;
  const listeners: Server[] = [];
  for (let port = first; port < first + size; port += 1) {
    const listener = createServer((socket) => {
      accept(port, socket);
    });
    listener.listen(port, ADDRESS);
    await once(listener, "listening");
    listeners.push(listener);
  }
  return { first, listeners, drawn };
}

export async function startScriptedServer(changes: Partial<Script> = {}): Promise<ScriptedServer> {
  const rangeSize = changes.rangeSize ?? 6;
  const script: Script = {
    certificate: changes.certificate ?? (await makeNamedCertificate({ names: [ADDRESS] })),
    maxTlsVersion: "TLSv1.3",
    requireTlsForUser: true,
    requireTlsForData: false,
    denyTlsForData: false,
    advertisedAddress: ADDRESS,
    rangeSize,
    leasedSize: rangeSize,
    order: "ascending",
    strayPort: undefined,
    listenAfterRange: false,
    replies: {},
    silentOn: [],
    resetOn: [],
    textAfterAuth: "",
    resumeSessions: true,
    download: (stored) => stored,
    store: (sent) => sent,
    keepDeleted: false,
    idleMilliseconds: undefined,
    ...changes,
  };
  const state = new ServerState(script);
  const { first, listeners, drawn } = await listenOnRange(
    script.leasedSize + (script.listenAfterRange ? 1 : 0),
    rangeSize,
    (port, socket) => {
      state.arrive(port, socket);
    },
  );
  state.first = first;
  const plain = createServer((socket) => {
    state.own(socket);
    void new ScriptedSession(state, socket).run();
  });
  const implicit = createServer((socket) => {
    state.own(socket);
    void new ScriptedSession(state, state.secure(socket)).run();
  });
  await Promise.all(
    [plain, implicit].map((server) => once(server.listen(0, ADDRESS), "listening")),
  );
  return {
    address: ADDRESS,
    controlPort: (plain.address() as AddressInfo).port,
    implicitTlsPort: (implicit.address() as AddressInfo).port,
    passivePorts: { first, last: first + rangeSize - 1 },
    fingerprint: script.certificate.fingerprint,
    files: state.files,
    heard: state.heard,
    async [Symbol.asyncDispose]() {
      for (const server of [plain, implicit, ...listeners]) server.close();
      for (const socket of state.sockets) socket.destroy();
      giveBackPorts(drawn);
      return Promise.resolve();
    },
  };
}
