import { expect, test } from "vitest";
import { ExpiryWatch } from "../../../server/startup/expiry-watch.ts";
import type { StatusReport } from "../../../server/status/status-pages.ts";

const DAY_SECONDS = 86_400;

async function warningsFor(certificateExpiresSeconds: number | undefined) {
  const records: { level: string; event: string; days: unknown }[] = [];
  const logger = {
    log: (level: string, event: string, fields: Readonly<Record<string, unknown>> = {}) =>
      void records.push({ level, event, days: fields["days"] }),
    with: () => logger,
  };
  const report = { gauges: { certificateExpiresSeconds } } as StatusReport;
  await new ExpiryWatch({ report: () => report }, logger).check();
  return records;
}

test("says nothing of a certificate that lasts, or of none", async () => {
  expect(await warningsFor(22 * DAY_SECONDS)).toEqual([]);
  expect(await warningsFor(undefined)).toEqual([]);
});

test("warns of one that expires soon, and of one that has expired", async () => {
  expect(await warningsFor(3.5 * DAY_SECONDS)).toEqual([
    { level: "warn", event: "certificateExpiring", days: 3 },
  ]);
  expect(await warningsFor(-10)).toEqual([
    { level: "error", event: "certificateExpired", days: -1 },
  ]);
});
