import { describe, expect, it } from "vitest";
import { LONGEST_DRAIN_MINUTES, planDeliverySeconds } from "#contract";
import { parseArguments } from "../../../server/startup/arguments.ts";

/** Azure's bound of a Run Command's timeoutInSeconds. */
const LONGEST_RUN_COMMAND_SECONDS = 5400;

describe("the time that Azure gives a delivery", () => {
  it("holds the longest drain, within what Azure allows", () => {
    expect(planDeliverySeconds(LONGEST_DRAIN_MINUTES)).toBe(LONGEST_RUN_COMMAND_SECONDS);
    for (const minutes of [1, 30, LONGEST_DRAIN_MINUTES]) {
      // A new role assignment takes up to ten minutes to be honoured.
      expect(planDeliverySeconds(minutes)).toBeGreaterThan(minutes * 60 + 600);
    }
  });
});

it("a server that is told nothing drains as the stack's default says", () => {
  const { drainSeconds, handoverSeconds } = parseArguments(["--settings", "settings.json"]);
  expect({ drainSeconds, handoverSeconds }).toEqual({ drainSeconds: 60, handoverSeconds: 1800 });
});
