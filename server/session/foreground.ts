/**
 * What takes its time on behalf of the client, and the lines that are read meanwhile: those that are
 * answered at once, and ABOR, which ends it.
 */
import type { ParsedCommand } from "../protocol/commands.ts";
import type { CommandQueue } from "./command-queue.ts";
import type { ControlConnection } from "./connection.ts";
import type { RunningCalculation } from "./running-calculation.ts";
import { RunningTransfer } from "./transfers.ts";

type Running = RunningTransfer | RunningCalculation;

export class Foreground {
  readonly #connection: ControlConnection;
  readonly #queue: CommandQueue;
  /** Answers a command while a transfer runs. */
  readonly #answer: (parsed: ParsedCommand) => void;
  #running: Running | undefined;
  #closed = false;

  constructor(
    connection: ControlConnection,
    queue: CommandQueue,
    answer: (parsed: ParsedCommand) => void,
  ) {
    this.#connection = connection;
    this.#queue = queue;
    this.#answer = answer;
  }

  get isEmpty(): boolean {
    return this.#running === undefined;
  }

  get transfer(): RunningTransfer | undefined {
    return this.#running instanceof RunningTransfer ? this.#running : undefined;
  }

  /** @param work runs `running` to its end, which comes soon when it is aborted. */
  async run<R>(running: Running, work: () => Promise<R>): Promise<R> {
    this.#running = running;
    try {
      // What came together with the command may end what it began.
      this.readAhead();
      if (this.#closed || this.#isAbandoned()) running.abort();
      return await work();
    } finally {
      this.#running = undefined;
    }
  }

  /** Reads what has arrived, as far as the client reads our replies. */
  readAhead(): void {
    const running = this.#running;
    if (running === undefined || this.#closed) return;
    const meanwhile = running instanceof RunningTransfer ? "transfer" : "calculation";
    while (!this.#connection.congested) {
      const urgent = this.#queue.readAhead(meanwhile);
      if (urgent === undefined) return;
      if (urgent.kind === "abort") running.abort();
      else this.#answer(urgent.parsed);
    }
  }

  /** The client has sent its last byte. */
  ended(): void {
    this.readAhead();
    if (this.#isAbandoned()) this.abort();
  }

  abort(): void {
    this.#running?.abort();
  }

  /** The session is over: ends what runs, and what may still begin. */
  close(): void {
    this.#closed = true;
    this.abort();
  }

  /** RFC 959 section 2.3: a control connection that closes without QUIT aborts the transfer. */
  #isAbandoned(): boolean {
    return this.#connection.ended && !this.#queue.holdsQuit;
  }
}
