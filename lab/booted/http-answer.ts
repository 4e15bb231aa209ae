/** Answers of the simulated services as values, and the one place that writes them to a socket. */
import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";

/** A request as far as the services look at it. */
export interface ServiceRequest {
  readonly method: string;
  /** Host name without port, in lower case. */
  readonly host: string;
  /** Path and query, as sent. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Bytes of a file, both ends included. */
export interface FileSlice {
  readonly file: string;
  readonly first: number;
  readonly last: number;
}

export interface ServiceAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | FileSlice;
}

/** What answers requests; sockets, TLS and logging are others' business. */
export type Service = (request: ServiceRequest) => ServiceAnswer | Promise<ServiceAnswer>;

/** An answer in JSON. */
export function jsonAnswer(
  status: number,
  value: object,
  headers: Readonly<Record<string, string>> = {},
): ServiceAnswer {
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
    body: JSON.stringify(value),
  };
}

/** The one value of a header that may be sent once. */
export function headerOf({ headers }: ServiceRequest, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : value?.[0];
}

/** Turns a service into a request listener of `node:http` and `node:https`. */
export function listenerOf(
  service: Service,
  log: (line: string) => void,
): (message: IncomingMessage, response: ServerResponse) => void {
  return (message, response) => {
    const request: ServiceRequest = {
      method: message.method ?? "",
      host: (message.headers.host ?? "").replace(/:\d+$/, "").toLowerCase(),
      target: message.url ?? "/",
      headers: message.headers,
    };
    void respond(service, request, response).then(
      (status) => log(`${request.method} ${request.host}${pathOf(request.target)} ${status}`),
      (error: unknown) => {
        response.destroy();
        log(`${request.method} ${request.host}${pathOf(request.target)} failed: ${String(error)}`);
      },
    );
  };
}

/** Queries may hold what does not belong into a log. */
function pathOf(target: string): string {
  return target.split("?")[0] ?? "";
}

async function respond(
  service: Service,
  request: ServiceRequest,
  response: ServerResponse,
): Promise<string> {
  const { status, headers, body } = await service(request);
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.last - body.first + 1;
  response.writeHead(status, {
    "x-ms-request-id": randomUUID(),
    "content-length": length,
    ...headers,
  });
  if (request.method === "HEAD" || length === 0) response.end();
  else if (typeof body === "string") response.end(body);
  else {
    const { file, first, last } = body;
    await pipeline(createReadStream(file, { start: first, end: last }), response);
  }
  return String(status);
}
