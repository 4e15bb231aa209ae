import { expect, test } from "vitest";
import { TurnQuantum } from "../../../server/data/turn-quantum.ts";

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A quantum of some milliseconds under a clock that only work moves on. */
function makeQuantum(
  turnMs: number,
  { quietTurnMs = turnMs, othersWait = (): boolean => true } = {},
) {
  let nowMs = 0;
  const quantum = new TurnQuantum({ turnMs, quietTurnMs, othersWait, nowMs: () => nowMs });
  return {
    quantum,
    work: (ms: number): void => {
      nowMs += ms;
      quantum.spend();
    },
  };
}

test("within its time nobody waits", () => {
  const { quantum, work } = makeQuantum(10);
  expect(quantum.ready()).toBeUndefined();
  work(9);
  expect(quantum.ready()).toBeUndefined();
});

test("when the time is over, the next turn brings more", async () => {
  const { quantum, work } = makeQuantum(10);
  void quantum.ready();
  work(25);
  const waiting = quantum.ready();
  expect(waiting).toBeInstanceOf(Promise);
  await waiting;
  work(5);
  expect(quantum.ready()).toBeUndefined();
});

test("while nobody else waits a turn lasts longer, but not for ever", () => {
  let othersWait = false;
  const { quantum, work } = makeQuantum(10, { quietTurnMs: 50, othersWait: () => othersWait });
  void quantum.ready();
  work(25);
  expect(quantum.ready()).toBeUndefined();
  othersWait = true;
  expect(quantum.ready()).toBeInstanceOf(Promise);
  othersWait = false;
  work(30);
  expect(quantum.ready()).toBeInstanceOf(Promise);
});

test("after a pause the time begins anew", async () => {
  const { quantum, work } = makeQuantum(10);
  void quantum.ready();
  await nextTurn();
  work(1000);
  expect(quantum.ready()).toBeUndefined();
});

test("each turn serves as many as fit, first come first, and newcomers go behind", async () => {
  const { quantum, work } = makeQuantum(20);
  void quantum.ready();
  work(20);
  const order: number[][] = [[]];
  const run = async (id: number): Promise<void> => {
    await quantum.ready();
    order.at(-1)?.push(id);
    work(10);
  };
  const running = [1, 2, 3, 4, 5].map(run);
  for (let turn = 0; turn < 3; turn++) {
    await nextTurn();
    order.push([]);
  }
  await Promise.all(running);
  expect(order.filter(({ length }) => length > 0)).toEqual([[1, 2], [3, 4], [5]]);
});

test("all that wait are served, however small the share, even when some give up", async () => {
  const { quantum, work } = makeQuantum(1);
  let served = 0;
  const run = async (gaveUp: boolean): Promise<void> => {
    for (let again = 0; again < 20; again++) {
      await quantum.ready();
      if (gaveUp) continue;
      work(1000);
      served++;
    }
  };
  await Promise.all([run(false), run(true), run(false), run(false)]);
  expect(served).toBe(60);
});
