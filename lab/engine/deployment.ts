/**
 * One run of a program against providers: the part of Pulumi's engine that decides, for each
 * registered resource, whether it stays, changes, is replaced or goes.
 */
import { NotSimulated } from "../cloud/errors.ts";
import type { Properties } from "../cloud/values.ts";
import type { Step } from "./evaluate.ts";
import {
  PartlyCreated,
  type PropertyDifference,
  type ProviderOperations,
  type ResourceState,
} from "./provider-operations.ts";
import { blank, naming, type Goal } from "./goal.ts";
import { fallingWith } from "./replacement.ts";
import { withIgnored, withReplacing } from "./resource-options.ts";
import type { StackResource, StackState } from "./stack-state.ts";
import type { Decoded } from "./wire.ts";

/** Everything a deployment needs from outside. */
export interface DeploymentSurroundings {
  readonly state: StackState;
  readonly providers: ReadonlyMap<string, ProviderOperations>;
  readonly preview: boolean;
  readonly onStep: (step: Step) => void;
}

type Operation = Step["operation"];

export class Deployment {
  readonly #around: DeploymentSurroundings;
  readonly #registered = new Map<string, StackResource>();

  constructor(surroundings: DeploymentSurroundings) {
    this.#around = surroundings;
  }

  /** What the program registered so far, in order. */
  get registered(): readonly StackResource[] {
    return [...this.#registered.values()];
  }

  /**
   * Brings one resource about and returns it.
   *
   * @throws Error that names the resource and what its provider says.
   */
  async register(goal: Goal): Promise<StackResource> {
    if (this.#registered.has(goal.urn)) {
      throw new Error(`Duplicate resource URN '${goal.urn}'; try giving it a unique name`);
    }
    // Reserves the resource's place in the order before anything is awaited.
    this.#registered.set(goal.urn, blank(goal));
    const resource = goal.custom ? await this.#custom(goal) : this.#component(goal);
    this.#registered.set(goal.urn, resource);
    return resource;
  }

  /** Sets what a component or the stack returns. */
  registerOutputs(urn: string, outputs: Decoded): void {
    const resource = this.#registered.get(urn);
    if (resource === undefined) throw new Error(`unknown resource ${urn}`);
    this.#keep({ ...resource, outputs: outputs.properties, secretOutputs: outputs.secrets });
  }

  /** Deletes what the program no longer registers, and predecessors of what was replaced. */
  async finish(): Promise<void> {
    const { state, preview } = this.#around;
    if (!preview) state.order([...this.#registered.keys()]);
    for (const resource of state.replaced.toReversed()) {
      if (preview) continue;
      await this.#deleteFromProvider(resource);
      state.removeReplaced(resource);
    }
    const gone = state.resources.filter(({ urn }) => !this.#registered.has(urn));
    for (const resource of gone.toReversed()) await this.delete(resource);
  }

  /** Deletes one resource of the state. */
  async delete(resource: StackResource): Promise<void> {
    const { state, preview } = this.#around;
    if (resource.protect) {
      throw new Error(
        `${resource.type} resource '${resource.name}' cannot be deleted because it is protected. Remove its "protect" option first.`,
      );
    }
    if (!preview) await this.#deleteFromProvider(resource);
    if (!preview) state.remove(resource.urn);
    this.#report("delete", resource, []);
  }

  #component(goal: Goal): StackResource {
    const known = this.#around.state.find(goal.urn);
    const { properties, secrets } = goal.declared;
    const resource = { ...blank(goal), outputs: properties, secretOutputs: secrets };
    this.#keep(resource);
    this.#report(known === undefined ? "create" : "same", goal, []);
    return resource;
  }

  async #custom(goal: Goal): Promise<StackResource> {
    const { state, preview } = this.#around;
    const { importId, ignoreChanges, replaceOnChanges } = goal.options;
    if (importId !== "") throw new NotSimulated(goal.type, "import");
    const provider = this.#providerOf(goal.type);
    const old = state.find(goal.urn);
    const wanted = withIgnored(goal.declared.properties, old?.inputs, ignoreChanges);
    const inputs = this.#checked(goal, provider, wanted, old?.inputs);
    if (old === undefined) {
      const created = await this.#create(goal, provider, inputs);
      this.#report("create", goal, []);
      return created;
    }
    const { differences, deleteBeforeReplace } = provider.diff({
      type: goal.type,
      oldInputs: old.inputs,
      newInputs: inputs,
    });
    const found = withReplacing(differences, replaceOnChanges);
    if (found.some(({ replaces }) => replaces)) {
      return this.#replace(goal, provider, wanted, old, found, deleteBeforeReplace);
    }
    if (found.length === 0 && old.failed === undefined) {
      const same: StackResource = {
        ...blank(goal),
        inputs,
        id: old.id,
        outputs: old.outputs,
        secretOutputs: old.secretOutputs,
      };
      this.#keep(same);
      this.#report("same", goal, []);
      return same;
    }
    const request = { urn: goal.urn, type: goal.type, id: old.id, inputs, preview };
    const updated = await this.#outcome(goal, inputs, () =>
      provider.update({
        ...request,
        secrets: goal.declared.secrets,
        oldInputs: old.inputs,
        oldOutputs: old.outputs,
      }),
    );
    this.#report("update", goal, found);
    return updated;
  }

  async #replace(
    goal: Goal,
    provider: ProviderOperations,
    wanted: Properties,
    old: StackResource,
    found: readonly PropertyDifference[],
    providerDeletesFirst: boolean,
  ): Promise<StackResource> {
    const { state, preview } = this.#around;
    if (old.protect) {
      throw new Error(
        `${goal.type} resource '${goal.name}' cannot be replaced because it is protected: ${found
          .filter(({ replaces }) => replaces)
          .map(({ path }) => path)
          .join(", ")} changed.`,
      );
    }
    const inputs = this.#checked(goal, provider, wanted, undefined);
    if (!preview && (goal.options.deleteBeforeReplace ?? providerDeletesFirst)) {
      await this.#deleteWithDependents(old);
    } else if (!preview) {
      state.addReplaced(old);
      state.remove(old.urn);
    }
    const created = await this.#create(goal, provider, inputs);
    this.#report("replace", goal, found);
    return created;
  }

