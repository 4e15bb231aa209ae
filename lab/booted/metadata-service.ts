/**
 * The instance metadata service of one machine: tokens for its identities, and what it is told
 * about itself.
 * https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
 */
import { METADATA_ADDRESS } from "#contract";
import { resourceGroupOf, sameId, LAB_SUBSCRIPTION } from "../cloud/identifiers.ts";
import type { CloudResource, CloudState } from "../cloud/state.ts";
import { at, isRecord, textAt } from "../cloud/values.ts";
import type { Principal, TokenIssuer } from "./access-tokens.ts";
import {
  headerOf,
  jsonAnswer,
  type Service,
  type ServiceAnswer,
  type ServiceRequest,
} from "./http-answer.ts";

export interface MetadataOptions {
  readonly state: CloudState;
  readonly machineId: string;
  readonly issuer: TokenIssuer;
}

export function metadataService(options: MetadataOptions): Service {
  return (request) => {
    const url = new URL(request.target, `http://${METADATA_ADDRESS}`);
    const refused = refuseForm(request, url);
    if (refused !== undefined) return refused;
    const machine = options.state.find(options.machineId);
    if (machine === undefined) return failure(410, "gone", "The machine no longer exists.");
    switch (url.pathname) {
      case "/metadata/identity/oauth2/token":
        return answerToken(options, machine, url.searchParams);
      case "/metadata/instance":
        return jsonAnswer(200, { compute: describeCompute(machine) });
      case "/metadata/instance/compute":
        return jsonAnswer(200, describeCompute(machine));
      case "/metadata/instance/compute/userData":
        return textAnswer(textAt(machine.inputs, "userData") ?? "");
      default:
        return failure(404, "not_found", "The lab's metadata service has no such path.");
    }
  };
}

/** Azure's guard against requests that somebody has talked a program on the machine into. */
function refuseForm(request: ServiceRequest, url: URL): ServiceAnswer | undefined {
  if (headerOf(request, "metadata")?.toLowerCase() !== "true") {
    return failure(400, "invalid_request", "Required metadata header not specified");
  }
  if (headerOf(request, "x-forwarded-for") !== undefined) {
    return failure(400, "invalid_request", "X-Forwarded-For header is not allowed");
  }
  if (request.method !== "GET") {
    return failure(405, "method_not_allowed", "Only GET is simulated");
  }
  if (!url.searchParams.has("api-version")) {
    return failure(400, "invalid_request", "Required query variable 'api-version' is missing");
  }
  return undefined;
}

function answerToken(
  { state, issuer }: MetadataOptions,
  machine: CloudResource,
  query: URLSearchParams,
): ServiceAnswer {
  const resource = query.get("resource");
  if (resource === null || resource === "") {
    return failure(400, "invalid_request", "Required query variable 'resource' is missing");
  }
  const identity = chooseIdentity(identitiesOf(machine, state), query);
  if (typeof identity === "string") return failure(400, "invalid_request", identity);
  const token = issuer.issue(identity, resource);
  const seconds = String(token.expiresOn - token.notBefore);
  return jsonAnswer(200, {
    access_token: token.text,
    client_id: identity.clientId,
    expires_in: seconds,
    expires_on: String(token.expiresOn),
    ext_expires_in: seconds,
    not_before: String(token.notBefore),
    resource,
    token_type: "Bearer",
  });
}

/** The system-assigned identity first, as Azure prefers it when a request names none. */
function identitiesOf(machine: CloudResource, state: CloudState): readonly Principal[] {
  const identity = at(machine.outputs, "identity");
  const system = textAt(identity, "principalId");
  const assigned = at(identity, "userAssignedIdentities");
  return [
    ...(system === undefined
      ? []
      : [{ principalId: system, clientId: system, resourceId: machine.id }]),
    ...Object.keys(isRecord(assigned) ? assigned : {}).flatMap((id) => {
      const found = state.find(id);
      const principalId = textAt(found?.outputs, "principalId");
      const clientId = textAt(found?.outputs, "clientId");
      return principalId === undefined || clientId === undefined
        ? []
        : [{ principalId, clientId, resourceId: id }];
    }),
  ];
}

/** Or in a text why there is none. */
function chooseIdentity(
  identities: readonly Principal[],
  query: URLSearchParams,
): Principal | string {
  const clientId = query.get("client_id");
  const objectId = query.get("object_id") ?? query.get("principal_id");
  const resourceId = query.get("mi_res_id") ?? query.get("msi_res_id");
  const named = clientId ?? objectId ?? resourceId;
  const chosen =
    named === null
      ? identities
      : identities.filter(
          (identity) =>
            identity.clientId === clientId ||
            identity.principalId === objectId ||
            sameId(identity.resourceId, resourceId ?? undefined),
        );
  const [first, second] = chosen;
  if (first === undefined) return "Identity not found";
  if (second === undefined || first.clientId === first.principalId) return first;
  return "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request";
}

function describeCompute(machine: CloudResource) {
  const { inputs, outputs } = machine;
  return {
    azEnvironment: "AzurePublicCloud",
    location: textAt(inputs, "location") ?? "",
    name: machine.name,
    osType: "Linux",
    resourceGroupName: resourceGroupOf(machine.id) ?? "",
    resourceId: machine.id,
    subscriptionId: LAB_SUBSCRIPTION,
    userData: textAt(inputs, "userData") ?? "",
    vmId: textAt(outputs, "vmId") ?? "",
    vmSize: textAt(inputs, "hardwareProfile", "vmSize") ?? "",
    zone: textAt(inputs, "zones", 0) ?? "",
  };
}

function textAnswer(text: string): ServiceAnswer {
  return { status: 200, headers: { "content-type": "text/plain; charset=utf-8" }, body: text };
}

function failure(status: number, error: string, description: string): ServiceAnswer {
  return jsonAnswer(status, { error, error_description: description });
}
