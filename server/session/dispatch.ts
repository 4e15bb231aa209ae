/**
 * From a command line to an outcome: look up, renew the login, pass the gate, read the argument,
 * run. Knows no sockets; expected failures of storage become replies here.
 */
import type { CommandContext, Command } from "../commands/command.ts";
import { findCommand } from "../commands/table.ts";
import { sendThreads } from "../data/send-threads.ts";
import type { ParsedCommand } from "../protocol/commands.ts";
import { reply } from "../protocol/replies.ts";
import { StorageError } from "../storage/storage.ts";
import { explain } from "./causes.ts";
import { storageReply } from "./failures.ts";
import { checkGate } from "./gate.ts";
import type { Outcome } from "./outcomes.ts";
import { currentSite, renewPrincipal, type Principal } from "./principal.ts";
import { NOTHING_PENDING, type SessionState, type StateChange } from "./state.ts";

/** An outcome, and the changes of state that come with any command before those of its own. */
export interface Dispatched {
  readonly outcome: Outcome;
  readonly change: StateChange;
}

/** @throws whatever is no expected failure: a bug. */
export async function dispatch(
  parsed: ParsedCommand,
  context: CommandContext,
): Promise<Dispatched> {
  sendThreads.disturb();
  const renewed = renewLogin(context.state, context);
  if (renewed === undefined) {
    const text = "The account was changed or has expired; please log in again.";
    const because = { reason: text, cause: "settingsChanged" } as const;
    return {
      outcome: { kind: "close", reply: reply.serviceClosing(text), ...because },
      change: {},
    };
  }
  const { state, principal } = renewed;
  const { filter, tlsPolicy } = currentSite(context.view, state);
  const filtered = filter.checkCommand(parsed.verb, parsed.argument);
  if (filtered !== undefined) {
    const denied = reply.notImplemented("Command denied.");
    const because = { reason: filtered.text, cause: "commandDenied" } as const;
    return { outcome: { kind: "reply", reply: denied, ...because }, change: {} };
  }
  const found = findCommand(parsed);
  if (found.kind === "unknown") {
    return {
      outcome: { kind: "reply", reply: found.reply },
      change: { login: state.login, pending: NOTHING_PENDING },
    };
  }
  const { command, argument } = found;
  const refusal = checkGate(command, state, tlsPolicy);
  const outcome: Outcome =
    refusal === undefined
      ? await run(command, argument, { ...context, state }, principal)
      : { kind: "reply", ...refusal };
  const kept = command.keeps.includes(state.pending.kind) ? state.pending : NOTHING_PENDING;
  return { outcome, change: { login: state.login, pending: kept } };
}

async function run(
  command: Command,
  argument: string | undefined,
  context: CommandContext,
  principal: Principal | undefined,
): Promise<Outcome> {
  const prepared = command.prepare(argument, context.state);
  if (!prepared.ok) return { kind: "reply", reply: prepared.reply };
  try {
    return await prepared.value.run(context, principal);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return { kind: "reply", reply: storageReply(error.kind), ...explain(error) };
  }
}

/** The state with the rights of now, or undefined when the login no longer holds. */
function renewLogin(
  state: SessionState,
  { view, nowMs }: CommandContext,
): { readonly state: SessionState; readonly principal: Principal | undefined } | undefined {
  if (state.login.kind !== "loggedIn") return { state, principal: undefined };
  const principal = renewPrincipal(state.login.principal, view, nowMs);
  if (principal === undefined) return undefined;
  return principal === state.login.principal
    ? { state, principal }
    : { state: { ...state, login: { kind: "loggedIn", principal } }, principal };
}
