import { expect, test } from "vitest";
import {
  createPrincipal,
  renewPrincipal,
  type Principal,
  type Visit,
} from "../../../server/session/principal.ts";
import type { ServerView } from "../../../server/session/view.ts";
import { InMemoryStorage } from "../../../server/storage/in-memory.ts";
import { startInProcess } from "../../support/in-process-server.ts";

const BEFORE_MS = Date.parse("2026-11-20T12:00:00Z");
const AFTER_MS = Date.parse("2026-11-22T12:00:00Z");
const EXPIRES = "2026-11-21";

/** The same view with another end of alice's account. */
function withExpiry(view: ServerView, expires: string | undefined): ServerView {
  const accounts = [...view.accounts.values()].map((account) => ({ ...account, expires }));
  return { ...view, accounts: new Map(accounts.map((account) => [account.name, account])) };
}

function enter(view: ServerView): Principal {
  const account = view.accounts.get("alice");
  if (account === undefined) throw new Error("no alice");
  const visit: Visit = {
    peerAddress: "198.51.100.7",
    hostNames: undefined,
    certificate: undefined,
    presence: { bandwidth: undefined as never, [Symbol.dispose]: () => undefined },
  };
  const outcome = createPrincipal(view, view.sites[0], account, visit);
  if (outcome.kind === "refused") throw new Error(outcome.reason);
  return outcome.principal;
}

test("an account that has expired is let go, unless new settings let it last longer", async () => {
  const openStorage = () => Promise.resolve(new InMemoryStorage());
  await using server = await startInProcess({ openStorage });
  const view = withExpiry(server.server.view(), EXPIRES);
  const principal = enter(view);
  expect(renewPrincipal(principal, view, BEFORE_MS)).toBe(principal);
  expect(renewPrincipal(principal, view, AFTER_MS)).toBeUndefined();
  for (const expires of [undefined, "2027-01-31"]) {
    const renewed = renewPrincipal(principal, withExpiry(view, expires), AFTER_MS);
    expect(renewed?.account.expires).toBe(expires);
    expect(renewed?.account.name).toBe("alice");
  }
  expect(renewPrincipal(principal, withExpiry(view, EXPIRES), AFTER_MS)).toBeUndefined();
});
