/**
 * The part of Pulumi's azure-native provider: default names and locations, differences that
 * replace, and previews that know exactly what the real provider knows.
 */
import { resourceTypeOf, type Cloud } from "../cloud/cloud.ts";
import { ProvisioningFailed } from "../cloud/errors.ts";
import { callFunction } from "../cloud/functions.ts";
import { guidOf, resourceGroupId } from "../cloud/identifiers.ts";
import { normalizeRegion } from "../cloud/regions.ts";
import type { ResourceType } from "../cloud/resource-type.ts";
import { findings, type Finding } from "../cloud/shapes.ts";
import { sha256, type CloudResource } from "../cloud/state.ts";
import {
  differences,
  isList,
  isRecord,
  textAt,
  UNKNOWN,
  type Difference,
  type Properties,
  type Value,
} from "../cloud/values.ts";
import {
  PartlyCreated,
  type CheckRequest,
  type CheckResult,
  type CreateRequest,
  type DiffRequest,
  type DiffResult,
  type Failure,
  type ProviderOperations,
  type ResourceState,
  type UpdateRequest,
} from "./provider-operations.ts";
import { secretsWithin } from "./wire.ts";

/** Marks inputs whose name was drawn: such a resource is created before its predecessor goes. */
const RANDOMLY_NAMED = "__createBeforeDelete";
const RANDOM_DIGITS = 8;

/** Configuration of the provider: `azure-native:location` and its like, without the prefix. */
export type ProviderConfig = Readonly<Record<string, string>>;

/** azure-native over the simulated cloud. */
export function openAzureProvider(cloud: Cloud, config: () => ProviderConfig): ProviderOperations {
  return {
    name: "azure-native",
    check: (request) => check(request, cloud, config()),
    diff,
    create: async (request) => {
      if (request.preview) return { id: "", ...previewed(request, undefined) };
      return reporting(() => cloud.create(declarationOf(request)));
    },
    update: async (request) => {
      if (request.preview) return { id: request.id, ...previewed(request, request.oldOutputs) };
      return reporting(() => cloud.update(declarationOf(request)));
    },
    delete: ({ id }) => cloud.delete(id),
    read: async ({ id, oldInputs }) => {
      const resource = cloud.read(id);
      if (resource === undefined) return undefined;
      const drawn = oldInputs?.[RANDOMLY_NAMED];
      const inputs = {
        ...resource.inputs,
        ...(drawn === undefined ? {} : { [RANDOMLY_NAMED]: drawn }),
      };
      return { ...stateOf(resource), inputs, secretInputs: resource.secrets };
    },
    invoke: async (token, args) => ({
      outputs: callFunction(token, args, cloud.state),
      secrets: [],
    }),
  };
}

function check(request: CheckRequest, cloud: Cloud, config: ProviderConfig): CheckResult {
  const type = resourceTypeOf(request.type);
  const named = withName(type, request);
  const inputs = withLocation(type, named, request.oldInputs, cloud, config);
  const { [RANDOMLY_NAMED]: _, ...declared } = inputs;
  return {
    inputs,
    failures: findings(type.properties, declared).flatMap((finding) => failureOf(type, finding)),
  };
}

/** A value that Azure does not have is Azure's to refuse; the rest fails before anything happens. */
function failureOf(type: ResourceType, finding: Finding): readonly Failure[] {
  const { path } = finding;
  switch (finding.kind) {
    case "missing": {
      const hint =
        path === "location"
          ? ". Either set it explicitly or configure it with 'pulumi config set azure-native:location <value>'."
          : "";
      return [{ property: path, reason: `missing required property '${path}'${hint}` }];
    }
    case "type":
      return [{ property: path, reason: `'${path}' should be ${finding.expected}` }];
    case "notSimulated": {
      const reason = finding.reason === undefined ? "" : `: ${finding.reason}`;
      return [
        {
          property: path,
          reason: `NotSimulated: the lab does not simulate property ${path} of ${type.token}${reason}. docs/lab-coverage.md lists what it does.`,
        },
      ];
    }
    case "value":
      return [];
  }
}

function withName(type: ResourceType, request: CheckRequest): Properties {
  const { inputs, oldInputs, proposedName, seed, urn } = request;
  const { property, auto } = type.naming;
  if (inputs[property] !== undefined) return inputs;
  const before = oldInputs?.[property];
  if (oldInputs !== undefined && before !== undefined) {
    const drawn = oldInputs[RANDOMLY_NAMED];
    return {
      ...inputs,
      [property]: before,
      ...(drawn === undefined ? {} : { [RANDOMLY_NAMED]: drawn }),
    };
  }
  const name = urn.slice(urn.lastIndexOf("::") + 2);
  switch (auto) {
    case "copy":
      return { ...inputs, [property]: proposedName ?? name };
    case "uuid":
      return { ...inputs, [property]: guidOf(seed), [RANDOMLY_NAMED]: true };
    case "random":
      return {
        ...inputs,
        [property]: proposedName ?? `${name}${sha256(seed).slice(0, RANDOM_DIGITS)}`,
        [RANDOMLY_NAMED]: true,
      };
  }
}

