/** When the end of a certificate is near enough for an alarm. */
import type { CertificateFile } from "./pem.ts";

/** A certificate that ends within this is worth an alarm, unless its whole life is short. */
const ALARM_MS = 14 * 24 * 60 * 60 * 1000;
const ALARM_SHARE = 1 / 6;

/** Whether somebody has to act. */
export function endsSoon({ notBeforeMs, notAfterMs }: CertificateFile, nowMs: number): boolean {
  return notAfterMs - nowMs < Math.min(ALARM_MS, (notAfterMs - notBeforeMs) * ALARM_SHARE);
}

/** ISO 8601. */
export function formatTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
