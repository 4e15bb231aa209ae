import { createServer } from "node:net";
import { once } from "node:events";
import { expect, test } from "vitest";
import { formatMetrics, Metrics, type Gauges } from "../../../server/status/metrics.ts";
import { openStatusServer } from "../../../server/status/status-server.ts";

const gauges: Gauges = {
  draining: false,
  sessions: 3,
  transfers: 1,
  passivePorts: 100,
  passiveListening: 2,
  passivePending: 1,
  certificateExpiresSeconds: undefined,
};

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return address !== null && typeof address === "object" ? address.port : 0;
}

async function open(more: Partial<Gauges> = {}) {
  const port = await freePort();
  const metrics = new Metrics();
  const now = { ...gauges, ...more };
  const server = await openStatusServer({
    port,
    addresses: ["127.0.0.1"],
    metrics,
    gauges: () => now,
  });
  return {
    url: `http://127.0.0.1:${String(port)}`,
    port,
    metrics,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

test("is healthy until it drains", async () => {
  await using up = await open();
  await using draining = await open({ draining: true });
  expect((await fetch(`${up.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${draining.url}/healthz`)).status).toBe(503);
});

test("shows what was counted", async () => {
  await using subject = await open();
  subject.metrics.loginsRefused += 7;
  const text = await (await fetch(`${subject.url}/metrics`)).text();
  expect(text).toMatch(/^gangway_logins_refused_total 7$/m);
  expect(text).toMatch(/^gangway_passive_leases_pending 1$/m);
  expect(text).not.toContain("certificate_expires");
  const status: unknown = await (await fetch(`${subject.url}/status`)).json();
  expect(status).toMatchObject({ sessions: 3, counted: { loginsRefused: 7 } });
});

test("answers nothing but GET and HEAD of what it knows", async () => {
  await using subject = await open();
  expect((await fetch(`${subject.url}/healthz`, { method: "POST", body: "x" })).status).toBe(405);
  expect((await fetch(`${subject.url}/../etc/passwd`)).status).toBe(404);
  expect(await (await fetch(`${subject.url}/healthz`, { method: "HEAD" })).text()).toBe("");
});

test("says that its port is taken", async () => {
  await using first = await open();
  await expect(
    openStatusServer({
      port: first.port,
      addresses: ["127.0.0.1"],
      metrics: first.metrics,
      gauges: () => gauges,
    }),
  ).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test("every series has its type and help once", () => {
  const lines = formatMetrics(new Metrics(), { ...gauges, certificateExpiresSeconds: 5 }).split(
    "\n",
  );
  const names = lines.filter((line) => line !== "" && !line.startsWith("#"));
  expect(new Set(names.map((line) => line.split(" ")[0])).size).toBe(names.length);
  expect(lines.filter((line) => line.startsWith("# TYPE"))).toHaveLength(names.length);
  expect(lines.filter((line) => line.startsWith("# HELP"))).toHaveLength(names.length);
});
