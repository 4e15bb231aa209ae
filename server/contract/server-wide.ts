/** Settings of the whole server that the stack passes on as they are. */
import { logonAttemptsSchema } from "./access.ts";
import { authenticationHookSchema } from "./authentication.ts";
import { setting } from "./fields.ts";
import { serverLimitsEntries } from "./limits.ts";
import { w3cLogSchema } from "./logging.ts";

export const serverWideEntries = {
  ...serverLimitsEntries,
  logonAttempts: setting(logonAttemptsSchema, {}, "Addresses that fail to log in too often."),
  log: setting(w3cLogSchema, {}, "The W3C extended log, beside the structured one."),
  authenticationHook: setting(
    authenticationHookSchema,
    {},
    "External service that is asked about accounts which the settings do not hold.",
  ),
} as const;
