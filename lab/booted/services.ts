/** Opens the simulated services of one machine on the addresses where it looks for them. */
import { once } from "node:events";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { AZURE_PLATFORM_ADDRESS } from "#contract";
import type { CloudState } from "../cloud/state.ts";
import { TokenIssuer } from "./access-tokens.ts";
import type { Authority } from "./authority.ts";
import { blobEndpoint, findAccount } from "./blob-endpoint.ts";
import { jsonAnswer, listenerOf, type Service } from "./http-answer.ts";
import { METADATA_ADDRESS } from "#contract";
import { metadataService } from "./metadata-service.ts";
import { openNameServer } from "./name-server.ts";
import { findVault, vaultEndpoint } from "./vault-endpoint.ts";

const HTTP_PORT = 80;
const HTTPS_PORT = 443;
const NAME_PORT = 53;

export interface ServicesRequest {
  readonly state: CloudState;
  readonly machineId: string;
  readonly authority: Authority;
  /** Local address of storage and vaults. */
  readonly address: string;
  readonly log: (line: string) => void;
}

export async function openServices(request: ServicesRequest): Promise<AsyncDisposable> {
  const { state, machineId, authority, address, log } = request;
  const issuer = new TokenIssuer();
  await using opening = new AsyncDisposableStack();
  const metadata = createHttpServer(
    listenerOf(metadataService({ state, machineId, issuer }), (line) => log(`metadata ${line}`)),
  );
  opening.use(await listen(metadata, HTTP_PORT, METADATA_ADDRESS));
  const data = createHttpsServer(
    { cert: authority.serverCertificate, key: authority.serverKey, minVersion: "TLSv1.2" },
    listenerOf(byHost(state, issuer), (line) => log(`services ${line}`)),
  );
  opening.use(await listen(data, HTTPS_PORT, address));
  const isServed = (name: string) =>
    findAccount(state, name) !== undefined || findVault(state, name) !== undefined;
  const names = await openNameServer(AZURE_PLATFORM_ADDRESS, NAME_PORT, (name) =>
    isServed(name) ? address : undefined,
  );
  opening.defer(() => {
    names.close();
  });
  return opening.move();
}

function byHost(state: CloudState, issuer: TokenIssuer): Service {
  const blobs = blobEndpoint({ state, issuer });
  const vaults = vaultEndpoint({ state, issuer });
  return (request) => {
    if (findAccount(state, request.host) !== undefined) return blobs(request);
    if (findVault(state, request.host) !== undefined) return vaults(request);
    return jsonAnswer(404, { error: { code: "HostNotFound", message: request.host } });
  };
}

async function listen(server: Server, port: number, address: string): Promise<AsyncDisposable> {
  server.listen(port, address);
  await once(server, "listening");
  return {
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
