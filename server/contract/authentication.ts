/** Authentication by an external hook: how directory services and databases join. */
import * as v from "valibot";
import { setting, wholeNumber } from "./fields.ts";
import { accountSchema } from "./sites.ts";

const LOOPBACK_HOSTS = ["127.0.0.1", "[::1]", "localhost"];

const hookUrl = v.pipe(
  v.string(),
  v.check((text) => {
    if (text === "") return true;
    const url = URL.parse(text);
    return (
      url !== null &&
      (url.protocol === "https:" ||
        (url.protocol === "http:" && LOOPBACK_HOSTS.includes(url.hostname)))
    );
  }, "is not an https URL; passwords travel to it, so plain http is for this machine only"),
);

export const authenticationHookSchema = v.strictObject({
  url: setting(hookUrl, "", "Where logins are posted as JSON; empty: no hook."),
  bearerTokenFile: setting(
    v.string(),
    "",
    "File with the token of the Authorization header, relative to the settings file; empty: none.",
  ),
  timeoutSeconds: setting(wholeNumber(1, 30), 5, "Longest wait for an answer; then: refused."),
  cacheSeconds: setting(
    wholeNumber(0, 3600),
    60,
    "How long an accepted login is accepted again without asking; 0: never.",
  ),
});
export type AuthenticationHookSettings = v.InferOutput<typeof authenticationHookSchema>;

/**
 * What a hook answers with status 200. Everything but `accepted` is optional; unknown members are
 * ignored, so that a hook can serve others as well.
 */
export const authenticationAnswerSchema = v.object({
  accepted: v.boolean(),
  home: v.optional(accountSchema.entries.home),
  permissions: v.optional(accountSchema.entries.permissions),
  groups: v.optional(v.array(v.string()), []),
});
export type AuthenticationAnswer = v.InferOutput<typeof authenticationAnswerSchema>;
