/** Azure's REST interfaces, called as the machine's managed identity. */
import { METADATA_ADDRESS, METADATA_API_VERSION } from "#contract";
import { CertificateError, reasonOf, type CertificateErrorKind } from "../errors.ts";
import { parseJson } from "../json.ts";
import { done, persist, readRetryAfter, type Patience } from "../patience.ts";

/** An answer that is not an error; `body` is undefined when it is not JSON. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface AzureRequest {
  /** For which resource the access token is. */
  readonly audience: string;
  readonly method: "GET" | "POST" | "PUT";
  readonly url: string;
  readonly body?: object;
  /** Kind of the error when it does not work out. */
  readonly kind: CertificateErrorKind;
  /** What it is about, for errors: `the secret NAME`. */
  readonly what: string;
  /** What to check when it is refused for good. */
  readonly fix: string;
}

/** Tokens are renewed before they end, so that none ends on its way. */
const TOKEN_MARGIN_MS = 120_000;
const REQUEST_TIMEOUT_MS = 30_000;

export class Azure {
  readonly #metadata: string;
  readonly #clientId: string;
  readonly #patience: Patience;
  readonly #tokens = new Map<string, { readonly text: string; readonly endsMs: number }>();

  constructor(metadata: string, identityClientId: string, patience: Patience) {
    this.#metadata = metadata;
    this.#clientId = identityClientId;
    this.#patience = patience;
  }

  /**
   * Sends a request until it is answered for good. Refusals count as passing for a while, because
   * a role assignment takes minutes to arrive.
   *
   * @returns also 404, which callers know how to read.
   * @throws CertificateError
   */
  async call(request: AzureRequest): Promise<Answer> {
    let last = "there was no answer";
    const result = await persist(this.#patience.azureMs, this.#patience, async () => {
      const token = await this.#token(request.audience);
      const response = await send(request.url, {
        method: request.method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(request.body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      });
      if (typeof response === "string") {
        last = response;
        return { kind: "again" };
      }
      const body = parseJson(await response.text());
      if (response.ok || response.status === 404) return done({ status: response.status, body });
      last = `HTTP ${String(response.status)} ${messageOf(body)}`.trim();
      if (response.status === 401) this.#tokens.delete(request.audience);
      if (!passes(response.status)) throw this.#error(request, last);
      return { kind: "again", pauseMs: readRetryAfter(response.headers) };
    });
    if (result === undefined) throw this.#error(request, last);
    return result.value;
  }

  #error({ kind, what, fix }: AzureRequest, problem: string): CertificateError {
    return new CertificateError(kind, `${what}: ${problem}`, fix);
  }

  async #token(audience: string): Promise<string> {
    const known = this.#tokens.get(audience);
    if (known !== undefined && known.endsMs - TOKEN_MARGIN_MS > Date.now()) return known.text;
    const query = new URLSearchParams({
      "api-version": METADATA_API_VERSION,
      client_id: this.#clientId,
      resource: audience,
    });
    const url = `${this.#metadata}/metadata/identity/oauth2/token?${query.toString()}`;
    let last = "";
    const result = await persist(this.#patience.azureMs, this.#patience, async () => {
      const response = await send(url, { headers: { metadata: "true" } });
      if (typeof response === "string") last = response;
      else {
        const body = parseJson(await response.text());
        const text = textAt(body, "access_token");
        if (response.ok && text !== undefined) {
          const endsMs = Date.now() + Number(textAt(body, "expires_in") ?? 0) * 1000;
          return done({ text, endsMs });
        }
        last = `HTTP ${String(response.status)} ${textAt(body, "error_description") ?? ""}`.trim();
      }
      return { kind: "again" };
    });
    if (result === undefined) {
      throw new CertificateError(
        "identity",
        `the metadata service gives no token for ${audience}: ${last}`,
        `check that the machine has its user-assigned identity and reaches ${METADATA_ADDRESS}`,
      );
    }
    this.#tokens.set(audience, result.value);
    return result.value.text;
  }
}

/** Too early, too often, or their fault: worth another try. */
function passes(status: number): boolean {
  return [401, 403, 408, 409, 429].includes(status) || status >= 500;
}

/** Sends a request; a text says why there is no answer. */
async function send(url: string, init: RequestInit): Promise<Response | string> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  } catch (error) {
    return reasonOf(error);
  }
}

/** A text inside an answer. */
export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  let found = value;
  for (const step of path) {
    if (typeof found !== "object" || found === null) return undefined;
    found = Object.getOwnPropertyDescriptor(found, step)?.value;
  }
  return typeof found === "string" ? found : typeof found === "number" ? String(found) : undefined;
}

function messageOf(body: unknown): string {
  return textAt(body, "error", "message") ?? textAt(body, "message") ?? "";
}
