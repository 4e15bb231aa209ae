import { describe, expect, test } from "vitest";
import { TurnQuantum, type TurnQuantumOptions } from "../../../server/data/turn-quantum.ts";

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A quantum of some milliseconds under a clock that only work moves on. */
function makeQuantum(
  turnMs: number,
  others: Partial<
    Pick<TurnQuantumOptions, "quietTurnMs" | "steadyTurnMs" | "othersWait" | "isQuiet">
  > = {},
) {
  let nowMs = 0;
  const { quietTurnMs = turnMs, steadyTurnMs = quietTurnMs, othersWait = () => true } = others;
  const { isQuiet = () => false } = others;
  const limits = { turnMs, quietTurnMs, steadyTurnMs, steadyTurns: 3, giveWayMs: 5 };
  const quantum = new TurnQuantum({ ...limits, othersWait, isQuiet, nowMs: () => nowMs });
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
  work(1);
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

describe("one after the other", () => {
  /** Asks for a turn, and works once it has one; tells how often it did. */
  function makeWorker({ quantum, work }: ReturnType<typeof makeQuantum>, ms: number) {
    const worker = {
      done: 0,
      async ask(steps?: "one" | "many"): Promise<void> {
        await quantum.ready(steps);
        // What somebody else does first, as a transfer has awaits of its own before it moves a chunk.
        await Promise.resolve();
        worker.done++;
        work(ms);
      },
    };
    return worker;
  }
  const settle = async (): Promise<void> => {
    for (let tick = 0; tick < 50; tick++) await Promise.resolve();
  };

  test("those that ask together do not all go on before the first has spent its time", async () => {
    const worker = makeWorker(makeQuantum(10), 6);
    const all = [1, 2, 3, 4, 5].map(() => worker.ask());
    await settle();
    expect(worker.done).toBe(2);
    await nextTurn();
    expect(worker.done).toBe(4);
    await Promise.all(all);
  });

  test("whoever spends nothing keeps others waiting for one turn", async () => {
    const { quantum } = makeQuantum(10);
    expect(quantum.ready()).toBeUndefined();
    const waiting = quantum.ready();
    expect(waiting).toBeInstanceOf(Promise);
    await waiting;
  });

  test("what is spent in the next turn keeps others waiting for it only while commands are run", async () => {
    const state = { isQuiet: false };
    const { quantum } = makeQuantum(10, { isQuiet: () => state.isQuiet });
    expect(quantum.ready()).toBeUndefined();
    quantum.spendLater();
    const waiting = quantum.ready();
    expect(waiting).toBeInstanceOf(Promise);
    await waiting;
    state.isQuiet = true;
    quantum.spendLater();
    expect(quantum.ready()).toBeUndefined();
  });

  test("what asks once in a turn shares a long one while no command is run", async () => {
    const state = { isQuiet: true };
    const made = makeQuantum(10, { steadyTurnMs: 40, isQuiet: () => state.isQuiet });
    const worker = makeWorker(made, 15);
    const all = [1, 2, 3, 4, 5].map(() => worker.ask("one"));
    await settle();
    expect(worker.done).toBe(3);
    await Promise.all(all);
    await nextTurn();
    state.isQuiet = false;
    const later = [1, 2].map(() => worker.ask("one"));
    await settle();
    expect(worker.done).toBe(6);
    await Promise.all(later);
    await nextTurn();
    state.isQuiet = true;
    const often = [1, 2].map(() => worker.ask("many"));
    await settle();
    expect(worker.done).toBe(8);
    await Promise.all(often);
  });
});

describe("giving way", () => {
  test("keeps transfers aside, but for a turn now and then", async () => {
    const { quantum, work } = makeQuantum(2, { quietTurnMs: 20, othersWait: () => false });
    void quantum.ready();
    work(1);
    const way = quantum.giveWay();
    let moved = 0;
    const transfer = async (): Promise<void> => {
      for (let chunk = 0; chunk < 10; chunk++) {
        await quantum.ready();
        moved++;
        work(1);
      }
    };
    const running = transfer();
    expect(moved).toBe(0);
    const turn = async (ms: number): Promise<number> => {
      // Somebody else's work.
      work(ms);
      await nextTurn();
      return moved;
    };
    // What is left of the turn that had begun.
    await Promise.resolve();
    const before = moved;
    // The way is given for five milliseconds, and a turn is two long meanwhile.
    expect([await turn(0), await turn(3), await turn(2)]).toEqual([before, before, before + 2]);
    expect([await turn(3), await turn(2)]).toEqual([before + 2, before + 4]);
    way[Symbol.dispose]();
    expect(await turn(0)).toBe(10);
    await running;
  });

  test("is over when all of those have gone for whom it was given", async () => {
    const { quantum, work } = makeQuantum(10);
    void quantum.ready();
    work(0);
    const [first, second] = [quantum.giveWay(), quantum.giveWay()];
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await nextTurn();
    expect(quantum.ready()).toBeInstanceOf(Promise);
    second[Symbol.dispose]();
    await nextTurn();
    work(0);
    expect(quantum.ready()).toBeUndefined();
  });
});
