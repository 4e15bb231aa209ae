/** All sessions of the process: how many there may be, and the one timer that watches them. */
import { BOUNDS, type SessionLimits } from "./limits.ts";
import type { Session } from "./session.ts";

export class SessionRegistry {
  /** With the place that each takes of the server's limits. */
  readonly #sessions = new Map<Session, Disposable>();
  readonly #countOfAddress = new Map<string, number>();
  readonly #sweeper: NodeJS.Timeout;
  #onEmpty: (() => void) | undefined;

  constructor() {
    this.#sweeper = setInterval(() => {
      const nowMs = Date.now();
      for (const session of this.#sessions.keys()) session.sweep(nowMs);
    }, BOUNDS.sweepMilliseconds);
    this.#sweeper.unref();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Whether one more session may come from `address`. */
  admits(address: string, limits: SessionLimits): boolean {
    return (
      this.#sessions.size < limits.sessions &&
      (this.#countOfAddress.get(address) ?? 0) < limits.sessionsPerAddress
    );
  }

  /** @param place disposed when the session is removed. */
  add(session: Session, place: Disposable): void {
    this.#sessions.set(session, place);
    this.#count(session, 1);
  }

  remove(session: Session): void {
    const place = this.#sessions.get(session);
    if (place === undefined) return;
    this.#sessions.delete(session);
    place[Symbol.dispose]();
    this.#count(session, -1);
    if (this.#sessions.size === 0) this.#onEmpty?.();
  }

  /**
   * Takes leave of everybody: at once of those who are idle, of the others after their transfer.
   * What is left when `deadline` aborts is cut. Resolves when no session is left.
   */
  async drain(deadline: AbortSignal): Promise<void> {
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const cut = (): void => this.#sessions.forEach((_, session) => session.destroy());
    deadline.addEventListener("abort", cut, { once: true });
    for (const session of this.#sessions.keys()) session.drain();
    if (this.#sessions.size > 0) await empty;
    deadline.removeEventListener("abort", cut);
    clearInterval(this.#sweeper);
  }

  #count({ connection: { peerAddress } }: Session, change: 1 | -1): void {
    const count = (this.#countOfAddress.get(peerAddress) ?? 0) + change;
    if (count > 0) this.#countOfAddress.set(peerAddress, count);
    else this.#countOfAddress.delete(peerAddress);
  }
}
