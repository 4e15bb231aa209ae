/** All sessions of the process, and the one timer that watches them. */
import type { Socket } from "node:net";
import { SessionMemory } from "../native/memory.ts";
import { BOUNDS } from "./limits.ts";
import type { Session } from "./session.ts";

/** How the process takes leave of its clients. */
export interface DrainPlan {
  /** Ends whatever is left. */
  readonly deadline: AbortSignal;
  /** Silence after which a session is dismissed; 0 where nobody serves in our place. */
  readonly idleMilliseconds: number;
}

/** What the registry knows of a session. */
interface Place {
  /** Of the server's limits. */
  readonly place: Disposable;
  /** Counts what moves on the connection, with TLS or without. */
  readonly socket: Socket;
  moved: number;
  sinceMs: number;
}

export class SessionRegistry {
  readonly #sessions = new Map<Session, Place>();
  readonly #memory = new SessionMemory();
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

  /** @param place disposed when the session is removed. */
  add(session: Session, socket: Socket, place: Disposable): void {
    this.#sessions.set(session, { place, socket, moved: -1, sinceMs: 0 });
    this.#memory.begin();
  }

  remove(session: Session): void {
    const held = this.#sessions.get(session);
    if (held === undefined) return;
    this.#sessions.delete(session);
    held.place[Symbol.dispose]();
    if (this.#sessions.size === 0) this.#onEmpty?.();
  }

  /**
   * Takes leave of everybody: of those who are silent for `idleMilliseconds`, and never in the midst
   * of a transfer. What is left when `deadline` aborts is cut: told so, and soon destroyed if it
   * does not go. Resolves when no session is left.
   */
  async drain({ deadline, idleMilliseconds }: DrainPlan): Promise<void> {
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const destroy = (): void => this.#sessions.forEach((_, session) => session.destroy());
    const cut = (): void => {
      setTimeout(destroy, BOUNDS.lingerSeconds * 1000).unref();
      for (const session of this.#sessions.keys()) session.cut();
    };
    deadline.addEventListener("abort", cut, { once: true });
    if (deadline.aborted) cut();
    const leave = setInterval(() => this.#dismissIdle(idleMilliseconds), BOUNDS.sweepMilliseconds);
    this.#dismissIdle(idleMilliseconds);
    if (this.#sessions.size > 0) await empty;
    clearInterval(leave);
    deadline.removeEventListener("abort", cut);
    clearInterval(this.#sweeper);
  }

  /** Dismisses sessions on whose connection nothing has moved for so long, either way. */
  #dismissIdle(idleMilliseconds: number): void {
    const nowMs = Date.now();
    for (const [session, place] of this.#sessions) {
      const moved = place.socket.bytesRead + place.socket.bytesWritten;
      if (place.moved !== moved) {
        place.moved = moved;
        place.sinceMs = nowMs;
      }
      if (nowMs - place.sinceMs >= idleMilliseconds) session.drain();
    }
  }
}
