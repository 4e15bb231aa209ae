/**
 * The simulated cloud: create, change, delete and look up resources as the Azure Resource Manager
 * does, with Azure's refusals. What the engine layer adds on top (names, defaults, previews) is the
 * part of Pulumi's provider; see `lab/engine/azure-provider.ts`.
 */
import { NO_EFFECTS, type CloudEffects } from "./effects.ts";
import { ArmError, NotSimulated, ProvisioningFailed } from "./errors.ts";
import { isWithin, resourceGroupId, resourceGroupOf, sameId } from "./identifiers.ts";
import { VIRTUAL_MACHINE } from "./references.ts";
import { normalizeRegion, regionNames, zonesOf } from "./regions.ts";
import type { ResourceType } from "./resource-type.ts";
import { findings } from "./shapes.ts";
import { CloudStore, type CloudResource, type CloudState } from "./state.ts";
import { RESOURCE_TYPES } from "./types/index.ts";
import { compact, isAsset, textAt, type Properties } from "./values.ts";

const TYPES: ReadonlyMap<string, ResourceType> = new Map(
  RESOURCE_TYPES.map((type) => [type.token.toLowerCase(), type]),
);

/** `azure-native:network/v20240501:Subnet` and `azure-native_network_v20240501:…` name one type. */
export function plainToken(token: string): string {
  return token
    .replace(/[/_]v\d{8}(preview)?(?=:)/, "")
    .replace(/^azure-native_(\w+):\w+:/, "azure-native:$1:");
}

/**
 * The simulated type of a token.
 *
 * @throws NotSimulated when there is none.
 */
export function resourceTypeOf(token: string): ResourceType {
  const type = TYPES.get(plainToken(token).toLowerCase());
  if (type === undefined) throw new NotSimulated(token);
  return type;
}

/** What a request declares; `secrets` are paths of secret properties. */
export interface Declaration {
  readonly type: ResourceType;
  readonly inputs: Properties;
  readonly secrets: readonly string[];
}

export class Cloud {
  readonly #store: CloudStore;
  readonly #effects: CloudEffects;
  #turn: Promise<unknown> = Promise.resolve();

  /** `folder` keeps the state; without one it lives in memory. */
  constructor(options: { readonly folder?: string; readonly effects?: CloudEffects } = {}) {
    this.#store = new CloudStore(options.folder);
    this.#effects = options.effects ?? NO_EFFECTS;
  }

  get state(): CloudState {
    return this.#store;
  }

  /**
   * Creates a resource.
   *
   * @throws ArmError as Azure would answer; ProvisioningFailed when the resource exists but what
   *   followed failed; NotSimulated.
   */
  async create(declaration: Declaration): Promise<CloudResource> {
    const id = declaration.type.id(declaration.inputs);
    if (this.#store.find(id) !== undefined) {
      // Azure would update it; Pulumi's provider looks first and refuses to adopt what it did not make.
      throw new ArmError("ResourceExists", `cannot create already existing resource '${id}'`, 409);
    }
    return this.#put(declaration, id, undefined);
  }

  /** Changes a resource in place; one that is gone is created again, as a PUT does. */
  async update(declaration: Declaration): Promise<CloudResource> {
    const id = declaration.type.id(declaration.inputs);
    return this.#put(declaration, id, this.#store.find(id));
  }

