/** The workers of a coordinator: started, chosen, and replaced when they die. */
import type { ChildProcess } from "node:child_process";
import type { Logger } from "../logging/logger.ts";
import { closeArrival, type Arrival } from "../session/arrival.ts";
import type { AdmittedClient } from "../session/door.ts";
import { addCounters, type Counters } from "../status/metrics.ts";
import { WorkerProcess, type WorkerHost } from "./worker-process.ts";

export interface CrewOptions {
  readonly workers: number;
  readonly spawn: (index: number) => ChildProcess;
  readonly host: Omit<WorkerHost, "onEnded">;
  /** Puts the settings in force in a worker that has started; rejects when it cannot. */
  readonly bringUp: (worker: WorkerProcess) => Promise<void>;
  readonly logger: Logger;
}

/** Deaths within this time count together. */
const CRASH_LOOP_MILLISECONDS = 60_000;
const FIRST_DELAY_MILLISECONDS = 500;
const LONGEST_DELAY_MILLISECONDS = 30_000;
/** Clients that may wait while no worker serves. */
const MOST_WAITING = 1024;

interface WaitingClient {
  readonly arrival: Arrival;
  readonly client: AdmittedClient;
}

/** The system has no process to give. */
class NotSpawnedError extends Error {
  override readonly name = "NotSpawnedError";
}

export class Crew {
  readonly #options: CrewOptions;
  readonly #workers = new Map<number, WorkerProcess>();
  readonly #deathsMs: number[] = [];
  readonly #waiting: WaitingClient[] = [];
  #closing = false;
  #next = 0;
  restarts = 0;
  /** What workers counted that are no more. */
  lost: Counters | undefined;

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  /** Starts all of them; rejects with the problem of the first that cannot serve. */
  async start(): Promise<void> {
    const indexes = Array.from({ length: this.#options.workers }, (_, index) => index);
    await Promise.all(indexes.map((index) => this.#start(index)));
  }

  /** Those that serve. */
  serving(): readonly WorkerProcess[] {
    return [...this.#workers.values()].filter(({ serving }) => serving);
  }

  /** Those that serve, and those that are about to. */
  all(): readonly WorkerProcess[] {
    return [...this.#workers.values()];
  }

  get sessions(): number {
    let count = this.#waiting.length;
    for (const { sessions } of this.#workers.values()) count += sessions.size;
    return count;
  }

  /** Hands a client to the worker with the fewest sessions; of several, to each in turn. */
  open(arrival: Arrival, client: AdmittedClient): void {
    const workers = this.serving();
    const [first] = workers;
    if (first === undefined) {
      this.#wait({ arrival, client });
      return;
    }
    const turn = this.#next++ % workers.length;
    let chosen = workers[turn] ?? first;
    for (const worker of workers) {
      if (worker.sessions.size < chosen.sessions.size) chosen = worker;
    }
    chosen.open(arrival, client);
  }

  /** Nobody is replaced any more. */
  leave(): void {
    this.#closing = true;
    for (const { arrival, client } of this.#waiting.splice(0)) refuse(arrival, client);
  }

  async close(): Promise<void> {
    this.leave();
    await Promise.all([...this.#workers.values()].map((worker) => worker.close()));
  }

  async #start(index: number): Promise<void> {
    const { host, bringUp, logger } = this.#options;
    const worker = new WorkerProcess(index, this.#spawn(index), {
      ...host,
      onEnded: (ended, how) => this.#onEnded(ended, how),
    });
    this.#workers.set(index, worker);
    await bringUp(worker);
    if (worker.ended) throw new Error(`worker ${String(index)} ended before it could serve`);
    logger.log("info", "workerServes", { worker: index, processId: worker.processId });
    for (const { arrival, client } of this.#waiting.splice(0)) this.open(arrival, client);
  }

  /** @throws NotSpawnedError */
  #spawn(index: number): ChildProcess {
    try {
      return this.#options.spawn(index);
    } catch (error) {
      throw new NotSpawnedError(error instanceof Error ? error.message : String(error));
    }
  }

  #onEnded(
    worker: WorkerProcess,
    { code, signal }: { code: number | null; signal: string | null },
  ): void {
    if (this.#workers.get(worker.index) === worker) this.#workers.delete(worker.index);
    const { figures } = worker;
    if (figures !== undefined) {
      this.lost =
        this.lost === undefined ? figures.counters : addCounters(this.lost, figures.counters);
    }
    if (this.#closing) return;
    const delayMs = this.#replaceLater(worker.index);
    this.#options.logger.log("error", "workerEnded", {
      worker: worker.index,
      code: code ?? undefined,
      signal: signal ?? undefined,
      replacedInSeconds: delayMs / 1000,
    });
  }

  /** @returns milliseconds until then: the more deaths of late, the more. */
  #replaceLater(index: number): number {
    const nowMs = Date.now();
    this.#deathsMs.push(nowMs);
    while ((this.#deathsMs[0] ?? nowMs) < nowMs - CRASH_LOOP_MILLISECONDS) this.#deathsMs.shift();
    const delayMs =
      this.#deathsMs.length === 1
        ? 0
        : Math.min(
            LONGEST_DELAY_MILLISECONDS,
            FIRST_DELAY_MILLISECONDS * 2 ** (this.#deathsMs.length - 2),
          );
    setTimeout(() => void this.#replace(index), delayMs);
    return delayMs;
  }

  async #replace(index: number): Promise<void> {
    if (this.#closing) return;
    this.restarts++;
    try {
      await this.#start(index);
    } catch (error) {
      // It is tried again when this one, too, has ended; one that never was has no end.
      const problem = error instanceof Error ? error.message : String(error);
      this.#options.logger.log("error", "workerNotReplaced", { worker: index, problem });
      if (error instanceof NotSpawnedError) this.#replaceLater(index);
      else void this.#workers.get(index)?.close();
    }
  }

  #wait(waiting: WaitingClient): void {
    if (this.#closing || this.#waiting.length >= MOST_WAITING) {
      refuse(waiting.arrival, waiting.client);
    } else {
      this.#waiting.push(waiting);
    }
  }
}

function refuse(arrival: Arrival, { place }: AdmittedClient): void {
  closeArrival(arrival);
  place[Symbol.dispose]();
}
