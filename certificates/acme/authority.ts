/** A certificate authority's ACME directory (RFC 8555): nonces, signed requests, problems. */
import * as v from "valibot";
import { CertificateError, reasonOf } from "../errors.ts";
import { parseJson } from "../json.ts";
import { done, persist, readRetryAfter, type Patience } from "../patience.ts";
import { bindExternalAccount, signRequest, type AccountKey } from "./jws.ts";

const directorySchema = v.object({
  newNonce: v.string(),
  newAccount: v.string(),
  newOrder: v.string(),
  /** RFC 9773; not every authority has it. */
  renewalInfo: v.optional(v.string()),
});
export type Directory = v.InferOutput<typeof directorySchema>;

const problemSchema = v.object({
  type: v.optional(v.string(), "about:blank"),
  detail: v.optional(v.string(), ""),
  subproblems: v.optional(
    v.array(
      v.object({
        detail: v.optional(v.string(), ""),
        identifier: v.optional(v.object({ value: v.string() })),
      }),
    ),
    [],
  ),
});

/** What the authority says is wrong (RFC 8555, 6.7), without `urn:ietf:params:acme:error:`. */
export interface Problem {
  readonly type: string;
  readonly text: string;
}

export interface AuthorityOptions {
  readonly directoryUrl: string;
  readonly key: AccountKey;
  readonly patience: Patience;
}

export interface AccountRequest {
  /** Empty: none. */
  readonly contactEmail: string;
  readonly externalAccount: { readonly keyId: string; readonly key: string } | undefined;
}

/** An answer to a signed request. */
export interface Signed {
  readonly body: unknown;
  readonly text: string;
  /** URL of what was made. */
  readonly location: string | undefined;
  readonly retryAfterMs: number | undefined;
}

const PROBLEM_PREFIX = "urn:ietf:params:acme:error:";
const MOST_NONCES = 8;
const REQUEST_TIMEOUT_MS = 30_000;
const USER_AGENT = "gangway-certificates";
/** What a request that the authority asks to slow down is worth waiting for within one run. */
const RATE_LIMIT_PAUSE_MS = 60 * 60 * 1000;

export class Authority {
  readonly directory: Directory;
  readonly #key: AccountKey;
  readonly #patience: Patience;
  #account: string | undefined;
  #nonce: string | undefined;

  private constructor(directory: Directory, { key, patience }: AuthorityOptions) {
    this.directory = directory;
    this.#key = key;
    this.#patience = patience;
  }

  /** @throws CertificateError when the URL leads to no directory. */
  static async open(options: AuthorityOptions): Promise<Authority> {
    const { directoryUrl, patience } = options;
    const response = await request(patience, directoryUrl, {});
    const directory = v.safeParse(directorySchema, parseJson(await response.text()));
    if (directory.success) return new Authority(directory.output, options);
    throw new CertificateError(
      "acme",
      `${directoryUrl} answers HTTP ${String(response.status)} and is no ACME directory`,
      "check acme.directoryUrl",
    );
  }

