/** What a transfer needs to know of its session before it begins. */
import { tlsOfHandshake } from "./handshakes.ts";
import type { Holdings } from "./holdings.ts";
import type { TransferPlan } from "./outcomes.ts";
import { planTransferLimits } from "./presence.ts";
import { currentSite } from "./principal.ts";
import type { TransferOptions } from "./transfers.ts";
import type { ServerView } from "./view.ts";

/** Takes the data connection that was prepared, and what holds for it now. */
export function planTransfer(
  view: ServerView,
  holdings: Holdings,
  { localAddress, localPort }: Pick<TransferOptions, "localAddress" | "localPort">,
  plan: TransferPlan,
): Omit<TransferOptions, "announce" | "onOpen"> {
  const { state, deflateLevel } = holdings;
  const { limits } = currentSite(view, state);
  return {
    channel: holdings.takeData(),
    tls: state.protection.level === "private" ? tlsOfHandshake(state) : undefined,
    limits: planTransferLimits(limits, state.login, plan),
    deflateLevel,
    localAddress,
    localPort,
  };
}
