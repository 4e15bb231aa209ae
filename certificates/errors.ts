/** What can go wrong with a certificate, each with what to do about it. */

/** `rateLimited`: the authority asks for patience. `dns`: the challenge record is not seen. */
export type CertificateErrorKind =
  "acme" | "certificate" | "dns" | "file" | "identity" | "rateLimited" | "settings" | "vault";

export class CertificateError extends Error {
  override readonly name = "CertificateError";
  readonly kind: CertificateErrorKind;
  /** What a person can do. */
  readonly fix: string;
  /** Milliseconds that the other side asks to wait for. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: CertificateErrorKind,
    problem: string,
    fix: string,
    options: { readonly cause?: unknown; readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(problem, { cause: options.cause });
    this.kind = kind;
    this.fix = fix;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Why a request or a file operation failed: the system's own short text. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
