/**
 * TLS 1.2 sessions by their id, for clients that take no tickets: curl switches tickets off, and
 * could not resume its control connection's session otherwise. TLS 1.3 knows tickets only.
 */
import { EventEmitter } from "node:events";
import type { Server } from "node:net";

/** A client resumes the session of its control connection, or that of its last data connection. */
const MOST_SESSIONS = 8;

export interface SessionStore {
  /** What Node asks for sessions: `TLSSocketOptions.server`. */
  readonly server: Server;
}

/** A store for one control connection and its data connections. */
export function createSessionStore(): SessionStore {
  const sessions = new Map<string, Buffer>();
  const events = new EventEmitter();
  events.on("newSession", (id: Buffer, session: Buffer, done: () => void) => {
    const oldest = sessions.keys().next();
    if (sessions.size >= MOST_SESSIONS && oldest.done !== true) sessions.delete(oldest.value);
    sessions.set(id.toString("hex"), session);
    done();
  });
  events.on("resumeSession", (id: Buffer, done: (error: null, session: Buffer | null) => void) =>
    done(null, sessions.get(id.toString("hex")) ?? null),
  );
  // Node only counts and calls the listeners of these two events; a server that listens on a port
  // is what its types know. `contexts.test.ts` fails should Node change that.
  return { server: events as Server };
}
