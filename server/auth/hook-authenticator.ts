/**
 * Asks an external service who somebody is: a POST with the attempt as JSON, answered with
 * `{"accepted": true, "home": "/…", "groups": […], "permissions": […]}`. Everything else fails
 * closed: another status, a redirect, a late or oversized answer, a service that is down. Only a clear
 * no (`accepted: false`, 401, 403) is a failure of the client's; the rest is one of the service.
 *
 * Directory services join this way; the server speaks no LDAP itself.
 */
import {
  authenticationAnswerSchema,
  type Account,
  type AuthenticationAnswer,
  type AuthenticationHookSettings,
  ContractError,
  parseWith,
} from "#contract";
import type { Authenticator, LoginAttempt, LoginOutcome } from "./authenticator.ts";
import { RememberedLogins } from "./remembered-logins.ts";

/** An honest answer is some hundred bytes; more is a mistake that must not fill the memory. */
const LARGEST_ANSWER_BYTES = 65_536;

export interface HookAuthenticatorOptions {
  readonly settings: AuthenticationHookSettings;
  readonly bearerToken: string | undefined;
  /** `fetch` of the platform, or a stand-in. */
  readonly fetch?: typeof fetch;
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
}

/** Opens the adapter for one hook; it holds no connection and needs no closing. */
export function openHookAuthenticator(options: HookAuthenticatorOptions): Authenticator {
  const { settings, bearerToken } = options;
  const ask = options.fetch ?? fetch;
  const now = options.now ?? (() => performance.now());
  const remembered = new RememberedLogins<Account>(settings.cacheSeconds * 1000, now);
  return {
    async authenticate(attempt, signal): Promise<LoginOutcome> {
      const login = remembered.nameOf(attemptKey(attempt));
      const account = remembered.find(login);
      if (account !== undefined) return { kind: "accepted", account };
      const outcome = await askHook(ask, settings, bearerToken, attempt, signal);
      if (outcome.kind === "accepted") remembered.remember(login, outcome.account);
      return outcome;
    },
  };
}

/** Everything that the hook is told: it may decide by any of it. */
function attemptKey(attempt: LoginAttempt): readonly string[] {
  const { siteName, userName, password, peerAddress } = attempt;
  return [siteName, userName, password, peerAddress];
}

async function askHook(
  ask: typeof fetch,
  settings: AuthenticationHookSettings,
  bearerToken: string | undefined,
  attempt: LoginAttempt,
  signal: AbortSignal,
): Promise<LoginOutcome> {
  const limit = AbortSignal.timeout(settings.timeoutSeconds * 1000);
  try {
    const response = await ask(settings.url, {
      method: "POST",
      redirect: "error",
      signal: AbortSignal.any([signal, limit]),
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        ...(bearerToken === undefined ? {} : { authorization: `Bearer ${bearerToken}` }),
      },
      body: JSON.stringify(attempt),
    });
    if (response.status === 401 || response.status === 403) {
      return refused(`the authentication hook answered ${String(response.status)}`);
    }
    if (response.status !== 200) {
      return undecided(`the authentication hook failed with status ${String(response.status)}`);
    }
    const answer = parseWith(authenticationAnswerSchema, JSON.parse(await readBounded(response)));
    return answer.accepted
      ? { kind: "accepted", account: accountOf(attempt, answer) }
      : refused("the authentication hook refused");
  } catch (error) {
    if (signal.aborted) throw error;
    return undecided(`the authentication hook ${describeFailure(error, limit, settings)}`);
  }
}

function describeFailure(
  error: unknown,
  limit: AbortSignal,
  settings: AuthenticationHookSettings,
): string {
  if (limit.aborted) return `gave no answer within ${String(settings.timeoutSeconds)} s`;
  if (error instanceof ContractError) return `gave an invalid answer: ${error.message}`;
  if (error instanceof SyntaxError) return "gave an answer that is not JSON";
  return `could not be reached: ${error instanceof Error ? error.message : String(error)}`;
}

/** @throws RangeError beyond the bound; the rest of the body is not read. */
async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > LARGEST_ANSWER_BYTES) throw new RangeError("the answer is too large");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function accountOf({ userName }: LoginAttempt, answer: AuthenticationAnswer): Account {
  return {
    name: userName,
    anonymous: false,
    disabled: false,
    home: answer.home ?? "/",
    permissions: answer.permissions ?? ["read", "write"],
    groups: answer.groups,
    sites: [],
    certificates: [],
    limits: { bandwidth: {}, sessionBandwidth: {} },
  };
}

function refused(reason: string): LoginOutcome {
  return { kind: "refused", reason };
}

/** The hook did not say no: the client must not be counted as one who guesses. */
function undecided(reason: string): LoginOutcome {
  return { kind: "refused", reason, undecided: true };
}
