/**
 * The process that accepts for several workers. It serves no session itself: it lets clients in,
 * hands each to the worker with the fewest sessions, counts what limits count, and keeps the
 * workers at the same settings.
 */
import type { ChildProcess } from "node:child_process";
import { isDeepStrictEqual } from "node:util";
import { formatRange, type ServerSettings } from "#contract";
import { openConnectionCounts } from "../access/connection-limits.ts";
import { planIpRestrictions } from "../access/ip-restrictions.ts";
import { openLogonAttempts } from "../access/logon-attempts.ts";
import { SYSTEM_CLOCK } from "../access/system-clock.ts";
import type { Neighbour, NeighbourState } from "../data/neighbour.ts";
import { mostWorkers, type Generation } from "../data/port-slices.ts";
import type { Logger } from "../logging/logger.ts";
import type { W3cLog } from "../logging/w3c-log.ts";
import { socketOf, type Arrival } from "../session/arrival.ts";
import { Door, type DoorView } from "../session/door.ts";
import type { InheritedSockets } from "../session/inherited-sockets.ts";
import { planSessionLimits } from "../session/limits.ts";
import { Listeners, planListeners, type ListenerPurpose } from "../session/listeners.ts";
import { planSiteMessages } from "../session/messages.ts";
import type { DrainPlan } from "../session/registry.ts";
import { RefusedByWorkerError } from "../startup/problems.ts";
import type { Serving } from "../startup/serving.ts";
import { addCounters, addGauges, Metrics } from "../status/metrics.ts";
import { StatusPages, type StatusReport } from "../status/status-pages.ts";
import { createTicketSecret } from "../tls/ticket-keys.ts";
import { planShares } from "./bandwidth-shares.ts";
import { Crew } from "./crew.ts";
import type { FromWorker, WorkerSettings } from "./messages.ts";
import { REPORT_MILLISECONDS } from "./worker.ts";
import type { WorkerProcess } from "./worker-process.ts";

export interface CoordinatorOptions {
  readonly settings: ServerSettings;
  /** Two or more. */
  readonly workers: number;
  readonly generation: Generation | undefined;
  /** The other generation, of which the workers are told. */
  readonly neighbour: Neighbour;
  readonly spawn: (index: number) => ChildProcess;
  readonly openW3cLog: (settings: ServerSettings["log"]) => W3cLog;
  readonly inherited: InheritedSockets;
  readonly statusSocket: string | undefined;
  readonly logger: Logger;
}

export class Coordinator implements Serving {
  readonly workers: number;
  readonly #options: CoordinatorOptions;
  readonly #metrics = new Metrics();
  readonly #connections = openConnectionCounts();
  readonly #ticketSecret = createTicketSecret();
  readonly #crew: Crew;
  readonly #listeners: Listeners;
  readonly #pages: StatusPages;
  readonly #timer: NodeJS.Timeout;
  readonly #watch: Disposable;
  #view: DoorView;
  #w3cLog: W3cLog | undefined;
  #sentSecret: Buffer;
  #leaving = false;

