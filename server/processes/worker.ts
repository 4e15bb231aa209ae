/** A worker process: serves the clients that the coordinator hands it. */
import type { Neighbour } from "../data/neighbour.ts";
import type { Logger } from "../logging/logger.ts";
import type { W3cLog } from "../logging/w3c-log.ts";
import type { W3cRecord } from "../logging/w3c-format.ts";
import { closeArrival, socketOf, type Arrival } from "../session/arrival.ts";
import { FtpServer } from "../session/server.ts";
import { describeProblem } from "../startup/problems.ts";
import { closeReplaced } from "../startup/replaced-views.ts";
import { openView, type Adapters, type OpenedView, type SharedLimits } from "../startup/views.ts";
import type { TicketSecret } from "../tls/ticket-keys.ts";
import { CoordinatedLimits } from "./coordinated-limits.ts";
import type { FromWorker, ToWorker, WorkerMail } from "./messages.ts";
import { OutgoingMail } from "./worker-mail.ts";

/** The way to the coordinator. */
export interface CoordinatorChannel {
  send(mail: WorkerMail): void;
  /** Ends the acknowledging of handles, if it can; tells of messages that came without theirs. */
  stopAcknowledging(onLost: (message: unknown) => void): boolean;
  /** Ends the process. */
  exit(): void;
}

/** What the worker's adapters get from the coordinator. */
export interface WorkerResources {
  readonly shared: SharedLimits;
  readonly ticketSecret: TicketSecret;
  readonly openW3cLog: () => W3cLog;
}

export interface WorkerOptions {
  readonly channel: CoordinatorChannel;
  readonly workers: number;
  /** As the coordinator knows it. */
  readonly neighbour: Neighbour;
  readonly logger: Logger;
  readonly chooseAdapters: (resources: WorkerResources) => Adapters;
}

/** Between two reports of what has been used of the shared limits; no mail waits longer. */
export const REPORT_MILLISECONDS = 250;

export class Worker {
  readonly #channel: CoordinatorChannel;
  readonly #mail: OutgoingMail;
  readonly #logger: Logger;
  readonly #neighbour: Neighbour;
  readonly #limits: CoordinatedLimits;
  readonly #adapters: Adapters;
  readonly #cut = new AbortController();
  #ticketSecret = Buffer.alloc(0);
  #server: FtpServer | undefined;
  #prepared: OpenedView | undefined;
  #lastFigures = "";

