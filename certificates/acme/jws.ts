/** Signed requests of ACME (RFC 8555, 6.2; RFC 7515): flattened JSON, ES256. */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  sign,
  type KeyObject,
} from "node:crypto";
import { CertificateError } from "../errors.ts";

/** An account's key: EC P-256. */
export interface AccountKey {
  readonly privateKey: KeyObject;
  /** Public key, members in the order that its thumbprint wants (RFC 7638). */
  readonly jwk: {
    readonly crv: string;
    readonly kty: string;
    readonly x: string;
    readonly y: string;
  };
}

/** What is sent. */
export interface Jws {
  readonly protected: string;
  readonly payload: string;
  readonly signature: string;
}

/** @throws CertificateError unless it is an EC key on P-256. */
export function readAccountKey(pem: string): AccountKey {
  try {
    const privateKey = createPrivateKey(pem);
    const { kty, crv, x, y } = createPublicKey(privateKey).export({ format: "jwk" });
    if (kty === "EC" && crv === "P-256" && x !== undefined && y !== undefined) {
      return { privateKey, jwk: { crv, kty, x, y } };
    }
  } catch (error) {
    throw unusableKey(error);
  }
  throw unusableKey(undefined);
}

function unusableKey(cause: unknown): CertificateError {
  return new CertificateError(
    "acme",
    "the account's key in the vault is no EC key on P-256",
    "restore the earlier version of the secret, or delete it and run pulumi up for a new account",
    { cause },
  );
}

const encode = (value: object | string): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** @param payload undefined for POST-as-GET. */
export function signRequest(
  { privateKey }: AccountKey,
  header: Readonly<Record<string, unknown>>,
  payload: object | undefined,
): Jws {
  const text = {
    protected: encode({ alg: "ES256", ...header }),
    payload: payload === undefined ? "" : encode(payload),
  };
  const signature = sign("sha256", Buffer.from(`${text.protected}.${text.payload}`), {
    key: privateKey,
    dsaEncoding: "ieee-p1363",
  });
  return { ...text, signature: signature.toString("base64url") };
}

/** Binds an account to one that exists elsewhere (RFC 8555, 7.3.4). */
export function bindExternalAccount(
  { jwk }: AccountKey,
  binding: { readonly keyId: string; readonly key: string },
  url: string,
): Jws {
  const text = {
    protected: encode({ alg: "HS256", kid: binding.keyId, url }),
    payload: encode(jwk),
  };
  const signature = createHmac("sha256", Buffer.from(binding.key, "base64url"))
    .update(`${text.protected}.${text.payload}`)
    .digest("base64url");
  return { ...text, signature };
}

/** Value of the TXT record that answers a challenge (RFC 8555, 8.4). */
export function challengeRecord({ jwk }: AccountKey, token: string): string {
  const thumbprint = createHash("sha256").update(JSON.stringify(jwk)).digest("base64url");
  return createHash("sha256").update(`${token}.${thumbprint}`).digest("base64url");
}
