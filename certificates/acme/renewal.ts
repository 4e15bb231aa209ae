/** When a certificate is to be renewed: when the authority says, or at a third of its life. */
import { createHash } from "node:crypto";
import * as v from "valibot";
import type { CertificateFile } from "../pem.ts";
import type { Patience } from "../patience.ts";
import { request } from "./authority.ts";
import { renewalIdOf } from "./signing-request.ts";

const renewalInfoSchema = v.object({
  suggestedWindow: v.object({ start: v.string(), end: v.string() }),
});

/** Share of the lifetime that is left when it is time. */
const LEFT = 1 / 3;

/** Milliseconds since 1970 from which a certificate is due without further advice. */
export function renewalTime({ notBeforeMs, notAfterMs }: CertificateFile): number {
  return notAfterMs - (notAfterMs - notBeforeMs) * LEFT;
}

/**
 * The moment that the authority suggests (RFC 9773): one of its window, always the same for the
 * same certificate, so that machines spread and repeated questions give one answer.
 *
 * @returns undefined when the authority gives no such advice, or none that can be read.
 */
export async function suggestedRenewalTime(
  renewalInfoUrl: string | undefined,
  { pem }: CertificateFile,
  patience: Patience,
): Promise<number | undefined> {
  const id = renewalIdOf(pem);
  if (renewalInfoUrl === undefined || id === undefined) return undefined;
  const response = await request(patience, `${renewalInfoUrl.replace(/\/$/, "")}/${id}`, {});
  // Another authority's certificate, or one that it has forgotten.
  if (!response.ok) return undefined;
  const parsed = v.safeParse(renewalInfoSchema, await response.json().catch(() => undefined));
  if (!parsed.success) return undefined;
  const start = Date.parse(parsed.output.suggestedWindow.start);
  const end = Date.parse(parsed.output.suggestedWindow.end);
  if (!(start <= end)) return undefined;
  return start + (end - start) * shareOf(pem);
}

/** A number from 0 to 1 that belongs to a text. */
function shareOf(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE() / 0xffffffff;
}
