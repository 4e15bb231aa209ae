/**
 * Who listens where in the passive range: a slice for each worker process, in two halves for the
 * two generations that live side by side during an upgrade.
 */
import { countPorts, partOfRange, type PortRange } from "#contract";

/** The names that two successive generations of the server take turns with. */
export const GENERATIONS = ["a", "b"] as const;
export type Generation = (typeof GENERATIONS)[number];

/** Which of the processes on a machine asks. */
export interface PortOwner {
  /** Undefined: no other generation is expected. */
  readonly generation: Generation | undefined;
  /** From 0. */
  readonly worker: number;
  readonly workers: number;
}

export interface PortSlices {
  /** Ports to lease first. No worker of this generation shares them. */
  readonly own: readonly PortRange[];
  /** The other generation's, for when the own ones are exhausted; it may be listening on them. */
  readonly borrowed: readonly PortRange[];
}

/** The worker processes that a range has ports for, at most. */
export function mostWorkers(range: PortRange, generation: Generation | undefined): number {
  const halves = generation === undefined ? 1 : GENERATIONS.length;
  return Math.max(1, Math.floor(countPorts(range) / halves));
}

export function planPortSlices(
  range: PortRange,
  { generation, worker, workers }: PortOwner,
): PortSlices {
  const slice = (of: PortRange): readonly PortRange[] => partOfRange(of, worker, workers);
  if (generation === undefined) return { own: slice(range), borrowed: [] };
  const halves = GENERATIONS.map((_, index) => partOfRange(range, index, GENERATIONS.length));
  const mine = GENERATIONS.indexOf(generation);
  return {
    own: (halves[mine] ?? []).flatMap(slice),
    borrowed: halves.filter((_, index) => index !== mine).flatMap((half) => half.flatMap(slice)),
  };
}

/** The ports of a range, in order. */
export function portsOf(range: PortRange): number[] {
  return Array.from({ length: countPorts(range) }, (_, index) => range.first + index);
}
