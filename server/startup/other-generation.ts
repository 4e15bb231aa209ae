/** Whether the other generation of the server still runs, seen by its status socket. */
import { connect } from "node:net";
import { basename, dirname, join } from "node:path";
import { GENERATIONS, type Generation } from "../data/port-slices.ts";

const LOOK_MILLISECONDS = 1000;

/**
 * Watches until the other generation has ended; its socket lies beside ours, as `../b/NAME` lies
 * beside `../a/NAME`. One that starts later is a successor, and tells us to hand over.
 *
 * @returns says whether it has ended: this process then has the whole passive range to itself.
 */
export function watchOtherGeneration(
  generation: Generation,
  statusSocket: string,
  lookMilliseconds = LOOK_MILLISECONDS,
): () => boolean {
  const other = GENERATIONS.find((name) => name !== generation) ?? generation;
  const path = join(dirname(dirname(statusSocket)), other, basename(statusSocket));
  let ended = false;
  const look = (): void => {
    const socket = connect(path);
    socket.on("connect", () => {
      socket.destroy();
      setTimeout(look, lookMilliseconds).unref();
    });
    // Nobody listens there: it has ended, or was never started.
    socket.on("error", () => (ended = true));
  };
  look();
  return () => ended;
}
