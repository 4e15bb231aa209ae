/** The time of the process, and its timers. */
import type { Clock } from "./rate-node.ts";

export const SYSTEM_CLOCK: Clock = {
  nowMs: () => performance.now(),
  schedule: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};
