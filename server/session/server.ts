/** The FTP server: listeners, sessions and the view that all of them share. */
import type { Socket } from "node:net";
import type { Logger } from "../logging/logger.ts";
import { Metrics, type Gauges } from "../status/metrics.ts";
import { unmapAddress } from "../protocol/addresses.ts";
import { formatReply, reply } from "../protocol/replies.ts";
import { admitConnection, type ConnectionRefusal } from "./admission.ts";
import { ControlListeners, planListeners, type ListenerMode } from "./listeners.ts";
import { applyBandwidth } from "./presence.ts";
import { SessionRegistry } from "./registry.ts";
import { SessionJournal } from "./journal.ts";
import { Session, type SessionHost } from "./session.ts";
import type { ServerView } from "./view.ts";

const NOT_ALLOWED = reply.serviceClosing("Not allowed from your address.");

export class FtpServer implements SessionHost {
  readonly metrics = new Metrics();
  readonly #logger: Logger;
  readonly #sessions = new SessionRegistry();
  readonly #listeners = new ControlListeners((socket, mode) => this.#accept(socket, mode));
  #view: ServerView;
  #draining = false;
  #lastSession = 0;

  constructor(view: ServerView, logger: Logger) {
    this.#view = view;
    this.#logger = logger;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** What is so at this moment, for metrics and status. */
  gauges(): Gauges {
    const { transfersStarted, transfersCompleted, transfersFailed } = this.metrics;
    const { passivePorts, sites } = this.#view;
    const passive = passivePorts.usage();
    const expiriesMs = sites.flatMap(({ tls }) => tls?.certificate().expiresMs ?? []);
    const expiresMs = expiriesMs.length === 0 ? undefined : Math.min(...expiriesMs);
    return {
      draining: this.#draining,
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

  /**
   * Opens the listeners of the view.
   *
   * @throws ListenError
   */
  async listen(): Promise<void> {
    await this.#listeners.listenOn(planListeners(this.#view.settings));
  }

  /**
   * Puts a new view in force, listeners first: when one cannot be opened, nothing changes.
   * Sessions see it with their next command.
   *
   * @throws ListenError
   */
  async replaceView(view: ServerView): Promise<void> {
    await this.#listeners.listenOn(planListeners(view.settings));
    this.#view = view;
    applyBandwidth(view);
  }

  /** Stops accepting, takes leave of all clients, resolves when the last one is gone. */
  async drain(deadline: AbortSignal): Promise<void> {
    this.#draining = true;
    await this.#listeners[Symbol.asyncDispose]();
    await this.#sessions.drain(deadline);
  }

  onSessionClosed(session: Session): void {
    this.#sessions.remove(session);
  }

  #accept(socket: Socket, mode: ListenerMode): void {
    const address = unmapAddress(socket.remoteAddress ?? "");
    // A client that is gone already has no address any more.
    if (address === "" || this.#draining) {
      socket.destroy();
      return;
    }
    if (!this.#sessions.admits(address, this.#view.limits)) {
      const reason = "the process has all the sessions that it can hold";
      this.#refuse(socket, mode, { event: "tooManySessions", reason });
      return;
    }
    const admission = admitConnection(this.#view, address);
    if (admission.kind === "refused") {
      this.#refuse(socket, mode, admission);
      return;
    }
    this.#keepAlive(socket);
    const id = String(++this.#lastSession);
    const logger = this.#logger.with({ session: id, peer: address });
    const journal = new SessionJournal({
      logger,
      metrics: this.metrics,
      sessionId: id,
      accessLog: () => this.#view.w3cLog,
    });
    const session = new Session(socket, this, journal);
    this.#sessions.add(session, admission.place);
    if (admission.warning !== undefined) {
      logger.log("warn", "logonWouldBeDenied", { reason: admission.warning });
    }
    journal.opened(session, { port: socket.localPort, implicitTls: mode !== "clear" });
    void session.start(mode);
  }

  #refuse(socket: Socket, mode: ListenerMode, { event, reason }: ConnectionRefusal): void {
    this.metrics.sessionsRefused++;
    if (event === "logonDenied") this.metrics.logonsDenied++;
    this.#logger.log("warn", event, { peer: unmapAddress(socket.remoteAddress ?? ""), reason });
    socket.on("error", () => socket.destroy());
    // Somebody who guesses learns nothing of how long it lasts.
    const last =
      event === "tooManySessions" ? this.#view.sites[0].messages.tooManyClients() : NOT_ALLOWED;
    if (mode === "clear") socket.end(formatReply(last), () => socket.destroy());
    else socket.destroy();
  }

  /** Keeps the flow known to every device on the way during long transfers (see the contract). */
  #keepAlive(socket: Socket): void {
    const { keepalive } = this.#view.settings;
    if (keepalive === undefined) return;
    const { idleSeconds, intervalSeconds, count } = keepalive;
    socket.setKeepAlive(true, idleSeconds * 1000, intervalSeconds * 1000, count);
  }
}