  /** Deletes a resource with everything that Azure deletes along. One that is gone is no error. */
  async delete(id: string): Promise<void> {
    const resource = this.#store.find(id);
    if (resource === undefined) return;
    const type = resourceTypeOf(resource.type);
    type.refuseDelete?.(resource, this.#store);
    const gone = this.#goingWith(resource);
    const kept = gone.flatMap((item) => resourceTypeOf(item.type).softDeleted?.(item) ?? []);
    this.#store.remove(
      gone.map((item) => item.id),
      kept,
    );
    await this.#inTurn(async () => {
      for (const machine of gone.filter((item) => item.type === VIRTUAL_MACHINE)) {
        await this.#effects.machineDeleted(this.#store, machine);
      }
      if (gone.some((item) => resourceTypeOf(item.type).network)) {
        await this.#effects.networkChanged(this.#store);
      }
    });
  }

  /** A resource as it is; undefined when there is none. */
  read(id: string): CloudResource | undefined {
    return this.#store.find(id);
  }

  /** A resource, everything inside it, and what its type says goes along, each only once. */
  #goingWith(resource: CloudResource): readonly CloudResource[] {
    const inside = this.#store.resources().filter(({ id }) => isWithin(id, resource.id));
    const along = (
      resourceTypeOf(resource.type).deletedAlong?.(resource, this.#store) ?? []
    ).flatMap((id) => this.#store.find(id) ?? []);
    return [...new Set([...inside, ...along, resource])];
  }

  async #put(
    { type, inputs, secrets }: Declaration,
    id: string,
    previous: CloudResource | undefined,
  ): Promise<CloudResource> {
    refuseForm(type, inputs);
    const name = textAt(inputs, type.naming.property) ?? "";
    type.naming.rule(name);
    this.#refusePlace(type, inputs, id, previous);
    const computed = type.put({ id, name, inputs, previous, state: this.#store });
    const { location, tags } = inputs;
    const identity = { name, type: type.armType, location, tags };
    const version = type.apiVersion === "" ? undefined : type.apiVersion;
    const resource: CloudResource = {
      id,
      type: type.token,
      name,
      inputs,
      outputs: compact({ ...identity, id, azureApiVersion: version, ...computed }),
      secrets,
    };
    const companions = type.companions?.(resource, this.#store) ?? { put: [], removed: [] };
    for (const value of Object.values(inputs)) if (isAsset(value)) this.#store.keepContent(value);
    this.#store.put(resource);
    this.#store.remove(companions.removed);
    for (const companion of companions.put) this.#store.put(companion);
    return this.#inTurn(() => this.#follow(type, resource, previous));
  }

  /** Effects run one after the other; a failing one leaves the resource behind, as failed. */
  async #follow(
    type: ResourceType,
    resource: CloudResource,
    previous: CloudResource | undefined,
  ): Promise<CloudResource> {
    try {
      if (type.network) await this.#effects.networkChanged(this.#store);
      const effects = this.#effects;
      const done = await type.afterPut?.({ resource, previous, state: this.#store, effects });
      if (done !== undefined && done !== resource) this.#store.put(done);
      return done ?? resource;
    } catch (error) {
      const failed: CloudResource =
        error instanceof ProvisioningFailed
          ? error.resource
          : { ...resource, outputs: { ...resource.outputs, provisioningState: "Failed" } };
      this.#store.put(failed);
      if (error instanceof ProvisioningFailed) throw error;
      throw new ProvisioningFailed(failed, "LabEffectFailed", messageOf(error));
    }
  }

  #refusePlace(
    type: ResourceType,
    inputs: Properties,
    id: string,
    previous: CloudResource | undefined,
  ): void {
    const location = textAt(inputs, "location");
    const isGlobal = type.global === true && location?.toLowerCase() === "global";
    if (location !== undefined && !isGlobal && zonesOf(location) === undefined) {
      throw new ArmError(
        "LocationNotAvailableForResourceType",
        `The provided location '${location}' is not available for resource type '${type.armType}'. List of available regions for the resource type is '${regionNames().join(",")}'.`,
      );
    }
    const before = previous && textAt(previous.inputs, "location");
    if (
      before !== undefined &&
      location !== undefined &&
      normalizeRegion(before) !== normalizeRegion(location)
    ) {
      throw new ArmError(
        "InvalidResourceLocation",
        `The resource '${previous?.name ?? ""}' already exists in location '${before}' in resource group '${resourceGroupOf(id) ?? ""}'. A resource with the same name cannot be created in location '${location}'. Please select a new resource name.`,
        409,
      );
    }
    const group = resourceGroupOf(id);
    if (group !== undefined && !sameId(id, resourceGroupId(group)))
      this.#refuseOrphan(type, inputs, group);
  }

  #refuseOrphan(type: ResourceType, inputs: Properties, group: string): void {
    if (this.#store.find(resourceGroupId(group)) === undefined) {
      throw new ArmError(
        "ResourceGroupNotFound",
        `Resource group '${group}' could not be found.`,
        404,
      );
    }
    const parent = type.parentId?.(inputs);
    if (parent === undefined || this.#store.find(parent) !== undefined) return;
    throw new ArmError(
      "ParentResourceNotFound",
      `Failed to perform 'write' on resource(s) of type '${type.armType.slice(type.armType.indexOf("/") + 1)}', because the parent resource '${parent}' could not be found.`,
      404,
    );
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = this.#turn;
    const mine = before.then(work, work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

/** Form of a request: what the provider's check lets through and Azure would not understand. */
function refuseForm(type: ResourceType, inputs: Properties): void {
  for (const finding of findings(type.properties, inputs)) {
    switch (finding.kind) {
      case "notSimulated":
        throw new NotSimulated(type.token, finding.path, finding.reason);
      case "missing":
        throw new ArmError(
          "InvalidRequestFormat",
          `Cannot parse the request. Details: Required property '${finding.path}' not found in JSON.`,
        );
      case "type":
        throw new ArmError(
          "InvalidRequestFormat",
          `Cannot parse the request. Details: Error converting the value of '${finding.path}': ${finding.expected} is expected.`,
        );
      case "value":
        throw new ArmError(
          "InvalidRequestFormat",
          `Cannot parse the request. Details: Error converting the value of '${finding.path}'. Allowed values: ${finding.allowed.join(", ")}.`,
        );
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
