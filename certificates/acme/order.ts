/** One order: from names to a certificate, through DNS-01 (RFC 8555, 7.4 and 8.4). */
import * as v from "valibot";
import type { CertificateKeyType } from "#contract";
import { CertificateError } from "../errors.ts";
import { done, persist, type Patience } from "../patience.ts";
import { readProblem, refusal, unexpected, type Authority, type Signed } from "./authority.ts";
import { challengeRecord, type AccountKey } from "./jws.ts";
import { makeSigningRequest } from "./signing-request.ts";

/** What answers a challenge: a value in the TXT record of a name. */
export interface ChallengeAnswer {
  readonly hostName: string;
  readonly value: string;
}

export interface OrderRequest {
  readonly authority: Authority;
  readonly key: AccountKey;
  readonly hostNames: readonly string[];
  readonly keyType: CertificateKeyType;
  /** The certificate that this one replaces, by its name in renewal information (RFC 9773). */
  readonly replaces: string | undefined;
  readonly patience: Patience;
  /** Publishes the answers and resolves when the authority can see them; undone by disposal. */
  readonly publish: (answers: readonly ChallengeAnswer[]) => Promise<AsyncDisposable>;
}

const orderSchema = v.object({
  status: v.picklist(["pending", "ready", "processing", "valid", "invalid"]),
  authorizations: v.array(v.string()),
  finalize: v.string(),
  certificate: v.optional(v.string()),
  error: v.optional(v.unknown()),
});
type Order = v.InferOutput<typeof orderSchema>;

const authorizationSchema = v.object({
  status: v.string(),
  identifier: v.object({ value: v.string() }),
  challenges: v.array(
    v.object({
      type: v.string(),
      url: v.string(),
      token: v.optional(v.string(), ""),
      error: v.optional(v.unknown()),
    }),
  ),
});
type Authorization = v.InferOutput<typeof authorizationSchema>;

/**
 * Orders a certificate.
 *
 * @returns PEM: chain and key.
 * @throws CertificateError with what the authority says.
 */
export async function orderCertificate(request: OrderRequest): Promise<string> {
  const { authority, keyType, hostNames } = request;
  const { url, order } = await placeOrder(request);
  await authorize(request, order);
  const { csr, key } = await makeSigningRequest(hostNames, keyType);
  const ready = await poll(request, url, ({ status }) => status !== "pending");
  if (ready.status === "ready") await authority.post(ready.finalize, { csr });
  const issued = await poll(request, url, ({ status }) => status === "valid");
  if (issued.certificate === undefined) throw unexpected(url, "is valid without a certificate");
  const { text } = await authority.post(issued.certificate);
  return `${text.trim()}\n${key.trim()}\n`;
}

async function placeOrder(
  request: OrderRequest,
): Promise<{ readonly url: string; readonly order: Order }> {
  const { authority, hostNames, replaces } = request;
  const identifiers = hostNames.map((value) => ({ type: "dns", value }));
  const place = (more: object) =>
    authority.post(authority.directory.newOrder, { identifiers, ...more });
  const { body, location } = await (replaces === undefined
    ? place({})
    : // An authority may not know the certificate, or have had it replaced already.
      place({ replaces }).catch((error: unknown) => {
        if (error instanceof CertificateError && error.kind === "acme") return place({});
        throw error;
      }));
  if (location === undefined) throw unexpected(authority.directory.newOrder, "names no order");
  return { url: location, order: parse(orderSchema, body, location) };
}

async function authorize(request: OrderRequest, { authorizations }: Order): Promise<void> {
  const { authority, key, publish } = request;
  const open = (
    await Promise.all(
      authorizations.map(async (url) => ({ url, ...(await readAuthorization(authority, url)) })),
    )
  ).filter(({ status }) => status !== "valid");
  if (open.length === 0) return;
  const challenges = open.map((authorization) => ({
    ...authorization,
    challenge: findChallenge(authorization),
  }));
  await using _published = await publish(
    challenges.map(({ identifier, challenge }) => ({
      hostName: identifier.value,
      value: challengeRecord(key, challenge.token),
    })),
  );
  for (const { challenge } of challenges) await authority.post(challenge.url, {});
  for (const { url } of challenges) await waitForAuthorization(request, url);
}

async function readAuthorization(
  authority: Authority,
  url: string,
): Promise<Authorization & Pick<Signed, "retryAfterMs">> {
  const { body, retryAfterMs } = await authority.post(url);
  return { ...parse(authorizationSchema, body, url), retryAfterMs };
}

function findChallenge({ challenges, identifier }: Authorization) {
  const found = challenges.find(({ type }) => type === "dns-01");
  if (found !== undefined) return found;
  throw new CertificateError(
    "acme",
    `the authority offers no DNS challenge for ${identifier.value}`,
    "choose an authority that offers dns-01",
  );
}

async function waitForAuthorization(request: OrderRequest, url: string): Promise<void> {
  const { authority, patience } = request;
  const result = await persist(patience.authorityMs, patience, async () => {
    const authorization = await readAuthorization(authority, url);
    if (authorization.status === "valid") return done(true);
    if (authorization.status !== "pending") {
      const { identifier, challenges } = authorization;
      const failed = challenges.find(({ error }) => error !== undefined);
      const problem = readProblem(failed?.error);
      throw refusal(identifier.value, 403, problem, undefined);
    }
    return { kind: "again", pauseMs: authorization.retryAfterMs };
  });
  if (result === undefined) throw unexpected(url, "stays pending");
}

async function poll(
  { authority, patience }: OrderRequest,
  url: string,
  enough: (order: Order) => boolean,
): Promise<Order> {
  const result = await persist(patience.authorityMs, patience, async () => {
    const { body, retryAfterMs } = await authority.post(url);
    const order = parse(orderSchema, body, url);
    if (order.status === "invalid") {
      throw refusal(url, 403, readProblem(order.error), undefined);
    }
    return enough(order) ? done(order) : { kind: "again", pauseMs: retryAfterMs };
  });
  if (result === undefined) throw unexpected(url, "does not come to an end");
  return result.value;
}

function parse<S extends v.GenericSchema>(schema: S, body: unknown, url: string): v.InferOutput<S> {
  const parsed = v.safeParse(schema, body);
  if (parsed.success) return parsed.output;
  throw unexpected(url, "gives an answer that RFC 8555 does not know");
}
