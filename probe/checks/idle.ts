/** A control connection that says nothing for longer than the idle timeout. */
import { setTimeout as sleep } from "node:timers/promises";
import { failed, passed, type Check, type Verdict } from "../check.ts";
import type { Expectations } from "../options.ts";
import { replyText } from "../replies.ts";
import { ProbeSession } from "../session.ts";
import { ProbeFault } from "../symptoms.ts";

/** Planned only when asked for: it takes as long as the silence. */
export function planIdleCheck({ idleSeconds }: Expectations): readonly Check[] {
  if (idleSeconds === undefined) return [];
  return [
    {
      id: "idle",
      title: `control connection survives ${String(idleSeconds)} s of silence`,
      lane: "idle",
      needs: ["login"],
      async run({ address, expected, limit }) {
        await using session = await ProbeSession.open(expected, address, limit);
        await sleep(idleSeconds * 1000, undefined, { signal: limit.signal });
        try {
          const reply = await session.control.ask("NOOP", limit);
          if (reply.code === 200) return passed("NOOP answered afterwards");
          const text = replyText(reply);
          return reply.code === 421
            ? failed({ kind: "closedByServer", idleSeconds, text })
            : failed({ kind: "unexpectedReply", command: "NOOP", code: reply.code, text });
        } catch (error) {
          return describeLoss(error, idleSeconds);
        }
      },
    },
  ];
}

function describeLoss(error: unknown, idleSeconds: number): Verdict {
  if (error instanceof ProbeFault) {
    const { symptom } = error;
    if (symptom.kind === "stalled")
      return failed({ kind: "idleLost", how: "stalled", idleSeconds });
    if (symptom.kind === "lost") return failed({ kind: "idleLost", how: symptom.how, idleSeconds });
  }
  throw error;
}
