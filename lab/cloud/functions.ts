/** Functions (invokes) of azure-native that the lab answers. */
import { plainToken } from "./cloud.ts";
import { ArmError, NotSimulated } from "./errors.ts";
import { LAB_CLIENT, LAB_DEPLOYER, LAB_SUBSCRIPTION, LAB_TENANT } from "./identifiers.ts";
import type { ResourceType } from "./resource-type.ts";
import type { CloudState } from "./state.ts";
import { RESOURCE_TYPES } from "./types/index.ts";
import { accountKeys, storageAccount } from "./types/storage-account.ts";
import type { Properties } from "./values.ts";

/** A function with the properties it takes. */
export interface CloudFunction {
  readonly token: string;
  readonly takes: readonly string[];
  readonly call: (args: Properties, state: CloudState) => Properties;
}

const getClientConfig: CloudFunction = {
  token: "azure-native:authorization:getClientConfig",
  takes: [],
  call: () => ({
    clientId: LAB_CLIENT,
    objectId: LAB_DEPLOYER,
    subscriptionId: LAB_SUBSCRIPTION,
    tenantId: LAB_TENANT,
  }),
};

const listStorageAccountKeys: CloudFunction = {
  token: "azure-native:storage:listStorageAccountKeys",
  takes: ["resourceGroupName", "accountName"],
  call: (args, state) => {
    const id = storageAccount.id(args);
    existing(state, id);
    return { keys: accountKeys(id) };
  },
};

/** `getSubnet`, `getVirtualMachine` and so on: a resource as it is. */
function getterOf(type: ResourceType): CloudFunction {
  const [prefix, module, name] = type.token.split(":");
  return {
    token: `${prefix ?? ""}:${module ?? ""}:get${name ?? ""}`,
    takes: [...type.parents, type.naming.property],
    call: (args, state) => {
      const resource = existing(state, type.id(args));
      return { ...resource.outputs, id: resource.id };
    },
  };
}

/** Every function, ordered by token. */
export const CLOUD_FUNCTIONS: readonly CloudFunction[] = [
  getClientConfig,
  listStorageAccountKeys,
  ...RESOURCE_TYPES.filter(({ apiVersion }) => apiVersion !== "").map(getterOf),
].toSorted((one, other) => one.token.localeCompare(other.token));

/**
 * Calls a function.
 *
 * @throws NotSimulated for an unknown function or argument; ArmError as Azure would answer.
 */
export function callFunction(token: string, args: Properties, state: CloudState): Properties {
  const wanted = plainToken(token);
  const found = CLOUD_FUNCTIONS.find((candidate) => candidate.token === wanted);
  if (found === undefined) throw new NotSimulated(token);
  const unknown = Object.keys(args).find((name) => !found.takes.includes(name));
  if (unknown !== undefined) throw new NotSimulated(token, unknown);
  return found.call(args, state);
}

function existing(
  state: CloudState,
  id: string,
): { readonly id: string; readonly outputs: Properties } {
  const resource = state.find(id);
  if (resource !== undefined) return resource;
  const [, resourcePath = id] = id.split("/providers/");
  throw new ArmError("ResourceNotFound", `The Resource '${resourcePath}' was not found.`, 404);
}
