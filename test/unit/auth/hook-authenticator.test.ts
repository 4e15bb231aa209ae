import { createServer, type RequestListener } from "node:http";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import * as v from "valibot";
import { authenticationHookSchema } from "../../../server/contract/authentication.ts";
import { openHookAuthenticator } from "../../../server/auth/hook-authenticator.ts";

const attempt = {
  userName: "ada",
  password: "s3cret",
  peerAddress: "198.51.100.7",
  siteName: "default",
};

/** A hook on loopback that counts its requests. */
async function openHook(listener: RequestListener) {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    listener(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${String(address.port)}/`,
    requests: () => requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const open = (url: string, more: object = {}, now?: () => number) =>
  openHookAuthenticator({
    settings: v.parse(authenticationHookSchema, { url, ...more }),
    bearerToken: "token",
    ...(now === undefined ? {} : { now }),
  });

const never = new AbortController().signal;

test("an accepted login carries home, groups and permissions", async () => {
  let seen: unknown;
  let authorization: string | undefined;
  await using hook = await openHook((request, response) => {
    authorization = request.headers.authorization;
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      seen = JSON.parse(body);
      response.end('{"accepted":true,"home":"/ada","groups":["staff"],"permissions":["read"]}');
    });
  });
  const outcome = await open(hook.url).authenticate(attempt, never);
  expect(seen).toEqual(attempt);
  expect(authorization).toBe("Bearer token");
  expect(outcome).toMatchObject({
    kind: "accepted",
    account: { name: "ada", home: "/ada", groups: ["staff"], permissions: ["read"] },
  });
});

describe("fails closed when the hook", () => {
  test.each<[string, RequestListener, RegExp]>([
    ["refuses", (_, response) => response.end('{"accepted":false}'), /refused/],
    ["answers 401", (_, response) => response.writeHead(401).end(), /401/],
    ["answers 403", (_, response) => response.writeHead(403).end(), /403/],
  ])("%s", async (_name, listener, reason) => {
    await using hook = await openHook(listener);
    const outcome = await open(hook.url, { timeoutSeconds: 1 }).authenticate(attempt, never);
    expect(outcome).toEqual({ kind: "refused", reason: expect.stringMatching(reason) });
  });

  test.each<[string, RequestListener, RegExp]>([
    ["is not there", (_, response) => response.writeHead(404).end(), /status 404/],
    ["fails", (_, response) => response.writeHead(500).end('{"accepted":true}'), /status 500/],
    ["sends no JSON", (_, response) => response.end("yes"), /not JSON/],
    ["sends another type", (_, response) => response.end('{"accepted":"true"}'), /invalid answer/],
    [
      "names a home outside",
      (_, response) => response.end('{"accepted":true,"home":"/../x"}'),
      /invalid/,
    ],
    [
      "redirects",
      (_, response) => response.writeHead(302, { location: "http://127.0.0.1:9/" }).end(),
      /could not be reached/,
    ],
    [
      "sends without end",
      (_, response) => {
        const more = (): void => {
          if (!response.destroyed) response.write(" ".repeat(16384), more);
        };
        more();
      },
      /could not be reached/,
    ],
    ["is silent", () => undefined, /no answer within 1 s/],
  ])("%s, which is no failure of the client's", async (_name, listener, reason) => {
    await using hook = await openHook(listener);
    const outcome = await open(hook.url, { timeoutSeconds: 1 }).authenticate(attempt, never);
    const why = expect.stringMatching(reason) as string;
    expect(outcome).toEqual({ kind: "refused", reason: why, undecided: true });
  });

  test("is down", async () => {
    const url = await openHook(() => undefined).then(async (hook) => {
      await hook[Symbol.asyncDispose]();
      return hook.url;
    });
    const outcome = await open(url).authenticate(attempt, never);
    expect(outcome).toMatchObject({ kind: "refused", undecided: true });
  });
});

test("asks again only after the cache has expired, and for another password or address", async () => {
  let clock = 0;
  await using hook = await openHook((_, response) => response.end('{"accepted":true}'));
  const authenticator = open(hook.url, { cacheSeconds: 60 }, () => clock);
  await authenticator.authenticate(attempt, never);
  await authenticator.authenticate(attempt, never);
  expect(hook.requests()).toBe(1);
  await authenticator.authenticate({ ...attempt, password: "other" }, never);
  expect(hook.requests()).toBe(2);
  await authenticator.authenticate({ ...attempt, peerAddress: "198.51.100.8" }, never);
  expect(hook.requests()).toBe(3);
  clock = 60_001;
  await authenticator.authenticate(attempt, never);
  expect(hook.requests()).toBe(4);
});

test("a refusal is never remembered", async () => {
  await using hook = await openHook((_, response) => response.end('{"accepted":false}'));
  const authenticator = open(hook.url);
  await authenticator.authenticate(attempt, never);
  await authenticator.authenticate(attempt, never);
  expect(hook.requests()).toBe(2);
});

test.each(["http://example.com/", "ftp://x/", "nonsense"])("%s is not a hook", (url) => {
  expect(v.safeParse(authenticationHookSchema, { url }).success).toBe(false);
});
