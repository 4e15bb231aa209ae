/** Which certificate a control connection shows, and its data connections after it. */
import type { TlsChannel, TlsContexts } from "../tls/contexts.ts";
import type { ControlConnection } from "./connection.ts";
import type { Holdings } from "./holdings.ts";
import { BOUNDS } from "./limits.ts";
import { chooseByServerName, siteOfChoice } from "./site-selection.ts";
import type { SessionState, StateChange } from "./state.ts";
import type { ServerView } from "./view.ts";

export interface HandshakePlan {
  /** Undefined without a certificate. */
  readonly tls: TlsContexts | undefined;
  /** What the session knows once the handshake is done. */
  readonly change: Pick<SessionState, "site" | "handshake">;
}

/** The server name decides, then HOST, then the fallback of the channel. */
function planHandshake(
  { sites }: ServerView,
  { channel, site: before }: Pick<SessionState, "channel" | "site">,
  serverName: string | undefined,
): HandshakePlan {
  const choice = chooseByServerName(sites, channel, serverName, before);
  const site = siteOfChoice(sites, channel, choice);
  return {
    tls: site.tls,
    change: { site: choice, handshake: { kind: "done", siteName: site.name, serverName } },
  };
}

/**
 * The contexts of data connections: those of the control connection's handshake, also when a user
 * name has led to another site since. Theirs is the certificate that the client has checked, and
 * theirs the session that it resumes.
 */
export function tlsOfHandshake(
  view: ServerView,
  { handshake }: Pick<SessionState, "handshake">,
): TlsContexts | undefined {
  const site =
    handshake.kind === "done"
      ? view.sites.find(({ name }) => name === handshake.siteName)
      : undefined;
  return site?.tls ?? view.tls;
}

/** What a handshake on a control connection involves. */
export interface ControlHandshake {
  readonly connection: ControlConnection;
  readonly holdings: Holdings;
  /** With a certificate. */
  readonly view: ServerView;
  /** Written in the clear before. */
  readonly text: string;
  /** Takes effect with what the handshake tells. */
  readonly next: StateChange;
}

/** @throws TlsHandshakeError; the connection is closed then. */
export async function secureControl(handshake: ControlHandshake): Promise<void> {
  const { connection, holdings, view, text, next } = handshake;
  const state = { ...holdings.state, ...next };
  const timeout = AbortSignal.timeout(BOUNDS.tlsHandshakeSeconds * 1000);
  const signal = AbortSignal.any([holdings.signal(), timeout]);
  const choose = (serverName: string | undefined): TlsChannel => {
    const { tls } = planHandshake(view, state, serverName);
    if (tls === undefined) throw new Error("a handshake needs a certificate");
    return tls.control;
  };
  const serverName = await connection.secure(text, choose, signal);
  await holdings.apply({ ...next, ...planHandshake(view, state, serverName).change });
}
