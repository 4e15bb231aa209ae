import { beforeAll, describe, expect, test } from "vitest";
import * as v from "valibot";
import { accountSchema } from "../../../server/contract/sites.ts";
import { hashPassword } from "../../../server/auth/password-hash.ts";
import { SettingsAuthenticator } from "../../../server/auth/settings-authenticator.ts";

let passwordHash: string;
beforeAll(async () => {
  passwordHash = await hashPassword("right", { logCost: 4, blockSize: 8, parallelism: 1 });
});

const authenticator = (accounts: readonly object[], now?: () => number) =>
  new SettingsAuthenticator(
    accounts.map((account) => v.parse(accountSchema, account)),
    now,
  );

const attempt = (userName: string, password: string) => ({
  userName,
  password,
  peerAddress: "198.51.100.7",
  siteName: "default",
});

describe("an account with a password", () => {
  test("is accepted with it and refused with another", async () => {
    const subject = authenticator([{ name: "ada", passwordHash }]);
    expect(await subject.authenticate(attempt("ada", "right"))).toMatchObject({
      kind: "accepted",
      account: { name: "ada" },
    });
    // Twice: a right password that is remembered must not let a wrong one in.
    expect(await subject.authenticate(attempt("ada", "wrong"))).toMatchObject({ kind: "refused" });
    expect(await subject.authenticate(attempt("ada", ""))).toMatchObject({ kind: "refused" });
    expect(await subject.authenticate(attempt("Ada", "right"))).toMatchObject({ kind: "refused" });
  });

  test("is refused when it is disabled, expired or without a hash", async () => {
    const now = (): number => Date.UTC(2026, 10, 21, 12);
    const subject = authenticator(
      [
        { name: "disabled", passwordHash, disabled: true },
        { name: "expired", passwordHash, expires: "2026-11-20" },
        { name: "lastDay", passwordHash, expires: "2026-11-21" },
        { name: "bare", disabled: true },
      ],
      now,
    );
    const outcomes = await Promise.all(
      ["disabled", "expired", "lastDay", "bare"].map((name) =>
        subject.authenticate(attempt(name, "right")),
      ),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(["refused", "refused", "accepted", "refused"]);
  });
});

describe("anonymous", () => {
  test("takes any password, also as ftp", async () => {
    const subject = authenticator([{ name: "anonymous", anonymous: true }]);
    for (const name of ["anonymous", "ftp"]) {
      expect(await subject.authenticate(attempt(name, "me@example.com"))).toMatchObject({
        kind: "accepted",
        account: { name: "anonymous", anonymous: true },
      });
    }
  });

  test("is unknown unless it is declared", async () => {
    const subject = authenticator([{ name: "ada", passwordHash }]);
    for (const name of ["anonymous", "ftp"]) {
      expect(await subject.authenticate(attempt(name, ""))).toMatchObject({ kind: "refused" });
    }
  });
});
