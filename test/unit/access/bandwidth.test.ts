import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openBandwidth, type SessionBandwidth } from "../../../server/access/bandwidth.ts";
import { BURST_MS, RateNode, type Clock } from "../../../server/access/rate-node.ts";

/** Time that moves only when told, and timers in its order. */
class FakeClock implements Clock {
  #now = 0;
  #timers: { at: number; task: () => void }[] = [];

  nowMs(): number {
    return this.#now;
  }

  schedule(delayMs: number, task: () => void): () => void {
    const timer = { at: this.#now + delayMs, task };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  timers(): number {
    return this.#timers.length;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = this.#timers.toSorted((a, b) => a.at - b.at);
      if (next === undefined || next.at > end) break;
      this.#now = next.at;
      this.#timers = this.#timers.filter((other) => other !== next);
      next.task();
    }
    this.#now = end;
  }
}

/** Asks again as soon as it is granted, like a client with an endless file. */
const flood = (node: RateNode, chunkBytes: number) => {
  const flow = { bytes: 0 };
  const ask = (): void => {
    node.request(chunkBytes, () => {
      flow.bytes += chunkBytes;
      ask();
    });
  };
  ask();
  return flow;
};

describe("bandwidth of one direction", () => {
  it("never gives a node more than its rate, and what one floods it uses", () => {
    const tree = fc.record({
      server: fc.option(fc.integer({ min: 1000, max: 50_000 }), { nil: undefined }),
      accounts: fc.array(
        fc.record({
          rate: fc.option(fc.integer({ min: 1000, max: 50_000 }), { nil: undefined }),
          sessions: fc.array(
            fc.record({
              rate: fc.integer({ min: 1000, max: 50_000 }),
              chunk: fc.integer({ min: 1, max: 4000 }),
            }),
            { minLength: 1, maxLength: 4 },
          ),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    });
    const SECONDS = 20;
    fc.assert(
      fc.property(tree, ({ server, accounts }) => {
        const clock = new FakeClock();
        const root = new RateNode(clock, undefined, server);
        const flows = accounts.map(({ rate, sessions }) => {
          const account = new RateNode(clock, root, rate);
          return sessions.map((session) => ({
            ...session,
            flow: flood(new RateNode(clock, account, session.rate), session.chunk),
          }));
        });
        clock.advance(SECONDS * 1000);
        const slack = (rate: number) => (rate * BURST_MS) / 1000 + 4000;
        const most = (rate: number) => rate * SECONDS + slack(rate);
        const sum = (all: readonly { flow: { bytes: number } }[]) =>
          all.reduce((total, { flow }) => total + flow.bytes, 0);
        for (const [index, sessions] of flows.entries()) {
          for (const { rate, flow } of sessions) expect(flow.bytes).toBeLessThanOrEqual(most(rate));
          const rate = accounts[index]?.rate;
          if (rate !== undefined) expect(sum(sessions)).toBeLessThanOrEqual(most(rate));
        }
        const total = sum(flows.flat());
        if (server !== undefined) expect(total).toBeLessThanOrEqual(most(server));
        // Work-conserving: what the tightest limits allow together is used, less a millisecond
        // lost to rounding at every grant of a chunk.
        const possible = Math.min(
          server ?? Infinity,
          accounts.reduce(
            (all, { rate, sessions }) =>
              all +
              Math.min(
                rate ?? Infinity,
                sessions.reduce((s, each) => s + each.rate, 0),
              ),
            0,
          ),
        );
        expect(total).toBeGreaterThan(possible * SECONDS * 0.95 - 4000);
      }),
      { numRuns: 60 },
    );
  });

  it("divides a shared limit equally among accounts, however many sessions each has", () => {
    const clock = new FakeClock();
    const site = new RateNode(clock, undefined, 100_000);
    const flowsOf = (sessions: number, chunk: number) => {
      const account = new RateNode(clock, site, undefined);
      return Array.from({ length: sessions }, () =>
        flood(new RateNode(clock, account, undefined), chunk),
      );
    };
    const many = flowsOf(9, 1000);
    const one = flowsOf(1, 1000);
    const large = flowsOf(2, 4000);
    clock.advance(60_000);
    const totals = [many, one, large].map((flows) => flows.reduce((t, { bytes }) => t + bytes, 0));
    for (const total of totals) {
      expect(Math.abs(total - 2_000_000)).toBeLessThan(30_000);
    }
    for (const { bytes } of many) expect(Math.abs(bytes - 2_000_000 / 9)).toBeLessThan(10_000);
  });

  it("gives what a slow session leaves to the others", () => {
    const clock = new FakeClock();
    const site = new RateNode(clock, undefined, 100_000);
    const slow = flood(new RateNode(clock, site, 10_000), 1000);
    const fast = flood(new RateNode(clock, site, undefined), 1000);
    clock.advance(60_000);
    expect(Math.abs(slow.bytes - 600_000)).toBeLessThan(15_000);
    expect(Math.abs(fast.bytes - 5_400_000)).toBeLessThan(30_000);
  });

  it("earns nothing by keeping silent", () => {
    const clock = new FakeClock();
    const site = new RateNode(clock, undefined, 100_000);
    const steady = flood(new RateNode(clock, site, undefined), 1000);
    const late = new RateNode(clock, site, undefined);
    clock.advance(60_000);
    const before = steady.bytes;
    const lateFlow = flood(late, 1000);
    clock.advance(10_000);
    expect(Math.abs(lateFlow.bytes - (steady.bytes - before))).toBeLessThan(5000);
  });

  it("leaves no timer behind when everything was granted or withdrawn", () => {
    const clock = new FakeClock();
    const site = new RateNode(clock, undefined, 1000);
    const leaf = new RateNode(clock, site, 1000);
    let granted = 0;
    leaf.request(500, () => granted++);
    const withdraw = leaf.request(500, () => granted++);
    leaf.request(500, () => granted++);
    expect(granted).toBe(1);
    withdraw();
    clock.advance(10_000);
    expect(granted).toBe(2);
    expect(clock.timers()).toBe(0);
    leaf.request(5000, () => granted++);
    leaf.request(1, () => granted++);
    leaf.close();
    expect(clock.timers()).toBe(0);
    clock.advance(60_000);
    expect(granted).toBe(3);
  });

  it("serves whoever waits at a new rate, and at once when the limit goes", () => {
    const clock = new FakeClock();
    const node = new RateNode(clock, undefined, 100);
    let granted = 0;
    node.request(100_000, () => granted++);
    node.request(1, () => granted++);
    expect(granted).toBe(1);
    clock.advance(5000);
    expect(granted).toBe(1);
    node.setRate(undefined);
    expect(granted).toBe(2);
    expect(clock.timers()).toBe(0);
  });
});

describe("bandwidth of sessions", () => {
  const never = new AbortController().signal;

  /** Bytes that `share` moves in `ms`, asking again and again. */
  const move = async (clock: FakeClock, share: SessionBandwidth, ms: number) => {
    let bytes = 0;
    let stopped = false;
    const pump = async (): Promise<void> => {
      while (!stopped) {
        await share.take("down", 1000, never);
        bytes += 1000;
      }
    };
    const done = pump();
    for (let elapsed = 0; elapsed < ms; elapsed++) {
      clock.advance(1);
      await Promise.resolve();
      await Promise.resolve();
    }
    stopped = true;
    clock.advance(60_000);
    await done;
    return bytes;
  };

  it("goes ahead without waiting where nothing limits", () => {
    const tree = openBandwidth({}, new FakeClock());
    using share = tree.open([{ key: "site", limits: {} }], {});
    expect(share.take("up", 1e12, never)).toBeUndefined();
    expect(share.chunkBytes("up")).toBe(65_536);
  });

  it("limits each direction by itself", async () => {
    const clock = new FakeClock();
    const tree = openBandwidth({}, clock);
    using share = tree.open([], { downBytesPerSecond: 10_000 });
    expect(share.take("up", 1e9, never)).toBeUndefined();
    expect(share.chunkBytes("down")).toBe(1250);
    const bytes = await move(clock, share, 5000);
    expect(Math.abs(bytes - 50_000)).toBeLessThan(4000);
  });

  it("shares a scope by its key, forgets it with its last session, and takes on new limits", () => {
    const tree = openBandwidth({}, new FakeClock());
    const scopes = (rate: number) => [
      { key: "site:a", limits: {} },
      { key: "account:ann", limits: { upBytesPerSecond: rate } },
    ];
    const first = tree.open(scopes(8000), {});
    const second = tree.open(scopes(80_000), {});
    expect(first.chunkBytes("up")).toBe(10_000);
    tree.setLimits(["site:a", "account:ann"], { upBytesPerSecond: 16_000 });
    tree.setLimits(["site:b"], { upBytesPerSecond: 1000 });
    expect(first.chunkBytes("up")).toBe(2000);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(second.chunkBytes("up")).toBe(2000);
    // The account's bucket is in debt now, and still is for the next session of the account.
    expect(second.take("up", 50_000, never)).toBeUndefined();
    const third = tree.open(scopes(16_000), {});
    expect(third.take("up", 1, never)).toBeInstanceOf(Promise);
    third[Symbol.dispose]();
    second[Symbol.dispose]();
    using fresh = tree.open(scopes(16_000), {});
    expect(fresh.take("up", 1, never)).toBeUndefined();
  });

  it("stops waiting when the transfer is aborted, and charges nothing for it", async () => {
    const clock = new FakeClock();
    const tree = openBandwidth({ upBytesPerSecond: 1000 }, clock);
    using share = tree.open([], {});
    expect(share.take("up", 1000, never)).toBeUndefined();
    const abort = new AbortController();
    const waiting = share.take("up", 1_000_000, abort.signal);
    const reason = new Error("the client went away");
    abort.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(share.take("up", 1, abort.signal)).rejects.toBe(reason);
    clock.advance(2000);
    expect(share.take("up", 1, never)).toBeUndefined();
    expect(clock.timers()).toBe(0);
  });
});
