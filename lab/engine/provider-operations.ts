/** What an engine asks of a provider: the same for the plugin and for the in-process engine. */
import type { Difference, Properties } from "../cloud/values.ts";

/** A property of a declaration that the provider does not accept. */
export interface Failure {
  readonly property: string;
  readonly reason: string;
}

export interface CheckRequest {
  readonly urn: string;
  /** Pulumi's type token. */
  readonly type: string;
  readonly inputs: Properties;
  /** Inputs of the last deployment; absent for a new resource or a replacement. */
  readonly oldInputs: Properties | undefined;
  /** Seeds the names of resources that have none; another one for a replacement. */
  readonly seed: string;
  /** A name that the engine wants or suggests. */
  readonly proposedName?: string;
}

export interface CheckResult {
  /** Defaults filled in. */
  readonly inputs: Properties;
  readonly failures: readonly Failure[];
}

/** A difference, and whether it can only be met by a new resource. */
export interface PropertyDifference extends Difference {
  readonly replaces: boolean;
}

export interface DiffRequest {
  readonly type: string;
  readonly oldInputs: Properties;
  readonly newInputs: Properties;
}

export interface DiffResult {
  readonly differences: readonly PropertyDifference[];
  readonly deleteBeforeReplace: boolean;
}

export interface CreateRequest {
  readonly urn: string;
  readonly type: string;
  readonly inputs: Properties;
  /** Paths of secret inputs. */
  readonly secrets: readonly string[];
  readonly preview: boolean;
}

export interface UpdateRequest extends CreateRequest {
  readonly id: string;
  readonly oldInputs: Properties;
  readonly oldOutputs: Properties;
}

/** State of a resource as the provider reports it. */
export interface ResourceState {
  /** Empty when it is not known yet. */
  readonly id: string;
  readonly outputs: Properties;
  /** Paths of secret outputs. */
  readonly secrets: readonly string[];
}

export interface DeleteRequest {
  readonly id: string;
  readonly type: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
}

export interface ReadRequest {
  readonly id: string;
  readonly type: string;
  /** Inputs that the engine knows; absent when it sees the resource for the first time. */
  readonly oldInputs?: Properties;
}

/** A resource as it is, with the inputs that lead there. */
export interface ReadState extends ResourceState {
  readonly inputs: Properties;
  readonly secretInputs: readonly string[];
}

export interface InvokeResult {
  readonly outputs: Properties;
  readonly secrets: readonly string[];
}

/** The resource exists, but not as declared: the engine keeps it and tries again next time. */
export class PartlyCreated extends Error {
  override readonly name = "PartlyCreated";
  readonly state: ResourceState;

  constructor(state: ResourceState, reason: string) {
    super(reason);
    this.state = state;
  }
}

export interface ProviderOperations {
  /** `azure-native`, `command`: the first part of the type tokens it answers for. */
  readonly name: string;
  readonly check: (request: CheckRequest) => CheckResult;
  readonly diff: (request: DiffRequest) => DiffResult;
  /** @throws PartlyCreated when the resource exists nevertheless. */
  readonly create: (request: CreateRequest) => Promise<ResourceState>;
  /** @throws PartlyCreated when the resource changed nevertheless. */
  readonly update: (request: UpdateRequest) => Promise<ResourceState>;
  readonly delete: (request: DeleteRequest) => Promise<void>;
  /** A resource as it is; undefined when it is gone. */
  readonly read: (request: ReadRequest) => Promise<ReadState | undefined>;
  readonly invoke: (token: string, args: Properties) => Promise<InvokeResult>;
}
