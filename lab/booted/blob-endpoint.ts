/**
 * The blob service of the simulated storage accounts: reads, by Entra ID tokens only.
 *
 * Not Azurite, which the lab could have taken from npm: with OAuth it checks a token's dates and
 * audience but neither its signature nor role assignments, so a stack that forgot its role
 * assignment would pass; and it brings 300 packages for the one operation that machines need.
 * https://learn.microsoft.com/rest/api/storageservices/get-blob
 */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { hasRole } from "../cloud/types/role-assignment.ts";
import type { CloudResource, CloudState } from "../cloud/state.ts";
import { textAt } from "../cloud/values.ts";
import type { TokenIssuer } from "./access-tokens.ts";
import { headerOf, type Service, type ServiceAnswer, type ServiceRequest } from "./http-answer.ts";

export const BLOB_DOMAIN = "blob.core.windows.net";

const ACCOUNT = "azure-native:storage:StorageAccount";
const BLOB = "azure-native:storage:Blob";
const READING_ROLES = [
  "Storage Blob Data Reader",
  "Storage Blob Data Contributor",
  "Storage Blob Data Owner",
];
const TOKEN_AUDIENCE = "https://storage.azure.com";
/** Tokens are understood from this version of the service on. */
const FIRST_TOKEN_VERSION = "2017-11-09";

export interface BlobEndpointOptions {
  readonly state: CloudState;
  readonly issuer: TokenIssuer;
}

export function blobEndpoint({ state, issuer }: BlobEndpointOptions): Service {
  return async (request) => {
    const account = findAccount(state, request.host);
    if (account === undefined) return failure(request, ERRORS.accountNotFound);
    const url = new URL(request.target, `https://${request.host}`);
    const principal = recognise(request, issuer);
    const refused = refuse(request, account, principal);
    if (refused !== undefined) return failure(request, refused);
    const scope = `${account.id}/blobServices/default/containers/${url.pathname.split("/")[1] ?? ""}`;
    if (!hasRole(state, principal ?? "", scope, READING_ROLES)) {
      return failure(request, ERRORS.permissionMismatch);
    }
    if (state.find(scope) === undefined) return failure(request, ERRORS.containerNotFound);
    const blob = state
      .ofType(BLOB)
      .find(({ outputs }) => outputs["url"] === `https://${request.host}${url.pathname}`);
    const file = state.blobFile(textAt(blob?.outputs, "url") ?? "");
    if (blob === undefined || file === undefined) return failure(request, ERRORS.blobNotFound);
    return answerBlob(request, blob, file);
  };
}

/** Whether a host name is that of a storage account's blob service. */
export function findAccount(state: CloudState, host: string): CloudResource | undefined {
  if (!host.endsWith(`.${BLOB_DOMAIN}`)) return undefined;
  const name = host.slice(0, -BLOB_DOMAIN.length - 1);
  return state.ofType(ACCOUNT).find((account) => account.name === name);
}

function recognise(request: ServiceRequest, issuer: TokenIssuer): string | undefined {
  const audiences = [TOKEN_AUDIENCE, `https://${request.host}`];
  return issuer.recognise(headerOf(request, "authorization"), audiences);
}

/** Code, status and message of the service's errors. */
type BlobError = readonly [code: string, status: number, message: string];

const ERRORS = {
  accountNotFound: ["ResourceNotFound", 404, "The specified resource does not exist."],
  notAuthenticated: [
    "AuthenticationFailed",
    403,
    "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.",
  ],
  invalidToken: ["InvalidAuthenticationInfo", 401, "The access token is not valid."],
  noPublicAccess: [
    "PublicAccessNotPermitted",
    409,
    "Public access is not permitted on this storage account.",
  ],
  noNetworkAccess: [
    "AuthorizationFailure",
    403,
    "This request is not authorized to perform this operation.",
  ],
  permissionMismatch: [
    "AuthorizationPermissionMismatch",
    403,
    "This request is not authorized to perform this operation using this permission.",
  ],
  containerNotFound: ["ContainerNotFound", 404, "The specified container does not exist."],
  blobNotFound: ["BlobNotFound", 404, "The specified blob does not exist."],
  invalidRange: ["InvalidRange", 416, "The range specified is invalid for the current size."],
  verb: ["UnsupportedHttpVerb", 405, "The lab's blob service only reads."],
} as const satisfies Record<string, BlobError>;

function refuse(
  request: ServiceRequest,
  { inputs }: CloudResource,
  principal: string | undefined,
): BlobError | undefined {
  if (inputs["publicNetworkAccess"] === "Disabled") return ERRORS.noNetworkAccess;
  if (request.method !== "GET" && request.method !== "HEAD") return ERRORS.verb;
  if (headerOf(request, "authorization") === undefined) return ERRORS.noPublicAccess;
  if (principal === undefined) return ERRORS.invalidToken;
  const version = headerOf(request, "x-ms-version") ?? "";
  return version < FIRST_TOKEN_VERSION ? ERRORS.notAuthenticated : undefined;
}

async function answerBlob(
  request: ServiceRequest,
  blob: CloudResource,
  file: string,
): Promise<ServiceAnswer> {
  const { size, mtime } = await stat(file);
  const range = parseRange(headerOf(request, "x-ms-range") ?? headerOf(request, "range"), size);
  if (range === "invalid") return failure(request, ERRORS.invalidRange);
  const { first, last } = range ?? { first: 0, last: size - 1 };
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      "accept-ranges": "bytes",
      "content-type": textAt(blob.outputs, "contentType") ?? "application/octet-stream",
      etag: `"0x${createHash("sha256").update(file).digest("hex").slice(0, 15).toUpperCase()}"`,
      "last-modified": mtime.toUTCString(),
      "x-ms-blob-type": "BlockBlob",
      "x-ms-lease-state": "available",
      "x-ms-version": headerOf(request, "x-ms-version") ?? "",
      ...(range === undefined
        ? {}
        : { "content-range": `bytes ${String(first)}-${String(last)}/${String(size)}` }),
    },
    body: { file, first, last },
  };
}

/** RFC 9110, 14.2, one range that names its beginning; any other form is read as no range. */
function parseRange(
  header: string | undefined,
  size: number,
): { readonly first: number; readonly last: number } | "invalid" | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? "");
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  return first >= size || last < first ? "invalid" : { first, last };
}

function failure(request: ServiceRequest, [code, status, message]: BlobError): ServiceAnswer {
  return {
    status,
    headers: {
      "content-type": "application/xml",
      "x-ms-error-code": code,
      "x-ms-version": headerOf(request, "x-ms-version") ?? "",
    },
    body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  };
}
