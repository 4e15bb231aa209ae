/** How long a client may leave the server waiting: for a login, for a command, for its farewell. */
import { BOUNDS, type SessionLimits } from "./limits.ts";

export class Patience {
  /** When the present state of the login began. */
  #sinceMs = Date.now();
  #loggedIn = false;
  /** When the last command was done. */
  #heardMs = Date.now();
  #leftMs: number | undefined;

  /** A command was done; a login begins or ends the time without one. */
  heard(loggedIn: boolean): void {
    this.#heardMs = Date.now();
    if (loggedIn !== this.#loggedIn) this.#sinceMs = this.#heardMs;
    this.#loggedIn = loggedIn;
  }

  /** The last reply was written; the client is to close its side. */
  left(): void {
    this.#leftMs ??= Date.now();
  }

  /** @param limits of the site that the session belongs to by now. */
  isOver(nowMs: number, limits: SessionLimits): boolean {
    if (this.#leftMs !== undefined) return nowMs > this.#leftMs + BOUNDS.lingerSeconds * 1000;
    return this.#loggedIn
      ? nowMs > this.#heardMs + limits.idleSessionSeconds * 1000
      : nowMs > this.#sinceMs + limits.unauthenticatedSeconds * 1000;
  }
}
