/**
 * The other generation of the server, as far as passive ports are concerned: two live side by side
 * during an upgrade, each prefers its own half of the range, and neither may stand in the way of the
 * other there.
 */

/**
 * - `absent`: nobody else is there; the whole range is ours.
 * - `predecessor`: one that was here before us and may still listen on ports of our half.
 * - `successor`: one that came after us: what we do not use of its half is to be free.
 */
export type NeighbourState = "absent" | "predecessor" | "successor";

/** Told of a change; what it returns is waited for before anybody relies on the new state. */
export type NeighbourWatcher = (state: NeighbourState) => void | Promise<void>;

export class Neighbour {
  readonly #watchers = new Set<NeighbourWatcher>();
  #state: NeighbourState;

  constructor(state: NeighbourState) {
    this.#state = state;
  }

  get state(): NeighbourState {
    return this.#state;
  }

  /** Resolves when everybody who watches has acted upon it. */
  async change(state: NeighbourState): Promise<void> {
    if (state === this.#state) return;
    this.#state = state;
    await Promise.all([...this.#watchers].map(async (watcher) => watcher(state)));
  }

  watch(watcher: NeighbourWatcher): Disposable {
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }
}
