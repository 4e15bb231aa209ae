import { expect, test } from "vitest";
import * as v from "valibot";
import { accountSchema } from "../../../server/contract/sites.ts";
import type { Authenticator } from "../../../server/auth/authenticator.ts";
import { chainAuthenticators } from "../../../server/auth/authenticator-chain.ts";

const never = new AbortController().signal;

/** Whose name was asked of the hook, with an anonymous account of that name in the settings. */
async function askedOfHook(anonymous: string, ...userNames: readonly string[]) {
  const asked: string[] = [];
  const refusing = (onAsked: (userName: string) => void): Authenticator => ({
    authenticate: ({ userName }) => {
      onAsked(userName);
      return Promise.resolve({ kind: "refused", reason: "no" });
    },
  });
  const chain = chainAuthenticators(
    [v.parse(accountSchema, { name: anonymous, anonymous: true })],
    refusing(() => undefined),
    refusing((userName) => asked.push(userName)),
  );
  const common = { password: "x", peerAddress: "198.51.100.7", siteName: "default" };
  for (const userName of userNames) await chain.authenticate({ userName, ...common }, never);
  return asked;
}

test("ftp is a name of the settings when it means their anonymous account", async () => {
  expect(await askedOfHook("anonymous", "anonymous", "ftp", "ada")).toEqual(["ada"]);
});

test("ftp is the hook's to judge when the settings know no such name", async () => {
  expect(await askedOfHook("guest", "guest", "ftp")).toEqual(["ftp"]);
});
