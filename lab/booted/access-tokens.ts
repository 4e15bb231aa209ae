/** Access tokens of the lab's directory: what Entra ID issues for identities, signed by a key of the lab. */
import { generateKeyPairSync, randomUUID, sign, verify, type KeyObject } from "node:crypto";
import { LAB_TENANT } from "../cloud/identifiers.ts";

/** Who a token speaks for. */
export interface Principal {
  /** Object id: what role assignments name. */
  readonly principalId: string;
  /** Application id: what a token request names. */
  readonly clientId: string;
  /** ARM id of the identity. */
  readonly resourceId: string;
}

export interface AccessToken {
  readonly text: string;
  /** Seconds since 1970. */
  readonly notBefore: number;
  readonly expiresOn: number;
}

/** Managed identities get tokens for a day. */
const LIFETIME_SECONDS = 24 * 60 * 60;
/** RFC 7518, 3.4: a signature is the two numbers side by side. */
const SIGNATURE = { dsaEncoding: "ieee-p1363" } as const;

/** Issues tokens and recognises its own (RFC 7519, ES256). */
export class TokenIssuer {
  readonly #keys: { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
  readonly #now: () => number;

  /** @param now milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#now = now;
  }

  /** @param audience the resource that the token is for, as it was asked for. */
  issue(principal: Principal, audience: string): AccessToken {
    const notBefore = Math.floor(this.#now() / 1000);
    const expiresOn = notBefore + LIFETIME_SECONDS;
    const claims = {
      aud: audience,
      iss: `https://sts.windows.net/${LAB_TENANT}/`,
      iat: notBefore,
      nbf: notBefore,
      exp: expiresOn,
      appid: principal.clientId,
      oid: principal.principalId,
      sub: principal.principalId,
      tid: LAB_TENANT,
      uti: randomUUID(),
      xms_mirid: principal.resourceId,
    };
    const signed = `${encode({ alg: "ES256", typ: "JWT" })}.${encode(claims)}`;
    const signature = sign("sha256", Buffer.from(signed), {
      key: this.#keys.privateKey,
      ...SIGNATURE,
    });
    return { text: `${signed}.${signature.toString("base64url")}`, notBefore, expiresOn };
  }

  /**
   * The object id that an `Authorization` header speaks for.
   *
   * @param audiences resources whose tokens count; a slash at the end makes no difference.
   * @returns undefined for a token that is not ours, expired, or meant for another resource.
   */
  recognise(authorization: string | undefined, audiences: readonly string[]): string | undefined {
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? "")?.[1];
    const [header = "", payload = "", signature = ""] = token?.split(".") ?? [];
    const genuine = verify(
      "sha256",
      Buffer.from(`${header}.${payload}`),
      { key: this.#keys.publicKey, ...SIGNATURE },
      Buffer.from(signature, "base64url"),
    );
    if (!genuine) return undefined;
    // Only what this issuer has written passes the check above.
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as {
      readonly aud: string;
      readonly exp: number;
      readonly oid: string;
    };
    const plain = (audience: string) => audience.replace(/\/$/, "");
    const meant = audiences.map(plain).includes(plain(claims.aud));
    return meant && claims.exp * 1000 > this.#now() ? claims.oid : undefined;
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
