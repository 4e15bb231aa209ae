/** Where clients come in, and how a session begins there. */
import { hostNamesOf, type Entrance, type ServerSettings } from "#contract";
import type { Reply } from "../protocol/replies.ts";
import { currentSite } from "./principal.ts";
import { IMPLICIT_TLS_STATE, INITIAL_STATE, type SessionState } from "./state.ts";
import type { ServerView } from "./view.ts";

/** The local end of a control connection, without IPv4-mapping. */
export interface LocalEnd {
  readonly localAddress: string;
  readonly localPort: number;
}

/** The state of a session that begins; shared by all while bindings name neither port nor address. */
export function beginState(
  settings: ServerSettings,
  mode: "clear" | "implicitTls",
  local: LocalEnd,
): SessionState {
  const initial = mode === "implicitTls" ? IMPLICIT_TLS_STATE : INITIAL_STATE;
  const entrance = entranceAt(settings, initial.entrance, local);
  return entrance === initial.entrance ? initial : { ...initial, entrance };
}

function entranceAt(
  { listen, sites }: ServerSettings,
  plain: Entrance,
  { localAddress, localPort }: LocalEnd,
): Entrance {
  const bindings = sites.flatMap((site) => site.bindings);
  const own = bindings.some(({ port }) => port === localPort);
  const byAddress = bindings.some(({ address }) => address !== undefined);
  const { controlPort, implicitTlsPort } = listen;
  const isPlain = !own || localPort === controlPort || localPort === implicitTlsPort;
  if (isPlain && !byAddress) return plain;
  return {
    channel: plain.channel,
    port: isPlain ? undefined : localPort,
    address: byAddress ? localAddress : undefined,
  };
}

/** What a client is told first; undefined where no site is bound to where it came in. */
export function greet(view: ServerView, state: SessionState, sessionId: string): Reply | undefined {
  return view.sites.some(({ settings }) => hostNamesOf(settings, state.entrance).length > 0)
    ? currentSite(view, state).messages.greeting(sessionId)
    : undefined;
}
