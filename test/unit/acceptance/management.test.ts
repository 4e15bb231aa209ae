import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, it } from "vitest";
import { openManagement, type Management } from "../../../acceptance/azure/management.ts";

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that gives these answers in turn. */
async function answering(...answers: readonly Answer[]): Promise<Management> {
  let count = 0;
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      answers[count++]?.(request, response, body);
      if (count > answers.length) response.writeHead(500).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => void server.close());
  const { port } = server.address() as { readonly port: number };
  return openManagement({
    endpoint: `http://127.0.0.1:${String(port)}`,
    token: () => Promise.resolve("a-token"),
    signal: new AbortController().signal,
    pollSeconds: 0,
  });
}

const json =
  (status: number, content: unknown, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    void response.writeHead(status, headers).end(JSON.stringify(content));

describe("Azure Resource Manager", () => {
  it("is asked with the token, and answers at once where it can", async () => {
    const management = await answering((request, response, body) => {
      expect(request.headers.authorization).toBe("Bearer a-token");
      expect(request.url).toBe("/subscriptions/1?api-version=x");
      expect(JSON.parse(body)).toEqual({ a: 1 });
      response.end('{"ok":true}');
    });
    const answer = management.request("PUT", "/subscriptions/1?api-version=x", { a: 1 });
    expect(await answer).toEqual({ ok: true });
  });

  it("is waited for by its operation, until that has succeeded", async () => {
    const management = await answering(
      json(201, {}, { "azure-asyncoperation": "/operations/1", "retry-after": "0" }),
      json(200, { status: "InProgress" }),
      json(200, { status: "Succeeded", properties: { output: 1 } }),
    );
    expect(await management.request("PUT", "/x")).toMatchObject({ properties: { output: 1 } });
  });

  it("is waited for by its location, until that is no longer 202", async () => {
    const management = await answering(
      json(202, null, { location: "/results/1" }),
      json(202, null),
      json(200, { value: [{ message: "done" }] }),
    );
    expect(await management.request("POST", "/x/runCommand")).toEqual({
      value: [{ message: "done" }],
    });
  });

  it("rejects with Azure's own code, when it refuses and when an operation fails later", async () => {
    const error = { code: "PropertyChangeNotAllowed", message: "customData" };
    const refusing = await answering(json(409, { error }));
    await expect(refusing.request("PATCH", "/x")).rejects.toMatchObject({
      status: 409,
      code: "PropertyChangeNotAllowed",
    });
    const failing = await answering(
      json(202, null, { "azure-asyncoperation": "/operations/1" }),
      json(200, { status: "Failed", error }),
    );
    await expect(failing.request("PATCH", "/x")).rejects.toThrow("PropertyChangeNotAllowed");
  });
});
