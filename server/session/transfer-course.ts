/** The course of a transfer from the command's plan to its last reply, and to the log. */
import { reply, type Reply } from "../protocol/replies.ts";
import { transferReply } from "./failures.ts";
import type { Foreground } from "./foreground.ts";
import type { SessionJournal } from "./journal.ts";
import type { TransferPlan, TransferResult } from "./outcomes.ts";
import { RunningTransfer, type TransferOptions } from "./transfers.ts";

/** What a transfer needs of its session. */
export interface TransferSurroundings {
  readonly foreground: Pick<Foreground, "run">;
  readonly journal: Pick<SessionJournal, "transferBegan" | "dataChannelOpened" | "transferEnded">;
  /** Takes the data connection that was prepared. */
  readonly prepare: () => Omit<TransferOptions, "announce" | "onOpen">;
  readonly write: (answer: Reply) => void;
}

/** @throws whatever is no expected failure: a bug. The transfer has ended for the journal all the same. */
export async function carryOut(
  plan: TransferPlan,
  { foreground, journal, prepare, write }: TransferSurroundings,
): Promise<void> {
  const startedMs = Date.now();
  journal.transferBegan();
  const transfer = new RunningTransfer(plan);
  const begin = (): TransferOptions => ({
    ...prepare(),
    announce: () => write(reply.opening(plan.opening)),
    onOpen: () => journal.dataChannelOpened(plan),
  });
  let result: TransferResult | undefined;
  try {
    result = await foreground.run(transfer, () => transfer.run(begin));
    write(transferReply(result));
  } finally {
    result ??= { kind: "failed", failure: { kind: "internal" }, bytes: transfer.bytes };
    journal.transferEnded(plan, result, Date.now() - startedMs);
  }
}
