import fc from "fast-check";
import { expect, test } from "vitest";
import { PortCycle } from "../../../server/data/port-cycle.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => 50_000 + i);

test("hands out only its own ports, and all of them before long", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), (count) => {
      const cycle = new PortCycle(range(count));
      const taken = Array.from({ length: count * 20 }, () => cycle.take(() => true));
      expect([...new Set(taken)].toSorted()).toEqual(range(count));
      expect(cycle.size).toBe(count);
    }),
  );
});

test("no port comes back before half of the others had their turn", () => {
  const count = 20;
  const cycle = new PortCycle(range(count));
  const taken = Array.from({ length: count * 50 }, () => cycle.take(() => true));
  for (const [index, port] of taken.entries()) {
    expect(taken.slice(index + 1, index + count / 2)).not.toContain(port);
  }
});

test("the order is not that of the ports, nor the same twice", () => {
  const first = new PortCycle(range(50));
  const second = new PortCycle(range(50));
  const order = (cycle: PortCycle) => range(50).map(() => cycle.take(() => true));
  const [a, b] = [order(first), order(second)];
  expect(a).not.toEqual(range(50));
  expect(a).not.toEqual(b);
});

test("ports that are wanted early come before all others, in any order", () => {
  const early = new Set([50_000, 50_049]);
  const orders = Array.from({ length: 40 }, () => {
    const cycle = new PortCycle(range(50), early);
    return range(50).map(() => cycle.take(() => true));
  });
  for (const order of orders) expect(new Set(order.slice(0, 2))).toEqual(early);
  expect(new Set(orders.map(([first]) => first))).toEqual(early);
});

test("takes the one port that fits, or none", () => {
  const cycle = new PortCycle(range(10));
  for (let again = 0; again < 30; again++) {
    expect(cycle.take((port) => port === 50_007)).toBe(50_007);
  }
  expect(cycle.take(() => false)).toBeUndefined();
});
