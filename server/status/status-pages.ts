/**
 * Health, metrics and status over HTTP, for Azure's health probe, for administrators and for
 * whoever puts a successor in our place. Answers GET and HEAD and reads nothing else.
 */
import { rmSync } from "node:fs";
import type { IncomingMessage, Server as HttpServer, ServerResponse } from "node:http";
import { createServer, type Socket } from "node:net";
import { formatMetrics, type Counters, type Gauges } from "./metrics.ts";

/** What the pages tell of. */
export interface StatusReport {
  readonly counters: Counters;
  readonly gauges: Gauges;
}

export interface StatusSource {
  /** While draining the load balancer must send new connections elsewhere. */
  readonly draining: boolean;
  report(): Promise<StatusReport> | StatusReport;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** A prober that sends slowly must not hold a connection for long. */
const CONNECTION_MILLISECONDS = 5000;
const MOST_CONNECTIONS = 64;

export class StatusPages implements Disposable {
  readonly #source: StatusSource;
  readonly #sockets = new Set<Socket>();
  readonly #local = createServer((socket) => this.accept(socket));
  #http: Promise<HttpServer> | undefined;
  #path: string | undefined;

  constructor(source: StatusSource) {
    this.#source = source;
  }

  /** Answers on a connection that somebody has accepted. */
  accept(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    if (this.#sockets.size >= MOST_CONNECTIONS) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const timer = setTimeout(() => socket.destroy(), CONNECTION_MILLISECONDS).unref();
    socket.once("close", () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
    });
    this.#http ??= openHttp((request, response) => void this.#answer(request, response));
    void this.#http.then((http) => http.emit("connection", socket));
  }

  /**
   * Listens on a unix socket as well; a file of that name is replaced.
   *
   * @throws Error of the system when the path cannot be used.
   */
  async listen(path: string): Promise<void> {
    rmSync(path, { force: true });
    this.#path = path;
    await new Promise<void>((resolve, reject) => {
      this.#local.once("error", reject).listen(path, resolve);
    });
  }

  [Symbol.dispose](): void {
    if (this.#path !== undefined) this.#local.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const page =
      request.method === "GET" || request.method === "HEAD"
        ? await pageOf(request.url ?? "/", this.#source)
        : text(405, "Only GET.\n");
    response.writeHead(page.status, {
      "content-type": page.type,
      "content-length": Buffer.byteLength(page.body),
      "cache-control": "no-store",
      connection: "close",
    });
    response.end(request.method === "HEAD" ? undefined : page.body);
  }
}

/** Loaded with the first connection: a server that nobody probes does not pay for HTTP. */
async function openHttp(
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<HttpServer> {
  const http = await import("node:http");
  return http.createServer(onRequest);
}

async function pageOf(url: string, source: StatusSource): Promise<Page> {
  switch (url.split("?", 1)[0] ?? "/") {
    case "/healthz":
      return source.draining ? text(503, "draining\n") : text(200, "ok\n");
    case "/metrics": {
      const { counters, gauges } = await source.report();
      const type = "text/plain; version=0.0.4; charset=utf-8";
      return { status: 200, type, body: formatMetrics(counters, gauges) };
    }
    case "/status": {
      const { counters, gauges } = await source.report();
      const body = `${JSON.stringify({ ...gauges, counted: counters })}\n`;
      return { status: 200, type: "application/json", body };
    }
  }
  return text(404, "Known: /healthz, /metrics, /status\n");
}

function text(status: number, body: string): Page {
  return { status, type: "text/plain; charset=utf-8", body };
}
