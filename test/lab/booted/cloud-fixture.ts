/** A simulated cloud with one of everything that a machine's services look at. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TokenIssuer, type Principal } from "../../../lab/booted/access-tokens.ts";
import type { ServiceAnswer, ServiceRequest } from "../../../lab/booted/http-answer.ts";
import { CloudStore, sha256, type CloudResource } from "../../../lab/cloud/state.ts";
import type { Properties } from "../../../lab/cloud/values.ts";

const GROUP = "/subscriptions/s/resourceGroups/g";
export const ACCOUNT = `${GROUP}/providers/Microsoft.Storage/storageAccounts/store`;
const CONTAINER = `${ACCOUNT}/blobServices/default/containers/delivery`;
export const VAULT = `${GROUP}/providers/Microsoft.KeyVault/vaults/safe`;
export const MACHINE = `${GROUP}/providers/Microsoft.Compute/virtualMachines/vm`;
export const DISK = `${GROUP}/providers/Microsoft.Compute/disks/data`;
const IDENTITIES = `${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities`;
export const IDENTITY = `${IDENTITIES}/me`;
export const OTHER = `${IDENTITIES}/other`;
export const BLOB_HOST = "store.blob.core.windows.net";
export const VAULT_HOST = "safe.vault.azure.net";
export const CONTENT = "what the stack delivers";

/** The machine's identity, with the roles that a delivery needs. */
export const principal: Principal = {
  principalId: "p-me",
  clientId: "c-me",
  resourceId: IDENTITY,
};
/** May look at the account, and not into it. */
export const stranger: Principal = {
  principalId: "p-other",
  clientId: "c-other",
  resourceId: OTHER,
};

const BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1";
const SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6";
const READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

export class CloudFixture implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "gangway-services-"));
  readonly state = new CloudStore(this.folder);
  readonly issuer = new TokenIssuer();

  constructor() {
    this.put("storage:StorageAccount", ACCOUNT, {});
    this.put("storage:BlobContainer", CONTAINER, {});
    const source = { asset: { hash: sha256(CONTENT), text: CONTENT } };
    this.state.keepContent(source);
    const url = `https://${BLOB_HOST}/delivery/thing`;
    this.put("storage:Blob", `${CONTAINER}/blobs/thing`, { source }, { url });
    this.put("keyvault:Vault", VAULT, { properties: { enableRbacAuthorization: true } });
    const uri = `https://${VAULT_HOST}/secrets/pem`;
    this.put(
      "keyvault:Secret",
      `${VAULT}/secrets/pem`,
      { properties: { value: "PEM", contentType: "application/x-pem-file" } },
      { properties: { secretUri: uri, secretUriWithVersion: `${uri}/v2` } },
    );
    for (const { principalId, clientId, resourceId } of [principal, stranger]) {
      this.put("managedidentity:UserAssignedIdentity", resourceId, {}, { principalId, clientId });
    }
    this.useIdentities(IDENTITY);
    this.#assign(CONTAINER, BLOB_READER, principal);
    this.#assign(VAULT, SECRETS_USER, principal);
    this.#assign(ACCOUNT, READER, stranger);
  }

  put(type: string, id: string, inputs: Properties, outputs: Properties = inputs): CloudResource {
    const resource: CloudResource = {
      id,
      type: `azure-native:${type}`,
      name: id.slice(id.lastIndexOf("/") + 1),
      inputs,
      outputs,
      secrets: [],
    };
    this.state.put(resource);
    return resource;
  }

  useIdentities(...ids: readonly string[]): void {
    this.put(
      "compute:VirtualMachine",
      MACHINE,
      { userData: "dGV4dA==" },
      { identity: { userAssignedIdentities: Object.fromEntries(ids.map((id) => [id, {}])) } },
    );
  }

  #assign(scope: string, role: string, { principalId }: Principal): void {
    const id = `${scope}/providers/Microsoft.Authorization/roleAssignments/${role}`;
    const roleDefinitionId = `/providers/Microsoft.Authorization/roleDefinitions/${role}`;
    this.put("authorization:RoleAssignment", id, { scope, principalId, roleDefinitionId });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function request(
  host: string,
  target: string,
  headers: ServiceRequest["headers"] = {},
  method = "GET",
): ServiceRequest {
  return { method, host, target, headers };
}

export const bodyOf = ({ body }: ServiceAnswer) =>
  typeof body === "string" ? body : JSON.stringify(body);

export const jsonOf = (answer: ServiceAnswer) =>
  JSON.parse(bodyOf(answer)) as Record<string, unknown>;
