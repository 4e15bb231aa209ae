/** What a worker has to tell the coordinator, until it is worth a message. */
import type { FromWorker, WorkerMail } from "./messages.ts";

/**
 * A message wakes the coordinator, which costs more than what is in it. Messages of one turn of the
 * event loop go together; that a place without limits was taken waits for the next of them, and is
 * never told when the place is given back before. The order stays.
 */
export class OutgoingMail {
  readonly #send: (mail: WorkerMail) => void;
  readonly #waiting = new Set<FromWorker>();
  /** Of `waiting`: places that the coordinator does not know of. */
  readonly #untold = new Map<number, FromWorker>();
  #leaves = false;

  constructor(send: (mail: WorkerMail) => void) {
    this.#send = send;
  }

  post(message: FromWorker): void {
    if (message.kind === "admit" && message.id === null) {
      this.#waiting.add(message);
      this.#untold.set(message.place, message);
      return;
    }
    if (message.kind === "release") {
      const untold = this.#untold.get(message.place);
      if (untold !== undefined) {
        this.#untold.delete(message.place);
        this.#waiting.delete(untold);
        return;
      }
    }
    this.#waiting.add(message);
    if (this.#leaves) return;
    this.#leaves = true;
    setImmediate(() => this.flush());
  }

  /** Sends all of it now. */
  flush(): void {
    this.#leaves = false;
    if (this.#waiting.size === 0) return;
    const mail = [...this.#waiting];
    this.#waiting.clear();
    this.#untold.clear();
    this.#send(mail);
  }
}
