/** Fairness among transfers: how much of one turn of the event loop they take. */
import { systemCalls } from "../native/system-calls.ts";

export interface TurnQuantumOptions {
  /** How much of a turn, whatever else waits; whoever has begun a chunk finishes it. */
  readonly turnMs: number;
  /** How much of a turn in which nothing else waits. */
  readonly quietTurnMs: number;
  /** The same after `steadyTurns` turns in a row in which nothing else waited; see `needTurns`. */
  readonly steadyTurnMs: number;
  readonly steadyTurns: number;
  /** Whether anything else waits. */
  readonly othersWait: () => boolean;
  readonly nowMs?: () => number;
}

/**
 * A share of each turn for all transfers of the process together. Disk and socket often answer at
 * once, so a transfer would run on and on within one turn, and every other session would wait for
 * its end. Measured in time, because a chunk costs the kernel a tenth of what encryption takes.
 */
export class TurnQuantum {
  readonly #options: TurnQuantumOptions;
  readonly #nowMs: () => number;
  readonly #queue: (() => void)[] = [];
  #begunMs = 0;
  #armed = false;
  /** How many turns in a row nothing else has waited in. */
  #quietTurns = 0;
  /** Something else waits, or did when last asked: this turn is over. Undefined: nobody asked. */
  #disturbed: boolean | undefined;
  #turnsNeeded = 0;

  constructor(options: TurnQuantumOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Undefined: go on in this turn; else resolves in the turn that has room, first come first. */
  ready(): Promise<void> | undefined {
    if (!this.#armed) this.#begin();
    if (this.#queue.length === 0 && this.#hasRoom) return undefined;
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  /** A chunk has moved; `ready` comes before the next one. */
  spend(): void {
    if (this.#queue.length > 0 && this.#hasRoom) this.#queue.shift()?.();
  }

  /**
   * Until it is disposed, no turn is longer than `quietTurnMs`: something goes on from turn to turn, and
   * nothing that could be asked for tells of it.
   */
  needTurns(): Disposable {
    this.#turnsNeeded++;
    let needed = 1;
    return {
      [Symbol.dispose]: () => {
        this.#turnsNeeded -= needed;
        needed = 0;
      },
    };
  }

  get #hasRoom(): boolean {
    const { turnMs, quietTurnMs, steadyTurnMs, steadyTurns, othersWait } = this.#options;
    const spentMs = this.#nowMs() - this.#begunMs;
    if (spentMs < turnMs) return true;
    this.#disturbed ||= othersWait();
    if (this.#disturbed) return false;
    const isSteady = this.#quietTurns >= steadyTurns && this.#turnsNeeded === 0;
    return spentMs < (isSteady ? steadyTurnMs : quietTurnMs);
  }

  #begin(): void {
    this.#begunMs = this.#nowMs();
    this.#armed = true;
    this.#disturbed = undefined;
    setImmediate(this.#endTurn);
  }

  /** One goes on in any case, and passes the rest of the turn on when it has moved its chunk. */
  readonly #endTurn = (): void => {
    this.#armed = false;
    const isOver = this.#queue.length === 0;
    this.#quietTurns = isOver || this.#disturbed !== false ? 0 : this.#quietTurns + 1;
    if (isOver) return;
    this.#begin();
    this.#queue.shift()?.();
  };
}

/** Bytes that a transfer moves at once. */
export const CHUNK_BYTES = 256 * 1024;

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

export const transferQuantum = new TurnQuantum({
  turnMs: TURN_MS,
  quietTurnMs: QUIET_TURN_MS,
  steadyTurnMs: STEADY_TURN_MS,
  steadyTurns: STEADY_TURNS,
  othersWait: () => systemCalls()?.eventsWait() ?? true,
});