  private constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.workers = options.workers;
    const { settings, workers, neighbour, spawn, inherited, logger } = options;
    this.#view = openDoorView(settings);
    this.#sentSecret = this.#ticketSecret.current();
    this.#crew = new Crew({
      workers,
      spawn,
      logger,
      bringUp: (worker) => this.#bringUp(worker),
      host: {
        onAdmit: (worker, message) => this.#admit(worker, message),
        onFailure: (address) => this.#recordFailure(address),
        onW3c: (records) => records.forEach((record) => this.#w3cLog?.write(record)),
      },
    });
    const door = new Door<Arrival>({
      view: () => this.#view,
      connections: this.#connections,
      metrics: this.#metrics,
      logger,
      onAdmitted: (arrival, client) => this.#crew.open(arrival, client),
    });
    const isLeaving = (): boolean => this.#leaving || this.#crew.serving().length === 0;
    this.#pages = new StatusPages({
      get draining() {
        return isLeaving();
      },
      report: () => this.report(),
    });
    const accept = (arrival: Arrival, purpose: ListenerPurpose): void => {
      if (purpose === "health") this.#pages.accept(socketOf(arrival).resume());
      else door.accept(arrival, purpose);
    };
    this.#listeners = new Listeners({ inherited, onConnection: accept, onHandle: accept });
    this.#watch = neighbour.watch((state) => this.#meet(state));
    this.#timer = setInterval(() => this.#share(), REPORT_MILLISECONDS);
  }

  /** @throws ContractError, ListenError or RefusedByWorkerError; nothing is left behind. */
  static async open(options: CoordinatorOptions): Promise<Coordinator> {
    const coordinator = new Coordinator(options);
    const { settings, statusSocket, openW3cLog } = options;
    if (settings.log.enabled) coordinator.#w3cLog = openW3cLog(settings.log);
    try {
      await coordinator.#crew.start();
      (await coordinator.#listeners.prepare(planListeners(settings))).commit();
      if (statusSocket !== undefined) await coordinator.#pages.listen(statusSocket);
    } catch (error) {
      await coordinator.close();
      throw error;
    }
    return coordinator;
  }

  get settings(): ServerSettings {
    return this.#view.settings;
  }

  get sessions(): number {
    return this.#crew.sessions;
  }

  get outlived(): boolean {
    return this.#listeners.outlived;
  }

  countReload(outcome: "done" | "refused"): void {
    if (outcome === "done") this.#metrics.settingsReloads++;
    else this.#metrics.settingsRefused++;
  }

  /** First everybody prepares; only when all of them can is anything put in force. */
  async replace(settings: ServerSettings): Promise<void> {
    const { generation, workers: wanted } = this.#options;
    if (wanted > mostWorkers(settings.passive.ports, generation)) {
      throw new RefusedByWorkerError(
        `passive.ports: ${formatRange(settings.passive.ports)} has too few ports for ${String(wanted)} worker processes; give it more, or restart with fewer workers`,
      );
    }
    const workers = this.#crew.serving();
    const settle = (how: "commit" | "abandon"): Promise<unknown> =>
      Promise.all(workers.map((worker) => worker.settle(how)));
    const view = openDoorView(settings, this.#view);
    const w3cLog = this.#openW3cLog(settings);
    try {
      const answers = await Promise.all(
        workers.map((worker) => worker.prepare(this.#settingsOf(settings))),
      );
      const problem = answers.find((answer) => answer.problem !== null)?.problem;
      if (typeof problem === "string") throw new RefusedByWorkerError(problem);
      const listeners = await this.#listeners.prepare(planListeners(settings));
      this.#view = view;
      await settle("commit");
      listeners.commit();
    } catch (error) {
      await settle("abandon");
      if (w3cLog !== this.#w3cLog) w3cLog?.[Symbol.dispose]();
      throw error;
    }
    if (w3cLog !== this.#w3cLog) this.#w3cLog?.[Symbol.dispose]();
    this.#w3cLog = w3cLog;
  }

  async report(): Promise<StatusReport> {
    const reports = await Promise.all(this.#crew.serving().map((worker) => worker.report()));
    const present = reports.filter((report) => report !== undefined);
    const { lost, restarts } = this.#crew;
    const own = { ...this.#metrics, workerRestarts: restarts };
    const counters = [...present.map((report) => report.counters), ...(lost ? [lost] : [])];
    const gauges = addGauges(present.map((report) => report.gauges));
    return {
      counters: { ...counters.reduce(addCounters, own), startedMs: this.#metrics.startedMs },
      gauges: { ...gauges, draining: this.#leaving, workers: present.length },
    };
  }

  async drain({ deadline, idleMilliseconds }: DrainPlan): Promise<void> {
    this.#leaving = true;
    await this.#listeners[Symbol.asyncDispose]();
    this.#crew.leave();
    const workers = this.#crew.serving();
    const cut = (): void => {
      for (const worker of workers) worker.send({ kind: "cut" });
    };
    deadline.addEventListener("abort", cut, { once: true });
    if (deadline.aborted) cut();
    await Promise.all(workers.map((worker) => worker.drain(idleMilliseconds)));
    deadline.removeEventListener("abort", cut);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#watch[Symbol.dispose]();
    this.#pages[Symbol.dispose]();
    await this.#listeners[Symbol.asyncDispose]();
    await this.#crew.close();
    this.#w3cLog?.[Symbol.dispose]();
  }

  /** Until it has the settings in force, also when these change meanwhile. */
  async #bringUp(worker: WorkerProcess): Promise<void> {
    for (let put: ServerSettings | undefined; put !== this.settings && !worker.ended;) {
      put = this.settings;
      const { problem } = await worker.prepare(this.#settingsOf(put));
      if (problem !== null) throw new RefusedByWorkerError(problem);
      await worker.settle("commit");
    }
  }

  #settingsOf(settings: ServerSettings): WorkerSettings {
    const ticketSecret = this.#ticketSecret.current().toString("base64");
    return { settings, ticketSecret, neighbour: this.#options.neighbour.state };
  }

  /** Those that do not serve yet hold no ports: nobody waits for them. */
  async #meet(state: NeighbourState): Promise<void> {
    await Promise.all(
      this.#crew.all().map(async (worker) => {
        const met = worker.meet(state);
        if (worker.serving) await met;
      }),
    );
  }

  #openW3cLog({ log }: ServerSettings): W3cLog | undefined {
    if (!log.enabled) return undefined;
    const same = isDeepStrictEqual(log, this.settings.log);
    return same ? this.#w3cLog : this.#options.openW3cLog(log);
  }

  #admit(worker: WorkerProcess, message: Extract<FromWorker, { kind: "admit" }>): void {
    const { id, place, scope, limits, address } = message;
    const admission = this.#connections.admit(scope, limits, address);
    if (admission.kind === "admitted") worker.places.set(place, admission.place);
    if (id === null) return;
    const refusal =
      admission.kind === "admitted"
        ? null
        : { limit: admission.limit, allowed: admission.allowed, reason: admission.reason };
    worker.send({ kind: "admission", id, refusal });
  }

  #recordFailure(address: string): void {
    const standing = this.#view.logonAttempts.recordFailure(address);
    if (standing.kind !== "denied") return;
    const { remainingMs } = standing;
    for (const worker of this.#crew.serving()) {
      worker.send({ kind: "denial", address, remainingMs });
    }
  }

  /** Several times a second: bandwidth to those who want it, and ticket keys that have changed. */
  #share(): void {
    const workers = this.#crew.serving();
    for (const [index, shares] of planShares(
      workers.map(({ uses }) => uses),
      REPORT_MILLISECONDS,
    ).entries()) {
      if (shares.length > 0) workers[index]?.send({ kind: "shares", shares });
    }
    for (const worker of workers) worker.uses = [];
    const secret = this.#ticketSecret.current();
    if (secret === this.#sentSecret) return;
    this.#sentSecret = secret;
    const ticketSecret = secret.toString("base64");
    for (const worker of workers) worker.send({ kind: "ticketSecret", ticketSecret });
  }
}

function openDoorView(settings: ServerSettings, previous?: DoorView): DoorView {
  const [first, ...others] = settings.sites.map((site) => ({
    name: site.name,
    restrictions: planIpRestrictions(site.ipRestrictions),
    messages: planSiteMessages(site.name, site.messages),
    limits: planSessionLimits(site.timeouts),
  }));
  // Workers refuse settings without a site before anything gets this far.
  if (first === undefined) throw new RefusedByWorkerError("sites: is empty; declare at least one");
  const { logonAttempts } = settings;
  const same = isDeepStrictEqual(previous?.settings.logonAttempts, logonAttempts);
  return {
    settings,
    limits: first.limits,
    sites: [first, ...others],
    logonAttempts:
      same && previous !== undefined
        ? previous.logonAttempts
        : openLogonAttempts(logonAttempts, SYSTEM_CLOCK.nowMs),
  };
}
