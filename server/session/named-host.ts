/** Which host a client has named, for the log. */
import type { ParsedCommand } from "../protocol/commands.ts";
import type { SessionState } from "./state.ts";

/** The host in HOST, or in front of the user name; undefined when a command names none. */
export function hostNamedBy(
  { verb, argument = "" }: ParsedCommand,
  { login }: Pick<SessionState, "login">,
): string | undefined {
  if (verb === "HOST") return argument.trim();
  if (verb !== "USER" || login.kind !== "userNamed") return undefined;
  const text = argument.trim();
  return text === login.userName ? undefined : text.slice(0, -login.userName.length - 1);
}
