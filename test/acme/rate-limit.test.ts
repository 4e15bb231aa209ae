/** What no test authority does by itself: limit the rate, and be busy. A stand-in speaks for it. */
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeNamedCertificate } from "../support/named-certificate.ts";
import { startAzure, type AzureDouble } from "./azure-double.ts";
import { makeMachine, ordered, recordName, ZONE, type RunResult } from "./machine.ts";
import type { Pebble } from "./pebble.ts";

const HOUR_MS = 60 * 60 * 1000;
const events = ({ records }: RunResult) => records.map(({ event }) => event);
const pauseOf = ({ records }: RunResult, from: number) =>
  Math.round((Date.parse(String(records[0]?.["nextAttempt"])) - from) / HOUR_MS);

/** An authority that registers accounts and refuses orders, and counts what it is asked. */
interface Busy extends AsyncDisposable {
  readonly asPebble: Pebble;
  orders: number;
  /** How the next orders are refused. */
  refusal: { readonly status: number; readonly type: string; readonly retryAfter?: string };
}

async function startBusy(): Promise<Busy> {
  const server = createServer((request, response) => {
    const url = `http://${request.headers.host ?? ""}`;
    response.setHeader("replay-nonce", `nonce-${String(Math.random())}`);
    void text(request).then(() => {
      if (request.url === "/directory") {
        const paths = { newNonce: "/nonce", newAccount: "/account", newOrder: "/order" };
        const full = Object.entries(paths).map(([name, path]) => [name, url + path] as const);
        response.end(JSON.stringify(Object.fromEntries(full)));
      } else if (request.url === "/account") {
        response.writeHead(201, { location: `${url}/account/1` }).end("{}");
      } else if (request.url === "/order") {
        busy.orders += 1;
        const { status, type, retryAfter } = busy.refusal;
        const headers = retryAfter === undefined ? {} : { "retry-after": retryAfter };
        const problem = { type: `urn:ietf:params:acme:error:${type}`, detail: "as ordered" };
        response.writeHead(status, headers).end(JSON.stringify(problem));
      } else {
        response.end();
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  const busy: Busy = {
    orders: 0,
    refusal: { status: 429, type: "rateLimited", retryAfter: String((5 * HOUR_MS) / 1000) },
    asPebble: {
      directoryUrl: `http://127.0.0.1:${String(port)}/directory`,
      nameServer: "127.0.0.1:1",
      trustFile: "",
    } as Pebble,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return busy;
}

describe("an authority that limits the rate", () => {
  let azure: AzureDouble;
  beforeAll(async () => {
    azure = await startAzure(undefined, recordName);
  });
  afterAll(() => azure[Symbol.asyncDispose]());

  const certificates = () => [ordered(azure, "server", [`ftp.${ZONE}`])];

  it("is left alone until the moment that it names, by a delivery too", async () => {
    await using busy = await startBusy();
    await using machine = await makeMachine({ azure, pebble: busy.asPebble });
    const started = Date.now();
    const first = await machine.run(certificates(), "--now");
    expect(events(first)).toEqual(["certificateFailed", "certificatesChecked"]);
    expect(first.records[0]).toMatchObject({ kind: "rateLimited" });
    expect(pauseOf(first, started)).toBe(5);
    const delivery = await machine.run(certificates(), "--now");
    expect(events(delivery)).toEqual(["certificatePostponed", "certificatesChecked"]);
    expect(busy.orders).toBe(1);
  });

  it("is left alone for an hour when it names no moment", async () => {
    await using busy = await startBusy();
    busy.refusal = { status: 429, type: "rateLimited" };
    await using machine = await makeMachine({ azure, pebble: busy.asPebble });
    const started = Date.now();
    expect(pauseOf(await machine.run(certificates()), started)).toBe(1);
    await machine.run(certificates(), "--now");
    expect(busy.orders).toBe(1);
  });

  it("is asked again by a delivery when it was only out of order", async () => {
    await using busy = await startBusy();
    busy.refusal = { status: 500, type: "serverInternal" };
    await using machine = await makeMachine({ azure, pebble: busy.asPebble });
    await machine.run(certificates());
    expect(events(await machine.run(certificates()))).toContain("certificatePostponed");
    expect(busy.orders).toBe(1);
    expect(events(await machine.run(certificates(), "--now"))).toContain("certificateFailed");
    expect(busy.orders).toBe(2);
  });

  it("keeps no other certificate from being delivered", async () => {
    await using busy = await startBusy();
    await using machine = await makeMachine({ azure, pebble: busy.asPebble });
    const { key, certificate } = await makeNamedCertificate({ names: [`files.${ZONE}`] });
    azure.secrets.set("files", { value: `${key}\n${certificate}\n` });
    const secretId = `${azure.url}/secrets/files`;
    const site = { name: "site-files", source: { kind: "secret" as const, secretId } };
    const both = await machine.run([...certificates(), site], "--now");
    expect(events(both)).toEqual([
      "certificateFailed",
      "certificateDelivered",
      "certificatesChecked",
    ]);
    expect(both.records.at(-1)).toMatchObject({ certificates: 2, usable: 1 });
    expect(both.exitCode).toBe(1);
    expect(await machine.read("site-files")).toContain("BEGIN CERTIFICATE");
  });
});
