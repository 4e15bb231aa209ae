/** Warns of a certificate that expires soon: at the start, with each reload, and every day. */
import { CERTIFICATE_WARNING_DAYS } from "#contract";
import type { Logger } from "../logging/logger.ts";
import type { Serving } from "./serving.ts";

const DAY_SECONDS = 24 * 60 * 60;

export class ExpiryWatch {
  readonly #serving: Pick<Serving, "report">;
  readonly #logger: Logger;

  constructor(serving: Pick<Serving, "report">, logger: Logger) {
    this.#serving = serving;
    this.#logger = logger;
    setInterval(() => void this.check(), DAY_SECONDS * 1000).unref();
  }

  async check(): Promise<void> {
    const { gauges } = await this.#serving.report();
    const seconds = gauges.certificateExpiresSeconds;
    if (seconds === undefined || seconds >= CERTIFICATE_WARNING_DAYS * DAY_SECONDS) return;
    const hasExpired = seconds <= 0;
    this.#logger.log(
      hasExpired ? "error" : "warn",
      hasExpired ? "certificateExpired" : "certificateExpiring",
      {
        expires: new Date(Date.now() + seconds * 1000).toISOString(),
        days: Math.floor(seconds / DAY_SECONDS),
        fix: "replace the certificate's file; it is read again at once, and no session ends",
      },
    );
  }
}
