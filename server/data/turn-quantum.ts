/** Fairness among transfers: how much of one turn of the event loop they take. */
import { systemCalls } from "../native/system-calls.ts";
import { sendThreads } from "./send-threads.ts";

export interface TurnQuantumOptions {
  /** How much of a turn, whatever else waits; whoever has begun a chunk finishes it. */
  readonly turnMs: number;
  /** How much of a turn in which nothing else waits. */
  readonly quietTurnMs: number;
  /** The same after `steadyTurns` turns in a row in which nothing else waited; see `needTurns`. */
  readonly steadyTurnMs: number;
  readonly steadyTurns: number;
  /** How long transfers give way at most before they have a turn again; see `giveWay`. */
  readonly giveWayMs: number;
  /** Whether anything else waits. */
  readonly othersWait: () => boolean;
  /** Whether no session has had a command run for a while; see `ready`. */
  readonly isQuiet: () => boolean;
  readonly nowMs?: () => number;
}

/** How often a transfer may go on within one turn. */
type Steps = "one" | "many";

interface Waiting {
  readonly steps: Steps;
  readonly resolve: () => void;
}

/**
 * A share of each turn for all transfers of the process together. Disk and socket often answer at
 * once, so a transfer would run on and on within one turn, and every other session would wait for
 * its end. Measured in time, because a chunk costs the kernel a tenth of what encryption takes.
 */
export class TurnQuantum {
  readonly #options: TurnQuantumOptions;
  readonly #nowMs: () => number;
  readonly #queue: Waiting[] = [];
  #begunMs = 0;
  #armed = false;
  /** Somebody has been let go on whose time is not spent yet. */
  #granted = false;
  /** How many turns in a row nothing else has waited in. */
  #quietTurns = 0;
  /** Something else waits, or did when last asked: this turn is over. Undefined: nobody asked. */
  #disturbed: boolean | undefined;
  readonly #turnsNeeded = new Holds();
  readonly #waysGiven = new Holds();
  /** Transfers stand aside in this turn. */
  #aside = false;
  /** When a transfer last went on. */
  #grantedMs = 0;

  constructor(options: TurnQuantumOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /**
   * Undefined: go on in this turn; else resolves in the turn that has room, first come first. One after
   * the other: what is let go on together has spent nothing yet, and would fill the turn many times over.
   *
   * @param steps `one`: it asks no second time in a turn, because what it writes is gone in the next one.
   *   While no session has commands run, all of these go on in one turn of `steadyTurnMs`, which costs
   *   them less than many turns.
   */
  ready(steps: Steps = "many"): Promise<void> | undefined {
    if (!this.#armed) this.#begin();
    if (this.#queue.length === 0 && !this.#granted && this.#hasRoomFor(steps)) {
      this.#grant();
      return undefined;
    }
    return new Promise((resolve) => this.#queue.push({ steps, resolve }));
  }

  /**
   * What `ready` was for is done in this turn: a chunk has moved, or it waits for something else. Whoever
   * does not say so keeps the others waiting for the next turn. Who moved a chunk without having asked,
   * the first of a file say, says so as well; then one more may go on in this turn.
   */
  spend(): void {
    this.#granted = false;
    const [next] = this.#queue;
    if (next !== undefined && this.#hasRoomFor(next.steps)) this.#grant();
  }

  /**
   * What `ready` was for is done in the next turn, and `spend` comes then. While no session has commands
   * run, others need not wait for it.
   */
  spendLater(): void {
    if (this.#options.isQuiet()) this.spend();
  }

  /**
   * Until it is disposed, no turn is longer than `quietTurnMs`, but for those that ask once in a turn:
   * something goes on from turn to turn, and nothing that could be asked for tells of it.
   */
  needTurns(): Disposable {
    return this.#turnsNeeded.take();
  }

  /**
   * Until it is disposed, transfers stand aside for something that is done in a few turns, so that these
   * are short; at most for `giveWayMs`, and then they have a turn of `turnMs`.
   */
  giveWay(): Disposable {
    return this.#waysGiven.take();
  }

  #hasRoomFor(steps: Steps): boolean {
    if (this.#aside) return false;
    const { turnMs, quietTurnMs, steadyTurnMs, steadyTurns, othersWait, isQuiet } = this.#options;
    const spentMs = this.#nowMs() - this.#begunMs;
    if (spentMs < turnMs) return true;
    if (this.#waysGiven.any) return false;
    if (steps === "one" && isQuiet()) return spentMs < steadyTurnMs;
    this.#disturbed ||= othersWait();
    if (this.#disturbed) return false;
    const isSteady = this.#quietTurns >= steadyTurns && !this.#turnsNeeded.any;
    return spentMs < (isSteady ? steadyTurnMs : quietTurnMs);
  }

  #begin(): void {
    this.#begunMs = this.#nowMs();
    this.#armed = true;
    this.#granted = false;
    this.#disturbed = undefined;
    const asideMs = this.#begunMs - this.#grantedMs;
    this.#aside = this.#waysGiven.any && asideMs < this.#options.giveWayMs;
    setImmediate(this.#endTurn);
  }

  /** One goes on in any case, and passes the rest of the turn on when it has moved its chunk. */
  readonly #endTurn = (): void => {
    this.#armed = false;
    const isOver = this.#queue.length === 0;
    this.#quietTurns = isOver || this.#disturbed !== false ? 0 : this.#quietTurns + 1;
    if (isOver) return;
    this.#begin();
    if (!this.#aside) this.#grant();
  };

  /** Lets the first go on that waits, or whoever asks. */
  #grant(): void {
    this.#granted = true;
    this.#grantedMs = this.#nowMs();
    this.#queue.shift()?.resolve();
  }
}

/** Counts what has been taken and not been disposed; disposing once more changes nothing. */
class Holds {
  #count = 0;

  get any(): boolean {
    return this.#count > 0;
  }

  take(): Disposable {
    this.#count++;
    let held = 1;
    return {
      [Symbol.dispose]: () => {
        this.#count -= held;
        held = 0;
      },
    };
  }
}

/** Bytes that a transfer moves at once. */
export const CHUNK_BYTES = 256 * 1024;
/**
 * The same under TLS for a client that takes it, while no session has commands run: each write costs
 * Node some 15 µs, whatever its length. Twice as much again, with what it becomes encrypted, outgrows a
 * processor's own cache.
 */
export const QUIET_CHUNK_BYTES = 2 * CHUNK_BYTES;

/** What another session's command waits for at most, beside the chunk that was begun. */
const TURN_MS = 0.15;
/** What began to be waited for within this very turn is not seen before the next one. */
const QUIET_TURN_MS = 0.5;
/**
 * Where nothing has happened for some turns, nothing has begun to be waited for either, and no session is
 * amid something that takes it a few turns. What takes more turns says so.
 */
const STEADY_TURN_MS = 2;
const STEADY_TURNS = 10;
/** Some eight turns in which transfers do nothing; whatever happens, a third of the time stays theirs. */
const GIVE_WAY_MS = 0.3;

export const transferQuantum = new TurnQuantum({
  turnMs: TURN_MS,
  quietTurnMs: QUIET_TURN_MS,
  steadyTurnMs: STEADY_TURN_MS,
  steadyTurns: STEADY_TURNS,
  giveWayMs: GIVE_WAY_MS,
  othersWait: () => systemCalls()?.eventsWait() ?? true,
  isQuiet: () => sendThreads.isQuiet,
});