  constructor({ channel, workers, neighbour, logger, chooseAdapters }: WorkerOptions) {
    this.#channel = channel;
    this.#mail = new OutgoingMail((mail) => channel.send(mail));
    this.#neighbour = neighbour;
    this.#logger = logger;
    this.#limits = new CoordinatedLimits(workers, (message) => this.#send(message));
    this.#adapters = chooseAdapters({
      shared: this.#limits,
      ticketSecret: { current: () => this.#ticketSecret },
      openW3cLog: () => forwardW3c((message) => this.#send(message)),
    });
    setInterval(() => this.#report(), REPORT_MILLISECONDS).unref();
    const acknowledges = !channel.stopAcknowledging((message) =>
      // The coordinator runs the same code: nothing else can be on this channel.
      this.receive(message as ToWorker, undefined),
    );
    this.#send({ kind: "started", acknowledges });
  }

  /** Takes a message with the client that came beside it. */
  receive(message: ToWorker, arrival: Arrival | undefined): void {
    switch (message.kind) {
      case "prepare":
        this.#setTicketSecret(message.ticketSecret);
        void this.#neighbour.change(message.neighbour);
        void this.#prepare(message);
        return;
      case "commit":
      case "abandon":
        void this.#settle(message.kind).then(() => this.#done(message.id));
        return;
      case "client":
        this.#open(message, arrival);
        return;
      case "admission":
        this.#limits.answer(message.id, message.refusal);
        return;
      case "denial":
        this.#deny(message);
        return;
      case "shares":
        this.#limits.setShares(message.shares);
        return;
      case "ticketSecret":
        this.#setTicketSecret(message.ticketSecret);
        return;
      case "neighbour":
        void this.#neighbour.change(message.state).then(() => this.#done(message.id));
        return;
      case "report":
        this.#sendFigures(message.id);
        return;
      case "drain":
        void this.#drain(message.idleMilliseconds).then(() => this.#done(message.id));
        return;
      case "cut":
        this.#cut.abort();
        return;
      case "close":
        void this.#close();
    }
  }

  /** The coordinator is gone, and with it whoever would let clients in. */
  orphaned(): void {
    this.#cut.abort();
    void this.#drain(0).then(() => this.#channel.exit());
  }

  async #prepare({ id, settings }: Extract<ToWorker, { kind: "prepare" }>): Promise<void> {
    try {
      this.#prepared = await openView(this.#adapters, settings, this.#server?.view());
      this.#send({ kind: "prepared", id, problem: null });
    } catch (error) {
      const problem = describeProblem(error);
      const stack = error instanceof Error ? error.stack : undefined;
      this.#send({
        kind: "prepared",
        id,
        problem: problem ?? stack ?? String(error),
        bug: problem === undefined,
      });
    }
  }

  async #settle(how: "commit" | "abandon"): Promise<void> {
    if (this.#prepared === undefined) return;
    const { view, renewCertificates } = this.#prepared;
    const before = this.#server?.view();
    this.#prepared = undefined;
    if (how === "abandon") {
      if (before !== undefined) await closeReplaced(view, before);
      return;
    }
    renewCertificates();
    if (this.#server === undefined) this.#server = new FtpServer(view, this.#logger);
    else this.#server.replaceView(view);
    if (before !== undefined) await closeReplaced(before, view);
  }

  #open(client: Extract<ToWorker, { kind: "client" }>, arrival: Arrival | undefined): void {
    const { sessionId, mode, warning } = client;
    const place = {
      [Symbol.dispose]: () => this.#send({ kind: "closed", sessionId }),
    };
    // The client may have gone on the way here.
    if (arrival === undefined || this.#server === undefined) {
      if (arrival !== undefined) closeArrival(arrival);
      place[Symbol.dispose]();
      return;
    }
    const socket = socketOf(arrival);
    // Of a socket, what the coordinator's listener gave it does not come along.
    socket.allowHalfOpen = true;
    this.#server.open(socket, { sessionId, mode, warning, place });
  }

  /** Also in what is prepared: a table of its own, or the same one. */
  #deny({ address, remainingMs }: Extract<ToWorker, { kind: "denial" }>): void {
    for (const view of [this.#server?.view(), this.#prepared?.view]) {
      view?.logonAttempts.deny(address, remainingMs);
    }
  }

  async #drain(idleMilliseconds: number): Promise<void> {
    await this.#server?.drain({ deadline: this.#cut.signal, idleMilliseconds });
  }

  async #close(): Promise<void> {
    const view = this.#server?.view();
    await view?.passivePorts[Symbol.asyncDispose]();
    view?.w3cLog?.[Symbol.dispose]();
    this.#mail.flush();
    this.#channel.exit();
  }

  #send(message: FromWorker): void {
    this.#mail.post(message);
  }

  #done(id: number): void {
    this.#send({ kind: "done", id });
  }

  #setTicketSecret(text: string): void {
    const secret = Buffer.from(text, "base64");
    // Another object means another secret.
    if (!secret.equals(this.#ticketSecret)) this.#ticketSecret = secret;
  }

  #report(): void {
    const uses = this.#limits.takeUses();
    if (uses.length > 0) this.#send({ kind: "use", uses });
    const figures = this.#server === undefined ? "" : JSON.stringify(this.#server.metrics);
    if (figures !== this.#lastFigures) {
      this.#lastFigures = figures;
      this.#sendFigures(null);
    }
    this.#mail.flush();
  }

  #sendFigures(id: number | null): void {
    const server = this.#server;
    if (server === undefined) return;
    this.#send({
      kind: "figures",
      id,
      counters: { ...server.metrics },
      gauges: server.gauges(),
    });
  }
}

/** One process writes the log; lines of one turn of the event loop travel together. */
function forwardW3c(send: (message: FromWorker) => void): W3cLog {
  let pending: W3cRecord[] = [];
  const flush = (): void => {
    if (pending.length > 0) send({ kind: "w3c", records: pending });
    pending = [];
  };
  return {
    write(record) {
      if (pending.push(record) === 1) setImmediate(flush);
    },
    [Symbol.dispose]: flush,
  };
}
