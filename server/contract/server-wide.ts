/** Settings of the whole server that the stack passes on as they are. */
import { logonAttemptsSchema } from "./access.ts";
import { authenticationHookSchema } from "./authentication.ts";
import { setting, wholeNumber } from "./fields.ts";
import { serverLimitsEntries } from "./limits.ts";
import { w3cLogSchema } from "./logging.ts";

/** More than any machine that the project knows has processors. */
const MOST_WORKERS = 64;

export const serverWideEntries = {
  workers: setting(
    wholeNumber(0, MOST_WORKERS),
    1,
    "Processes that serve sessions: 1 (all in one process), or 0 for one on each processor. A change takes effect with the next start.",
  ),
  ...serverLimitsEntries,
  logonAttempts: setting(logonAttemptsSchema, {}, "Addresses that fail to log in too often."),
  log: setting(w3cLogSchema, {}, "The W3C extended log, beside the structured one."),
  authenticationHook: setting(
    authenticationHookSchema,
    {},
    "External service that is asked about accounts which the settings do not hold.",
  ),
} as const;
