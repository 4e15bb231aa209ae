/** Which certificate a control connection shows, and its data connections after it. */
import type { TlsChannel, SessionChannels } from "../tls/contexts.ts";
import type { ControlConnection } from "./connection.ts";
import { inTime } from "./deadline.ts";
import type { Holdings } from "./holdings.ts";
import { BOUNDS } from "./limits.ts";
import { chooseByServerName, siteOfChoice, type SiteChoice } from "./site-selection.ts";
import type { SessionState, StateChange } from "./state.ts";
import type { ServerView } from "./view.ts";

interface HandshakePlan {
  readonly site: SiteChoice;
  /** Whose certificate is shown. */
  readonly siteName: string;
  readonly channels: SessionChannels;
}

/** The server name decides, then HOST, then the fallback of the channel. */
function planHandshake(
  { sites }: ServerView,
  { entrance, site: before }: Pick<SessionState, "entrance" | "site">,
  serverName: string | undefined,
): HandshakePlan {
  const choice = chooseByServerName(sites, entrance, serverName, before);
  const site = siteOfChoice(sites, entrance, choice);
  if (site.tls === undefined) throw new Error("a handshake needs a certificate");
  return { site: choice, siteName: site.name, channels: site.tls.openSession() };
}

/**
 * The channels of data connections: those of the control connection's handshake, also when a user
 * name has led to another site since, or when the certificate was renewed. Theirs is the
 * certificate that the client has checked, and theirs the session that it resumes.
 */
export function tlsOfHandshake({ handshake }: Pick<SessionState, "handshake">): SessionChannels {
  if (handshake.kind === "done") return handshake.channels;
  throw new Error("a private data connection without TLS on the control connection");
}

/** What a change of the protection of a control connection involves. */
export interface ControlHandshake {
  readonly connection: ControlConnection;
  readonly holdings: Holdings;
  /** With a certificate. */
  readonly view: ServerView;
  /** Written before, as the connection was protected until then. */
  readonly text: string;
  /** Takes effect with what the handshake tells. */
  readonly next: StateChange;
}

/** Begins TLS. @throws TlsHandshakeError; the connection is closed then. */
export async function secureControl(handshake: ControlHandshake): Promise<void> {
  const { connection, holdings, view, text, next } = handshake;
  const state = { ...holdings.state, ...next };
  const plans: HandshakePlan[] = [];
  const choose = (serverName: string | undefined): TlsChannel => {
    const plan = planHandshake(view, state, serverName);
    plans.push(plan);
    return plan.channels.control;
  };
  const facts = await inTime(holdings.signal(), BOUNDS.tlsHandshakeSeconds, (signal) =>
    connection.secure(text, choose, signal),
  );
  for (const { site, siteName, channels } of plans) {
    const done = { kind: "done", siteName, channels, ...facts } as const;
    await holdings.apply({ ...next, site, handshake: done });
  }
}

/** Ends TLS (CCC). @throws TlsHandshakeError; the connection is closed then. */
export async function clearControl(
  connection: ControlConnection,
  holdings: Holdings,
  text: string,
  next: StateChange,
): Promise<void> {
  await inTime(holdings.signal(), BOUNDS.tlsHandshakeSeconds, (signal) =>
    connection.clear(text, signal),
  );
  await holdings.apply(next);
}
