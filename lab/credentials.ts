/** Credentials of a lab, made once and kept in its folder, so that saved logins stay good. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writeWhole } from "./cloud/state.ts";

/** Made by the caller, because only the server knows how it stores passwords. */
export type HashPassword = (password: string) => Promise<string>;

export interface Credentials {
  readonly account: string;
  readonly password: string;
  readonly passwordHash: string;
  readonly probePassword: string;
}

export const CREDENTIALS_FILE = "credentials.json";
/** The account for a person's own clients. */
const DEMO_ACCOUNT = "demo";
/** 96 bits: nobody guesses them, and a person can still type them. */
const PASSWORD_BYTES = 12;

export async function readOrMakeCredentials(
  folder: string,
  hashPassword: HashPassword,
): Promise<Credentials> {
  const file = join(folder, CREDENTIALS_FILE);
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Credentials;
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!missing && !(error instanceof SyntaxError)) throw error;
  }
  const password = makePassword();
  const credentials: Credentials = {
    account: DEMO_ACCOUNT,
    password,
    passwordHash: await hashPassword(password),
    probePassword: makePassword(),
  };
  writeWhole(file, `${JSON.stringify(credentials, undefined, 2)}\n`);
  return credentials;
}

/** Letters and digits only, so that no shell and no URL needs quotes. */
function makePassword(): string {
  return randomBytes(PASSWORD_BYTES).toString("base64url").replaceAll(/[-_]/g, "x");
}