  /** Registers the account, or finds the one that the key has. */
  async register({ contactEmail, externalAccount }: AccountRequest): Promise<void> {
    const url = this.directory.newAccount;
    const { location } = await this.post(url, {
      termsOfServiceAgreed: true,
      ...(contactEmail === "" ? {} : { contact: [`mailto:${contactEmail}`] }),
      ...(externalAccount === undefined
        ? {}
        : { externalAccountBinding: bindExternalAccount(this.#key, externalAccount, url) }),
    });
    if (location === undefined) throw unexpected(url, "names no account");
    this.#account = location;
  }

  /** Sends a signed request. @param payload undefined to read (POST-as-GET). */
  async post(url: string, payload?: object): Promise<Signed> {
    for (let attempt = 1; ; attempt++) {
      const nonce = this.#nonce ?? (await this.#fetchNonce());
      this.#nonce = undefined;
      const identity =
        this.#account === undefined ? { jwk: this.#key.jwk } : { kid: this.#account };
      const response = await request(this.#patience, url, {
        method: "POST",
        headers: { "content-type": "application/jose+json" },
        body: JSON.stringify(signRequest(this.#key, { ...identity, nonce, url }, payload)),
      });
      this.#nonce = response.headers.get("replay-nonce") ?? undefined;
      const text = await response.text();
      const retryAfterMs = readRetryAfter(response.headers);
      const location = response.headers.get("location") ?? undefined;
      const body = parseJson(text);
      if (response.ok) return { body, text, location, retryAfterMs };
      const problem = readProblem(body);
      if (problem?.type === "badNonce" && attempt < MOST_NONCES) continue;
      throw refusal(url, response.status, problem, retryAfterMs);
    }
  }

  async #fetchNonce(): Promise<string> {
    const url = this.directory.newNonce;
    const response = await request(this.#patience, url, { method: "HEAD" });
    const nonce = response.headers.get("replay-nonce");
    if (nonce === null) throw unexpected(url, "gives no nonce");
    return nonce;
  }
}

/** Sends a request; one that is not answered, or with the authority's own failure, again. */
export async function request(
  patience: Patience,
  url: string,
  init: RequestInit,
): Promise<Response> {
  let last = "";
  const result = await persist(patience.authorityMs, patience, async () => {
    try {
      const response = await fetch(url, {
        ...init,
        headers: { "user-agent": USER_AGENT, ...init.headers },
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      if (response.status < 500) return done(response);
      last = `HTTP ${String(response.status)}`;
      // A nonce is used up by now; the caller cannot send the same request twice.
      if (init.method === "POST") return done(response);
      return { kind: "again", pauseMs: readRetryAfter(response.headers) };
    } catch (error) {
      last = reasonOf(error);
      return { kind: "again" };
    }
  });
  if (result !== undefined) return result.value;
  throw new CertificateError(
    "acme",
    `${url} cannot be reached: ${last}`,
    "check acme.directoryUrl, and that the machine reaches it by HTTPS",
  );
}

export function readProblem(body: unknown): Problem | undefined {
  const parsed = v.safeParse(problemSchema, body);
  if (!parsed.success) return undefined;
  const { type, detail, subproblems } = parsed.output;
  const parts = subproblems.map(({ detail: text, identifier }) =>
    identifier === undefined ? text : `${identifier.value}: ${text}`,
  );
  return { type: type.replace(PROBLEM_PREFIX, ""), text: [detail, ...parts].join("; ") };
}

/** What helps against the problems that administrators meet. */
const FIXES: Readonly<Record<string, string>> = {
  caa: "allow the authority in the domain's CAA records",
  dns: "check the delegation of the name with: dig +trace",
  externalAccountRequired:
    "set acme.externalAccountKeyId and the secret acmeExternalAccountKey to what the authority gave you",
  incorrectResponse: "check that no other TXT or CNAME record answers for the challenge's name",
  invalidContact: "set acme.contactEmail to an address that receives mail, or leave it empty",
  rateLimited: "wait; nothing is tried again before the authority allows it",
  rejectedIdentifier: "remove the name: the authority does not certify it",
  unauthorized: "check that the account is valid and the challenge's record is the one expected",
  userActionRequired: "read the authority's new terms of service, and agree to them there",
};

export function refusal(
  url: string,
  status: number,
  problem: Problem | undefined,
  retryAfterMs: number | undefined,
): CertificateError {
  const limited = status === 429 || problem?.type === "rateLimited";
  const said = problem === undefined ? "" : ` (${problem.type}): ${problem.text}`;
  return new CertificateError(
    limited ? "rateLimited" : "acme",
    `the authority refuses ${url} with HTTP ${String(status)}${said}`,
    FIXES[problem?.type ?? ""] ?? "see what the authority's documentation says about this problem",
    { retryAfterMs: limited ? (retryAfterMs ?? RATE_LIMIT_PAUSE_MS) : retryAfterMs },
  );
}

export function unexpected(url: string, problem: string): CertificateError {
  return new CertificateError(
    "acme",
    `${url} ${problem}`,
    "check that acme.directoryUrl is an authority that speaks RFC 8555",
  );
}
