/** What is over within a few turns of the event loop, while transfers stand aside. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { transferQuantum } from "./turn-quantum.ts";

/**
 * Turns of the event loop in which what has already arrived is seen, with some to spare: a TLS
 * socket takes four until it has read.
 */
const TURNS = 8;

/**
 * Whether a promise settles without waiting for anybody else. Does not reject. It is settled by then, or
 * eight turns are over.
 */
export async function settlesSoon(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => void (settled = true);
  const settling = promise.then(settle, settle);
  using _way = transferQuantum.giveWay();
  for (let turn = 0; turn < TURNS && !settled; turn++) await Promise.race([settling, nextTurn()]);
  return settled;
}
