/**
 * Logins that were right a moment ago. Passwords are never kept: a login is known by a keyed hash
 * that dies with the process.
 */
import { hash, randomBytes } from "node:crypto";

/** The oldest goes first. */
const MOST_REMEMBERED = 10_000;

export class RememberedLogins<T> {
  /** Ahead of what is hashed: nobody sees a name, and nobody can make one that is known. */
  readonly #key = randomBytes(32).toString("base64");
  readonly #milliseconds: number;
  readonly #now: () => number;
  readonly #logins = new Map<string, { readonly value: T; readonly untilMs: number }>();

  /**
   * @param milliseconds how long a login is remembered; 0: not at all.
   * @param now milliseconds of any clock.
   */
  constructor(milliseconds: number, now: () => number) {
    this.#milliseconds = milliseconds;
    this.#now = now;
  }

  /** The name under which a login is remembered. @param parts all that it was decided by. */
  nameOf(parts: readonly string[]): string {
    return hash("sha256", this.#key + JSON.stringify(parts), "base64");
  }

  find(name: string): T | undefined {
    const known = this.#logins.get(name);
    if (known !== undefined && known.untilMs > this.#now()) return known.value;
    this.#logins.delete(name);
    return undefined;
  }

  remember(name: string, value: T): void {
    if (this.#milliseconds === 0) return;
    const oldest = this.#logins.keys().next();
    if (this.#logins.size >= MOST_REMEMBERED && oldest.done !== true) {
      this.#logins.delete(oldest.value);
    }
    this.#logins.set(name, { value, untilMs: this.#now() + this.#milliseconds });
  }
}
