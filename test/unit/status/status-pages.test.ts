import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { formatMetrics, Metrics, type Gauges } from "../../../server/status/metrics.ts";
import { StatusPages } from "../../../server/status/status-pages.ts";

const gauges: Gauges = {
  draining: false,
  workers: 1,
  sessions: 3,
  transfers: 1,
  passivePorts: 100,
  passiveListening: 2,
  passivePending: 1,
  certificateExpiresSeconds: undefined,
};

async function open(more: Partial<Gauges> = {}) {
  const metrics = new Metrics();
  const now = { ...gauges, ...more };
  const pages = new StatusPages({
    draining: now.draining,
    report: () => ({ counters: metrics, gauges: now }),
  });
  const server = createServer((socket) => pages.accept(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}`,
    port,
    pages,
    metrics,
    [Symbol.asyncDispose]: async () => {
      pages[Symbol.dispose]();
      server.close();
      await once(server, "close");
    },
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

test("answers on a unix socket too, in place of one that was left behind", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gangway-status-"));
  const path = join(folder, "status.sock");
  await writeFile(path, "left behind");
  await using subject = await open();
  await subject.pages.listen(path);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    get({ socketPath: path, path: "/healthz" }, ({ statusCode }) => resolve(statusCode)).on(
      "error",
      reject,
    );
  });
  expect(status).toBe(200);
  await rm(folder, { recursive: true });
});

test("holds no more than a bounded number of connections", async () => {
  await using subject = await open();
  const sockets = Array.from({ length: 65 }, () => connect(subject.port, "127.0.0.1"));
  const last = sockets.at(-1);
  if (last === undefined) throw new Error("no socket");
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  await once(last.resume(), "close");
  expect(sockets.filter((socket) => socket.readyState === "open")).toHaveLength(64);
  for (const socket of sockets) socket.destroy();
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
