/** The text of STAT without argument: the session, and the transfer while one runs. */
import { reply, type Reply } from "../protocol/replies.ts";
import type { Principal } from "../session/principal.ts";
import type { TransferPlan } from "../session/outcomes.ts";
import type { CommandContext } from "./command.ts";

const DIRECTIONS = {
  send: "sending",
  receive: "receiving",
  list: "listing",
} as const satisfies Record<TransferPlan["direction"], string>;

export function describeStatus(
  { state, transfer, peerAddress }: CommandContext,
  { account, siteName }: Principal,
): Reply {
  const tls = state.control === "private" ? "with TLS" : "in the clear";
  const data = state.protection.level === "private" ? "with TLS" : "in the clear";
  const type = state.type === "ascii" ? "ASCII" : "image";
  return reply.systemStatus(
    "Status",
    ` Connected from ${peerAddress}, ${tls}`,
    ` Logged in as ${account.name} on site ${siteName}`,
    ` Type ${type}, structure file, mode ${state.mode}; data connections ${data}`,
    transfer === undefined
      ? " No transfer"
      : ` Transfer: ${DIRECTIONS[transfer.direction]} ${transfer.path}, ${String(transfer.bytes)} bytes so far`,
    "End of status",
  );
}
