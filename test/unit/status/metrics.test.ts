import { expect, test } from "vitest";
import { formatMetrics, Metrics, SERIES } from "../../../server/status/metrics.ts";

const gauges = {
  draining: false,
  workers: 1,
  sessions: 3,
  transfers: 1,
  passivePorts: 100,
  passiveListening: 4,
  passivePending: 2,
  certificateExpiresSeconds: undefined,
};

test("every series is named once, by Prometheus' rules", () => {
  const names = SERIES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, type } of SERIES) {
    expect(name).toMatch(/^gangway_[a-z_]+$/);
    expect(name.endsWith("_total")).toBe(type === "counter");
  }
});

test("what is counted is on the page, and what is unknown is not", () => {
  const metrics = new Metrics();
  metrics.bytesReceived = 12_345;
  metrics.loginsRefused++;
  const lines = formatMetrics(metrics, gauges).split("\n");
  expect(lines).toContain("gangway_received_bytes_total 12345");
  expect(lines).toContain("gangway_logins_refused_total 1");
  expect(lines).toContain("gangway_passive_leases_pending 2");
  expect(lines.join("\n")).not.toContain("certificate_expires");
  expect(lines.at(-1)).toBe("");
});
