/**
 * The data plane of the simulated key vaults: reads secrets, by Entra ID tokens.
 * https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret
 */
import { hasRole } from "../cloud/types/role-assignment.ts";
import { LAB_TENANT } from "../cloud/identifiers.ts";
import type { CloudResource, CloudState } from "../cloud/state.ts";
import { at, isRecord, listAt, textAt } from "../cloud/values.ts";
import type { TokenIssuer } from "./access-tokens.ts";
import { headerOf, jsonAnswer, type Service, type ServiceAnswer } from "./http-answer.ts";

export const VAULT_DOMAIN = "vault.azure.net";

const VAULT = "azure-native:keyvault:Vault";
const READING_ROLES = [
  "Key Vault Secrets User",
  "Key Vault Secrets Officer",
  "Key Vault Administrator",
];
const TOKEN_AUDIENCE = `https://${VAULT_DOMAIN}`;

export interface VaultEndpointOptions {
  readonly state: CloudState;
  readonly issuer: TokenIssuer;
}

export function vaultEndpoint({ state, issuer }: VaultEndpointOptions): Service {
  return (request) => {
    const vault = findVault(state, request.host);
    if (vault === undefined) return failure(404, "VaultNotFound", "The vault does not exist.");
    const principal = issuer.recognise(headerOf(request, "authorization"), [TOKEN_AUDIENCE]);
    if (principal === undefined) return challenge();
    const url = new URL(request.target, `https://${request.host}`);
    if (!url.searchParams.has("api-version")) {
      return failure(400, "BadParameter", "api-version must be specified");
    }
    const [, collection, name = "", version] = url.pathname.split("/");
    if (request.method !== "GET" || collection !== "secrets" || name === "") {
      return failure(405, "NotSimulated", "The lab's vaults only give out single secrets.");
    }
    const id = `${vault.id}/secrets/${name}`;
    if (!mayRead(state, vault, id, principal)) {
      return failure(
        403,
        "Forbidden",
        `Caller is not authorized to perform action on resource. Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action' Resource: '${id}'`,
      );
    }
    return answerSecret(state, id, name, version);
  };
}

/** The vault that a host name belongs to. */
export function findVault(state: CloudState, host: string): CloudResource | undefined {
  if (!host.endsWith(`.${VAULT_DOMAIN}`)) return undefined;
  const name = host.slice(0, -VAULT_DOMAIN.length - 1);
  return state.ofType(VAULT).find((vault) => vault.name.toLowerCase() === name);
}

function mayRead(
  state: CloudState,
  { id: vaultId, inputs }: CloudResource,
  secretId: string,
  principal: string,
): boolean {
  if (at(inputs, "properties", "enableRbacAuthorization") === true) {
    return (
      hasRole(state, principal, vaultId, READING_ROLES) ||
      hasRole(state, principal, secretId, READING_ROLES)
    );
  }
  return listAt(inputs, "properties", "accessPolicies").some(
    (policy) =>
      isRecord(policy) &&
      policy["objectId"] === principal &&
      listAt(policy, "permissions", "secrets").some((right) => right === "get" || right === "all"),
  );
}

function answerSecret(
  state: CloudState,
  id: string,
  name: string,
  version: string | undefined,
): ServiceAnswer {
  const secret = state.find(id);
  const current = textAt(secret?.outputs, "properties", "secretUriWithVersion") ?? "";
  const known = version === undefined || version === "" || current.endsWith(`/${version}`);
  if (secret === undefined || !known) {
    return failure(
      404,
      "SecretNotFound",
      `A secret with (name/id) ${name} was not found in this key vault.`,
    );
  }
  const contentType = textAt(secret.inputs, "properties", "contentType");
  return jsonAnswer(200, {
    value: state.secretValue(current) ?? "",
    ...(contentType === undefined ? {} : { contentType }),
    id: current,
    attributes: { enabled: true, recoveryLevel: "Recoverable+Purgeable" },
  });
}

/** What clients without a token learn: where to get one. */
function challenge(): ServiceAnswer {
  const authority = `https://login.windows.net/${LAB_TENANT}`;
  return failure(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.", {
    "www-authenticate": `Bearer authorization="${authority}", resource="${TOKEN_AUDIENCE}"`,
  });
}

function failure(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): ServiceAnswer {
  return jsonAnswer(status, { error: { code, message } }, headers);
}
