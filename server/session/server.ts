/** The FTP server: its sessions and the view that all of them share. Who accepts is another part. */
import type { Socket } from "node:net";
import type { Logger } from "../logging/logger.ts";
import type { W3cLog } from "../logging/w3c-log.ts";
import { Metrics, type Gauges } from "../status/metrics.ts";
import { unmapAddress } from "../protocol/addresses.ts";
import type { AdmittedClient } from "./door.ts";
import { applyBandwidth } from "./presence.ts";
import { SessionRegistry, type DrainPlan } from "./registry.ts";
import { SessionJournal } from "./journal.ts";
import { Session, type SessionHost } from "./session.ts";
import type { ServerView } from "./view.ts";

export class FtpServer implements SessionHost {
  readonly metrics = new Metrics();
  readonly #logger: Logger;
  readonly #sessions = new SessionRegistry();
  #view: ServerView;
  #leaving = false;
  #draining = false;

  constructor(view: ServerView, logger: Logger) {
    this.#view = view;
    this.#logger = logger;
  }

  /** True once sessions end with the command that they are at. */
  get draining(): boolean {
    return this.#draining;
  }

  /** One for all sessions. */
  readonly #accessLog = (): W3cLog | undefined => this.#view.w3cLog;

  /** True once no more clients are let in. */
  get leaving(): boolean {
    return this.#leaving;
  }

  /** What is so at this moment, for metrics and status. */
  gauges(): Gauges {
    const { transfersStarted, transfersCompleted, transfersFailed } = this.metrics;
    const { passivePorts, sites } = this.#view;
    const passive = passivePorts.usage();
    const expiriesMs = sites.flatMap(({ tls }) => tls?.certificate().expiresMs ?? []);
    const expiresMs = expiriesMs.length === 0 ? undefined : Math.min(...expiriesMs);
    return {
      draining: this.#leaving,
      workers: 1,
      sessions: this.#sessions.size,
      transfers: transfersStarted - transfersCompleted - transfersFailed,
      passivePorts: passive.ports,
      passiveListening: passive.listening,
      passivePending: passive.pending,
      certificateExpiresSeconds:
        expiresMs === undefined ? undefined : Math.floor((expiresMs - Date.now()) / 1000),
    };
  }

  view(): ServerView {
    return this.#view;
  }

  /** Puts a new view in force; sessions see it with their next command. */
  replaceView(view: ServerView): void {
    this.#view = view;
    applyBandwidth(view);
  }

  /** Takes leave of all clients, resolves when the last one is gone. */
  async drain(plan: DrainPlan): Promise<void> {
    this.#leaving = true;
    const stop = (): void => void (this.#draining = true);
    if (plan.idleMilliseconds === 0 || plan.deadline.aborted) stop();
    else plan.deadline.addEventListener("abort", stop, { once: true });
    this.#view.passivePorts.withdraw();
    await this.#sessions.drain(plan);
  }

  onSessionClosed(session: Session): void {
    this.#sessions.remove(session);
  }

  /** Serves a client that was let in. */
  open(socket: Socket, { sessionId, mode, warning, place }: AdmittedClient): void {
    const peer = unmapAddress(socket.remoteAddress ?? "");
    // It may be gone again, and has no address any more then.
    if (peer === "" || this.#leaving) {
      socket.destroy();
      place[Symbol.dispose]();
      return;
    }
    this.#keepAlive(socket);
    const logger = this.#logger.with({ session: sessionId, peer });
    const journal = new SessionJournal({
      logger,
      metrics: this.metrics,
      sessionId,
      accessLog: this.#accessLog,
    });
    const session = new Session(socket, this, journal);
    this.#sessions.add(session, socket, place);
    if (warning !== undefined) logger.log("warn", "logonWouldBeDenied", { reason: warning });
    const { localPort } = session.connection;
    journal.opened(session, { port: localPort, implicitTls: mode !== "clear" });
    void session.start(mode);
  }

  /** Keeps the flow known to every device on the way during long transfers (see the contract). */
  #keepAlive(socket: Socket): void {
    const { keepalive } = this.#view.settings;
    if (keepalive === undefined) return;
    const { idleSeconds, intervalSeconds, count } = keepalive;
    socket.setKeepAlive(true, idleSeconds * 1000, intervalSeconds * 1000, count);
  }
}
