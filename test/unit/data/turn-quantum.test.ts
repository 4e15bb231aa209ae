import { expect, test } from "vitest";
import { TurnQuantum } from "../../../server/data/turn-quantum.ts";

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("within the budget nobody waits", () => {
  const quantum = new TurnQuantum(100, 10);
  quantum.spend(99);
  expect(quantum.ready()).toBeUndefined();
});

test("a new turn brings a new budget", async () => {
  const quantum = new TurnQuantum(100, 10);
  quantum.spend(250);
  await quantum.ready();
  expect(quantum.ready()).toBeUndefined();
});

test("each turn serves as many as fit, first come first, and newcomers go behind", async () => {
  const quantum = new TurnQuantum(20, 10);
  quantum.spend(20);
  const order: number[][] = [[]];
  const run = async (id: number): Promise<void> => {
    await quantum.ready();
    order.at(-1)?.push(id);
    quantum.spend(10);
  };
  const running = [1, 2, 3, 4, 5].map(run);
  for (let turn = 0; turn < 3; turn++) {
    await nextTurn();
    order.push([]);
  }
  await Promise.all(running);
  expect(order.filter(({ length }) => length > 0)).toEqual([[1, 2], [3, 4], [5]]);
});

test("all that wait are served, however small the budget", async () => {
  const quantum = new TurnQuantum(1, 1000);
  let served = 0;
  const run = async (): Promise<void> => {
    for (let again = 0; again < 20; again++) {
      await quantum.ready();
      quantum.spend(1000);
      served++;
    }
  };
  await Promise.all([run(), run(), run()]);
  expect(served).toBe(60);
});