function withLocation(
  type: ResourceType,
  inputs: Properties,
  oldInputs: Properties | undefined,
  cloud: Cloud,
  config: ProviderConfig,
): Properties {
  if (type.properties["location"] === undefined || inputs["location"] !== undefined) return inputs;
  const group = inputs["resourceGroupName"];
  const ofGroup =
    group === UNKNOWN
      ? UNKNOWN
      : textAt(cloud.read(resourceGroupId(String(group)))?.inputs, "location");
  const location = oldInputs?.["location"] ?? config["location"] ?? ofGroup;
  return location === undefined ? inputs : { ...inputs, location };
}

function diff({ type: token, oldInputs, newInputs }: DiffRequest): DiffResult {
  const type = resourceTypeOf(token);
  const replacing = [...type.parents, type.naming.property, ...type.replacedBy];
  const found = differences(oldInputs, newInputs)
    .filter(({ path }) => path !== RANDOMLY_NAMED)
    .filter((difference) => !sameRegion(difference, oldInputs, newInputs))
    .map((difference) => ({
      ...difference,
      replaces: replacing.some((path) => covers(path, difference.path)),
    }));
  return { differences: found, deleteBeforeReplace: oldInputs[RANDOMLY_NAMED] !== true };
}

/** `sku` covers `sku.name`; `subnets[].name` covers `subnets[3].name`. */
function covers(pattern: string, path: string): boolean {
  const plain = path.replaceAll(/\[\d+\]/g, "[]");
  return plain === pattern || plain.startsWith(`${pattern}.`) || plain.startsWith(`${pattern}[`);
}

function sameRegion({ path }: Difference, before: Properties, after: Properties): boolean {
  const [one, other] = [textAt(before, "location"), textAt(after, "location")];
  if (path !== "location" || one === undefined || other === undefined) return false;
  return normalizeRegion(one) === normalizeRegion(other);
}

function declarationOf({ type: token, inputs, secrets }: CreateRequest): {
  readonly type: ResourceType;
  readonly inputs: Properties;
  readonly secrets: readonly string[];
} {
  const { [RANDOMLY_NAMED]: _, ...declared } = inputs;
  return { type: resourceTypeOf(token), inputs: declared, secrets };
}

async function reporting(work: () => Promise<CloudResource>): Promise<ResourceState> {
  try {
    return stateOf(await work());
  } catch (error) {
    if (error instanceof ProvisioningFailed) {
      throw new PartlyCreated(stateOf(error.resource), error.message);
    }
    throw error;
  }
}

function stateOf({ id, outputs, secrets }: CloudResource): ResourceState {
  return { id, outputs, secrets: secretsWithin(outputs, secrets) };
}

/**
 * What is known before a deployment ran: the declared properties that Azure returns as they are.
 * Name and location of an existing resource never change. Everything else stays unknown, also
 * inside declared objects.
 */
function previewed(
  request: CreateRequest | UpdateRequest,
  oldOutputs: Properties | undefined,
): Pick<ResourceState, "outputs" | "secrets"> {
  const type = resourceTypeOf(request.type);
  const { [RANDOMLY_NAMED]: _, ...declared } = request.inputs;
  const hidden = new Set([...type.parents, type.naming.property, ...(type.writeOnly ?? [])]);
  let outputs: Properties = Object.fromEntries(
    Object.entries(declared).filter(([key, value]) => !hidden.has(key) && value !== undefined),
  );
  for (const path of type.computed) {
    const filled = withUnknown(outputs, path.split("."));
    outputs = isRecord(filled) ? filled : outputs;
  }
  const stable = Object.entries(oldOutputs ?? {}).filter(
    ([key]) => key === "name" || key === "location",
  );
  outputs = { ...outputs, ...Object.fromEntries(stable) };
  return { outputs, secrets: secretsWithin(outputs, request.secrets) };
}

/** Marks a property that Azure fills in, where the object that would hold it is declared. */
function withUnknown(value: Value | undefined, path: readonly string[]): Value | undefined {
  const [step, ...rest] = path;
  if (step === undefined || !isRecord(value)) return value;
  const isEach = step.endsWith("[]");
  const key = isEach ? step.slice(0, -2) : step;
  const inner = value[key];
  if (isEach) {
    if (!isList(inner)) return value;
    return { ...value, [key]: inner.map((item) => withUnknown(item, rest) ?? null) };
  }
  if (rest.length === 0) return inner === undefined ? { ...value, [key]: UNKNOWN } : value;
  const filled = withUnknown(inner, rest);
  return filled === undefined ? value : { ...value, [key]: filled };
}
