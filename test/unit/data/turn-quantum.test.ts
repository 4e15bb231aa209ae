import { describe, expect, test } from "vitest";
import { TurnQuantum } from "../../../server/data/turn-quantum.ts";

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A quantum of some milliseconds under a clock that only work moves on. */
function makeQuantum(
  turnMs: number,
  others: { quietTurnMs?: number; steadyTurnMs?: number; othersWait?: () => boolean } = {},
) {
  let nowMs = 0;
  const { quietTurnMs = turnMs, steadyTurnMs = quietTurnMs, othersWait = () => true } = others;
  const limits = { turnMs, quietTurnMs, steadyTurnMs, steadyTurns: 3 };
  const quantum = new TurnQuantum({ ...limits, othersWait, nowMs: () => nowMs });
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

test("while nobody else waits a turn lasts longer, but not for ever", async () => {
  let othersWait = false;
  const { quantum, work } = makeQuantum(10, { quietTurnMs: 50, othersWait: () => othersWait });
  void quantum.ready();
  work(25);
  expect(quantum.ready()).toBeUndefined();
  work(25);
  expect(quantum.ready()).toBeInstanceOf(Promise);
  await nextTurn();
  work(25);
  expect(quantum.ready()).toBeUndefined();
  othersWait = true;
  let resumed = false;
  void quantum.ready()?.then(() => (resumed = true));
  // Whoever waited is not seen any more where it was asked for already, and has not had its turn yet.
  othersWait = false;
  work(1);
  await Promise.resolve();
  expect(resumed).toBe(false);
  await nextTurn();
  expect(resumed).toBe(true);
});

describe("turns", () => {
  /** `turns` works on until so many are over; milliseconds that each has lasted. */
  function makeTurns() {
    const others = { wait: false };
    const { quantum, work } = makeQuantum(1, {
      quietTurnMs: 10,
      steadyTurnMs: 40,
      othersWait: () => others.wait,
    });
    void quantum.ready();
    const turn = async (): Promise<number> => {
      for (let lastedMs = 1; ; lastedMs++) {
        work(1);
        const waiting = quantum.ready();
        if (waiting === undefined) continue;
        await waiting;
        return lastedMs;
      }
    };
    const turns = async (count: number): Promise<readonly number[]> => {
      const lasted: number[] = [];
      for (let each = 0; each < count; each++) lasted.push(await turn());
      return lasted;
    };
    return { quantum, work, others, turns };
  }

  test("are longer when nothing else has happened for some, and short as soon as something does", async () => {
    const { quantum, others, turns } = makeTurns();
    expect(await turns(5)).toEqual([10, 10, 10, 40, 40]);
    others.wait = true;
    expect(await turns(2)).toEqual([1, 1]);
    others.wait = false;
    expect(await turns(4)).toEqual([10, 10, 10, 40]);
    // Nobody has anything to move for a while.
    await nextTurn();
    await nextTurn();
    void quantum.ready();
    expect(await turns(4)).toEqual([10, 10, 10, 40]);
  });

  test("are no longer while something goes on from one to the next", async () => {
    const { quantum, turns } = makeTurns();
    const first = quantum.needTurns();
    const second = quantum.needTurns();
    expect(await turns(5)).toEqual([10, 10, 10, 10, 10]);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(await turns(2)).toEqual([10, 10]);
    second[Symbol.dispose]();
    expect(await turns(2)).toEqual([40, 40]);
  });

  test("in which nobody asked whether anything happens do not count", async () => {
    const { quantum, work, turns } = makeTurns();
    work(20);
    const idle = [1, 2, 3, 4, 5, 6].map(async () => quantum.ready());
    await Promise.all(idle);
    expect(await turns(2)).toEqual([10, 10]);
  });
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
