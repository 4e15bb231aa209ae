/**
 * Health, metrics and status over HTTP, on a port of its own that only Azure's health probe and the
 * administrators reach. It answers GET and HEAD and reads nothing else.
 */
import { once } from "node:events";
import { formatMetrics, type Gauges, type Metrics } from "./metrics.ts";

export interface StatusOptions {
  readonly port: number;
  /** Local addresses to listen on. */
  readonly addresses: readonly string[];
  readonly metrics: Metrics;
  readonly gauges: () => Gauges;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** A prober that sends slowly must not hold a connection for long. */
const REQUEST_MS = 5000;
const MOST_CONNECTIONS = 64;

/** Opens the port. Disposing closes it and its connections. */
export async function openStatusServer(options: StatusOptions): Promise<AsyncDisposable> {
  // Loaded only here: a server without the port should not pay for HTTP.
  const { createServer } = await import("node:http");
  const servers = options.addresses.map((host) => {
    const server = createServer(
      { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, keepAliveTimeout: REQUEST_MS },
      (request, response) => {
        const page =
          request.method === "GET" || request.method === "HEAD"
            ? pageOf(request.url ?? "/", options)
            : text(405, "Only GET.\n");
        response.writeHead(page.status, {
          "content-type": page.type,
          "content-length": Buffer.byteLength(page.body),
          "cache-control": "no-store",
        });
        response.end(request.method === "HEAD" ? undefined : page.body);
      },
    );
    server.maxConnections = MOST_CONNECTIONS;
    server.listen({ host, port: options.port });
    return server;
  });
  const close = async (): Promise<void> => {
    await Promise.all(
      servers.map(async (server) => {
        if (!server.listening) return;
        const closed = once(server, "close");
        server.close();
        server.closeAllConnections();
        await closed;
      }),
    );
  };
  try {
    await Promise.all(servers.map((server) => once(server, "listening")));
  } catch (error) {
    await close();
    throw error;
  }
  return { [Symbol.asyncDispose]: close };
}

function pageOf(url: string, { metrics, gauges }: StatusOptions): Page {
  const now = gauges();
  switch (url.split("?", 1)[0] ?? "/") {
    case "/healthz":
      // While draining the load balancer must send new connections elsewhere.
      return now.draining ? text(503, "draining\n") : text(200, "ok\n");
    case "/metrics":
      return {
        status: 200,
        type: "text/plain; version=0.0.4; charset=utf-8",
        body: formatMetrics(metrics, now),
      };
    case "/status":
      return {
        status: 200,
        type: "application/json",
        body: `${JSON.stringify({ ...now, counted: metrics })}\n`,
      };
  }
  return text(404, "Known: /healthz, /metrics, /status\n");
}

function text(status: number, body: string): Page {
  return { status, type: "text/plain; charset=utf-8", body };
}