  /** What cannot stand without the old resource goes before it, and is registered anew later. */
  async #deleteWithDependents(old: StackResource): Promise<void> {
    const { state } = this.#around;
    const condemned = fallingWith(old, state.resources, (type) => this.#providerOf(type));
    for (const resource of state.resources.toReversed()) {
      if (!condemned.has(resource.urn)) continue;
      await this.#deleteFromProvider(resource);
      state.remove(resource.urn);
    }
  }

  async #create(
    goal: Goal,
    provider: ProviderOperations,
    inputs: Properties,
  ): Promise<StackResource> {
    const { urn, type } = goal;
    const { secrets } = goal.declared;
    const { preview } = this.#around;
    return this.#outcome(goal, inputs, () =>
      provider.create({ urn, type, inputs, secrets, preview }),
    );
  }

  async #outcome(
    goal: Goal,
    inputs: Properties,
    work: () => Promise<ResourceState>,
  ): Promise<StackResource> {
    const keep = ({ id, outputs, secrets }: ResourceState, failed?: string): StackResource => {
      const resource: StackResource = {
        ...blank(goal),
        inputs,
        id,
        outputs,
        secretOutputs: [...new Set([...secrets, ...goal.options.additionalSecretOutputs])],
        ...(failed === undefined ? {} : { failed }),
      };
      this.#keep(resource);
      return resource;
    };
    try {
      return keep(await work());
    } catch (error) {
      if (error instanceof PartlyCreated) keep(error.state, error.message);
      throw naming(goal, error);
    }
  }

  #checked(
    goal: Goal,
    provider: ProviderOperations,
    wanted: Properties,
    oldInputs: Properties | undefined,
  ): Properties {
    const { state, preview } = this.#around;
    const serial = oldInputs !== undefined || preview ? 0 : state.nextSerial();
    const { urn, type } = goal;
    try {
      const { inputs, failures } = provider.check({
        urn,
        type,
        inputs: wanted,
        oldInputs,
        seed: `${urn} ${serial}`,
      });
      if (failures.length === 0) return inputs;
      throw new Error(failures.map(({ reason }) => reason).join("; "));
    } catch (error) {
      throw naming(goal, error);
    }
  }

  #providerOf(type: string): ProviderOperations {
    const provider = this.#around.providers.get(type.split(":")[0]?.split("_")[0] ?? "");
    if (provider === undefined) throw new NotSimulated(type);
    return provider;
  }

  async #deleteFromProvider(resource: StackResource): Promise<void> {
    if (!resource.custom || resource.retainOnDelete) return;
    const { id, type, inputs, outputs } = resource;
    try {
      await this.#providerOf(type).delete({ id, type, inputs, outputs });
    } catch (error) {
      throw naming(resource, error);
    }
  }

  #keep(resource: StackResource): void {
    this.#registered.set(resource.urn, resource);
    if (!this.#around.preview) this.#around.state.put(resource);
  }

  #report(
    operation: Operation,
    { type, name, urn }: Pick<Goal, "type" | "name" | "urn">,
    found: readonly PropertyDifference[],
  ): void {
    const differences = found.map(({ path }) => path);
    this.#around.onStep({ operation, type, name, urn, differences });
  }
}
