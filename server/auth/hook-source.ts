/** Opens the hook that the settings ask for, and keeps it, with what it remembers, over reloads. */
import { readFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { ContractError, type AuthenticationHookSettings } from "#contract";
import type { Authenticator } from "./authenticator.ts";
import { openHookAuthenticator, type HookAuthenticatorOptions } from "./hook-authenticator.ts";

/** Returns the hook for settings with an absolute token file; undefined when there is none. */
type HookSource = (settings: AuthenticationHookSettings) => Promise<Authenticator | undefined>;

/** @throws ContractError from the source, when the token cannot be read. */
export function createHookSource(): HookSource {
  let open:
    { readonly options: HookAuthenticatorOptions; readonly hook: Authenticator } | undefined;
  return async (settings) => {
    if (settings.url === "") return undefined;
    const options = { settings, bearerToken: await readToken(settings.bearerTokenFile) };
    if (open === undefined || !isDeepStrictEqual(open.options, options)) {
      open = { options, hook: openHookAuthenticator(options) };
    }
    return open.hook;
  };
}

async function readToken(file: string): Promise<string | undefined> {
  if (file === "") return undefined;
  let token: string;
  try {
    token = (await readFile(file, "utf8")).trim();
  } catch (cause) {
    throw refuse(file, "cannot be read", "name a file that the user of the server can read", cause);
  }
  // The token itself is never shown.
  if (!/^[\u0021-\u007e]+$/u.test(token)) {
    throw refuse(file, "does not hold one token", "write the token alone on one line");
  }
  return token;
}

function refuse(value: string, problem: string, fix: string, cause?: unknown): ContractError {
  const error = new ContractError([
    { setting: "authenticationHook.bearerTokenFile", value, problem, fix },
  ]);
  error.cause = cause;
  return error;
}
