import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  LONGEST_IDLE_TIMEOUT_MINUTES,
  OUTBOUND_IDLE_TIMEOUT_SECONDS,
  planIdleTimeouts,
  planKeepalive,
  SHORTEST_IDLE_TIMEOUT_MINUTES,
  shortestIdleTimeoutSeconds,
} from "#contract";

const PERMITTED_MINUTES = Array.from(
  { length: LONGEST_IDLE_TIMEOUT_MINUTES - SHORTEST_IDLE_TIMEOUT_MINUTES + 1 },
  (_, index) => SHORTEST_IDLE_TIMEOUT_MINUTES + index,
);
const OUTAGE_SECONDS = 60;

describe("idle timeouts", () => {
  it("have the bounds that Azure documents for a public address", () => {
    expect([SHORTEST_IDLE_TIMEOUT_MINUTES, LONGEST_IDLE_TIMEOUT_MINUTES]).toEqual([4, 30]);
    expect(OUTBOUND_IDLE_TIMEOUT_SECONDS).toBe(240);
  });

  it("all follow from the one number", () => {
    expect(planIdleTimeouts(4)).toEqual({
      publicIpSeconds: 240,
      virtualNetworkSeconds: 240,
      loadBalancerSeconds: 240,
    });
  });

  it("are as short as the shortest of them", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(), (a, b, c) => {
        const shortest = shortestIdleTimeoutSeconds({
          publicIpSeconds: a,
          virtualNetworkSeconds: b,
          loadBalancerSeconds: c,
        });
        expect([a, b, c].toSorted((x, y) => x - y)[0]).toBe(shortest);
      }),
    );
  });
});

describe("the keepalive", () => {
  it.each(PERMITTED_MINUTES)("speaks before a flow of %i minutes is forgotten", (minutes) => {
    const { idleSeconds, intervalSeconds } = planKeepalive(planIdleTimeouts(minutes));
    // Two probes in a row may be lost, and the third still comes in time.
    expect(idleSeconds + 2 * intervalSeconds).toBeLessThan(minutes * 60);
    expect(idleSeconds).toBeLessThan(OUTBOUND_IDLE_TIMEOUT_SECONDS);
  });

  it.each(PERMITTED_MINUTES)("with %i minutes survives an outage of a minute", (minutes) => {
    const { intervalSeconds, count } = planKeepalive(planIdleTimeouts(minutes));
    // tcp(7): the connection dies after `count` probes without an answer, one per interval. The
    // outage may begin with the first probe.
    expect(intervalSeconds * (count - 1)).toBeGreaterThan(OUTAGE_SECONDS);
  });

  it("takes a silence of one's own, and keeps the rest", () => {
    const timeouts = planIdleTimeouts(30);
    expect(planKeepalive(timeouts, 7)).toEqual({ ...planKeepalive(timeouts), idleSeconds: 7 });
  });

  it("stays within what Linux takes, even for timeouts that only a lab has", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (seconds) => {
        const { idleSeconds, intervalSeconds, count } = planKeepalive({
          publicIpSeconds: seconds,
          virtualNetworkSeconds: seconds,
          loadBalancerSeconds: seconds,
        });
        // include/net/tcp.h: MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL, MAX_TCP_KEEPCNT
        expect(idleSeconds).toBeGreaterThanOrEqual(1);
        expect(idleSeconds).toBeLessThanOrEqual(32767);
        expect(intervalSeconds).toBeGreaterThanOrEqual(1);
        expect(intervalSeconds).toBeLessThanOrEqual(32767);
        expect(count).toBeGreaterThanOrEqual(1);
        expect(count).toBeLessThanOrEqual(127);
      }),
    );
  });
});
