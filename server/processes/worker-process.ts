/** A worker as the coordinator sees it: its process, its sessions, its places under limits. */
import type { ChildProcess, SendHandle } from "node:child_process";
import { Socket } from "node:net";
import type { ScopeUse } from "../access/bandwidth.ts";
import type { NeighbourState } from "../data/neighbour.ts";
import { closeArrival, type Arrival } from "../session/arrival.ts";
import type { AdmittedClient } from "../session/door.ts";
import type { StatusReport } from "../status/status-pages.ts";
import { expectNoAcknowledgement } from "./acknowledgements.ts";
import type { FromWorker, ToWorker, WorkerMail, WorkerSettings } from "./messages.ts";

/** What workers ask of the coordinator. */
export interface WorkerHost {
  onAdmit(worker: WorkerProcess, message: Extract<FromWorker, { kind: "admit" }>): void;
  onFailure(address: string): void;
  onW3c(records: Extract<FromWorker, { kind: "w3c" }>["records"]): void;
  onEnded(worker: WorkerProcess, how: { code: number | null; signal: string | null }): void;
}

/** Whether something was prepared, and why not. */
export type Preparation = Pick<Extract<FromWorker, { kind: "prepared" }>, "problem" | "bug">;

/** A worker that says nothing for so long is told of without its figures. */
const REPORT_MILLISECONDS = 1000;
/** For an orderly end, once everything is drained. */
const CLOSE_MILLISECONDS = 3000;
const GONE: Preparation = { problem: null };

export class WorkerProcess {
  readonly index: number;
  readonly startedMs = Date.now();
  /** Places of its sessions, by their ids, and of their logins. */
  readonly sessions = new Map<string, Disposable>();
  readonly places = new Map<number, Disposable>();
  /** True from the first settings in force until the process ends. */
  serving = false;
  ended = false;
  /** The last that it told of itself. */
  figures: StatusReport | undefined;
  uses: readonly ScopeUse[] = [];
  readonly #child: ChildProcess;
  readonly #started = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<void>();
  readonly #asked = new Map<number, (answer: FromWorker | undefined) => void>();
  #lastQuestion = 0;
  #acknowledges = true;

  constructor(index: number, child: ChildProcess, host: WorkerHost) {
    this.index = index;
    this.#child = child;
    child.on("message", (message) => {
      // The child runs the same code: nothing else can be on this channel.
      for (const each of message as WorkerMail) this.#receive(each, host);
    });
    // A process that could not be started has no exit; other errors are of single messages.
    child.on("error", () => {
      if (child.pid === undefined) this.#end(host, { code: null, signal: null });
    });
    child.once("exit", (code, signal) => this.#end(host, { code, signal }));
  }

  #end(host: WorkerHost, how: { code: number | null; signal: string | null }): void {
    if (this.ended) return;
    this.ended = true;
    this.serving = false;
    for (const place of [...this.sessions.values(), ...this.places.values()]) {
      place[Symbol.dispose]();
    }
    this.sessions.clear();
    this.places.clear();
    for (const answer of this.#asked.values()) answer(undefined);
    this.#started.resolve();
    this.#exited.resolve();
    host.onEnded(this, how);
  }

  get processId(): number | undefined {
    return this.#child.pid;
  }

  /** Opens everything for settings that are not in force yet. A worker that ends agrees. */
  async prepare(settings: WorkerSettings): Promise<Preparation> {
    await this.#started.promise;
    const answer = await this.#ask((id) => ({ kind: "prepare", id, ...settings }));
    return answer?.kind === "prepared" ? answer : GONE;
  }

  async settle(how: "commit" | "abandon"): Promise<void> {
    await this.#ask((id) => ({ kind: how, id }));
    if (how === "commit") this.serving = !this.ended;
  }

  /** Tells of the other generation; resolves when the worker has made room for it. */
  async meet(state: NeighbourState): Promise<void> {
    await this.#ask((id) => ({ kind: "neighbour", id, state }));
  }

  /** Hands a client over, with the place that it takes. */
  open(arrival: Arrival, { sessionId, mode, warning, place }: AdmittedClient): void {
    this.sessions.set(sessionId, place);
    const message: ToWorker = { kind: "client", sessionId, mode, warning };
    // Node takes handles too, though its published types do not say so.
    this.#child.send(message, arrival as SendHandle, {}, (error) => {
      // Of what has been sent, Node closes sockets itself, once they have arrived.
      if (error !== null || !(arrival instanceof Socket)) closeArrival(arrival);
      if (error !== null) this.#close(sessionId);
    });
    if (!this.#acknowledges && !(arrival instanceof Socket)) expectNoAcknowledgement(this.#child);
  }

  send(message: ToWorker): void {
    if (!this.ended && this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** What it has to tell now; of one that is gone or stuck, what it told last. */
  async report(): Promise<StatusReport | undefined> {
    if (!this.serving) return this.figures;
    const timeout = new Promise<undefined>((resolve) => {
      setTimeout(() => resolve(undefined), REPORT_MILLISECONDS).unref();
    });
    await Promise.race([timeout, this.#ask((id) => ({ kind: "report", id }))]);
    return this.figures;
  }

  /** Resolves when its last session has ended. */
  async drain(idleMilliseconds: number): Promise<void> {
    await this.#ask((id) => ({ kind: "drain", id, idleMilliseconds }));
  }

  /** Ends the process. */
  async close(): Promise<void> {
    this.send({ kind: "close" });
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), CLOSE_MILLISECONDS);
    await this.#exited.promise;
    clearTimeout(timer);
  }

  #ask(question: (id: number) => ToWorker): Promise<FromWorker | undefined> {
    if (this.ended) return Promise.resolve(undefined);
    const id = ++this.#lastQuestion;
    return new Promise((resolve) => {
      this.#asked.set(id, resolve);
      this.send(question(id));
    });
  }

  #receive(message: FromWorker, host: WorkerHost): void {
    switch (message.kind) {
      case "started":
        this.#acknowledges = message.acknowledges;
        this.#started.resolve();
        return;
      case "prepared":
      case "done":
        this.#answer(message.id, message);
        return;
      case "figures":
        this.figures = { counters: message.counters, gauges: message.gauges };
        if (message.id !== null) this.#answer(message.id, message);
        return;
      case "closed":
        this.#close(message.sessionId);
        return;
      case "admit":
        host.onAdmit(this, message);
        return;
      case "release":
        this.places.get(message.place)?.[Symbol.dispose]();
        this.places.delete(message.place);
        return;
      case "failure":
        host.onFailure(message.address);
        return;
      case "use":
        this.uses = message.uses;
        return;
      case "w3c":
        host.onW3c(message.records);
    }
  }

  #answer(id: number, message: FromWorker): void {
    this.#asked.get(id)?.(message);
    this.#asked.delete(id);
  }

  #close(sessionId: string): void {
    this.sessions.get(sessionId)?.[Symbol.dispose]();
    this.sessions.delete(sessionId);
  }
}
