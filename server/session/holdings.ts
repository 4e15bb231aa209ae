/**
 * What a session holds and gives back: its state, the passive lease in it, and the signal that
 * ends what it started.
 */
import type { Presence } from "./presence.ts";
import {
  INITIAL_STATE,
  NO_DATA,
  type DataChannel,
  type Login,
  type SessionState,
  type StateChange,
} from "./state.ts";

export class Holdings {
  #state: SessionState = INITIAL_STATE;
  #end: AbortController | undefined;
  #released = false;

  get state(): SessionState {
    return this.#state;
  }

  /** Of MODE Z; undefined in MODE S. */
  get deflateLevel(): number | undefined {
    const { mode, deflateLevel } = this.#state;
    return mode === "deflate" ? deflateLevel : undefined;
  }

  /** A signal that aborts when the session ends; made only for those who ask. */
  signal(): AbortSignal {
    this.#end ??= new AbortController();
    if (this.#released) this.#end.abort();
    return this.#end.signal;
  }

  /** Whoever asked for the signal has finished. */
  dropSignal(): void {
    this.#end = undefined;
  }

  /** Applies changes; a data connection or login that is replaced is given back. */
  async apply(change: StateChange): Promise<void> {
    const { data, login } = this.#state;
    this.#state = { ...this.#state, ...change };
    const presence = presenceOf(login);
    if (presence !== presenceOf(this.#state.login)) presence?.[Symbol.dispose]();
    if (data !== this.#state.data) await giveBack(data);
    if (this.#released) await this.release();
  }

  /** Hands over the data connection that was prepared. */
  takeData(): DataChannel {
    const { data } = this.#state;
    this.#state = { ...this.#state, data: NO_DATA };
    return data;
  }

  /** The session is over: ends and gives back everything, also what is still to come. */
  async release(): Promise<void> {
    this.#released = true;
    this.#end?.abort();
    presenceOf(this.#state.login)?.[Symbol.dispose]();
    await giveBack(this.takeData());
  }
}

function presenceOf(login: Login): Presence | undefined {
  return login.kind === "loggedIn" ? login.principal.visit.presence : undefined;
}

async function giveBack(data: DataChannel): Promise<void> {
  if (data.kind === "passive") await data.lease[Symbol.asyncDispose]();
}
