/**
 * What the agent needs of Azure, on loopback: metadata service, vault and DNS zone. Record sets
 * that are written show up in Pebble's DNS server, so that the authority sees what Azure was told.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import type { Pebble } from "./pebble.ts";

export interface StoredSecret {
  readonly value: string;
  readonly contentType?: string;
}

export interface AzureDouble extends AsyncDisposable {
  readonly url: string;
  readonly secrets: Map<string, StoredSecret>;
  /** Values of each record set, by its resource id. */
  readonly records: Map<string, readonly string[]>;
  /** `METHOD path`, without query. */
  readonly requests: string[];
  /** Answers this many further requests for vault and zone with 403, as new role assignments do. */
  refuse(count: number): void;
  /** Makes imports fail. */
  vaultIsFull: boolean;
}

export const CLIENT_ID = randomUUID();

/** @param nameOf full DNS name of a record set, for Pebble's DNS server. */
export async function startAzure(
  pebble: Pebble | undefined,
  nameOf: (recordSetId: string) => string = () => "",
): Promise<AzureDouble> {
  const secrets = new Map<string, StoredSecret>();
  const records = new Map<string, readonly string[]>();
  const requests: string[] = [];
  const tokens = new Map<string, string>();
  let refusals = 0;

  const server = createServer((request, response) => {
    void answer(request).then(({ status, body }) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    }, fail(response));
  });

  const answer = async (request: IncomingMessage): Promise<{ status: number; body: unknown }> => {
    const url = new URL(request.url ?? "", "http://azure");
    requests.push(`${request.method ?? ""} ${url.pathname}`);
    if (!url.searchParams.has("api-version")) return problem(400, "api-version is missing");
    if (url.pathname === "/metadata/identity/oauth2/token") return token(request, url);
    const audience = tokens.get(
      /^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1] ?? "",
    );
    if (refusals > 0) {
      refusals--;
      return problem(403, "the role assignment has not arrived");
    }
    const [, collection, name = "", action] = url.pathname.split("/");
    const isVault = collection === "secrets" || collection === "certificates";
    if (audience !== (isVault ? "https://vault.azure.net" : `${azure.url}/`)) {
      return problem(401, "no token for this audience");
    }
    if (request.method === "GET" && collection === "secrets") {
      const secret = secrets.get(name);
      return secret === undefined ? problem(404, "SecretNotFound") : { status: 200, body: secret };
    }
    const body = JSON.parse(await text(request)) as Record<string, unknown>;
    if (collection === "certificates" && action === "import") return store(name, body);
    if (request.method === "PUT" && /\/TXT\/[^/]+$/.test(url.pathname)) {
      return record(url.pathname, body);
    }
    return problem(405, "not simulated");
  };

  const token = (request: IncomingMessage, url: URL) => {
    if (request.headers["metadata"] !== "true" || url.searchParams.get("client_id") !== CLIENT_ID) {
      return problem(400, "no such identity");
    }
    const access = randomUUID();
    tokens.set(access, url.searchParams.get("resource") ?? "");
    return { status: 200, body: { access_token: access, expires_in: "86400" } };
  };

  const store = (name: string, { value, policy }: Record<string, unknown>) => {
    if (azure.vaultIsFull) return problem(400, "the vault takes nothing");
    const contentType = (policy as { secret_props: { contentType: string } }).secret_props
      .contentType;
    secrets.set(name, { value: String(value), contentType });
    return { status: 200, body: { id: name } };
  };

  const record = async (id: string, body: Record<string, unknown>) => {
    const { TXTRecords } = body["properties"] as { TXTRecords: { value: string[] }[] };
    const values = TXTRecords.map(({ value }) => value.join(""));
    records.set(id, values);
    const host = `${nameOf(id)}.`;
    await pebble?.manageDns("clear-txt", { host });
    for (const value of values) await pebble?.manageDns("set-txt", { host, value });
    return { status: 200, body: { id } };
  };

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const azure: AzureDouble = {
    url: `http://127.0.0.1:${String(port)}`,
    secrets,
    records,
    requests,
    refuse: (count) => {
      refusals = count;
    },
    vaultIsFull: false,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return azure;
}

const problem = (status: number, message: string) => ({ status, body: { error: { message } } });

const fail = (response: ServerResponse) => (error: unknown) => {
  response.writeHead(500);
  response.end(String(error));
};
