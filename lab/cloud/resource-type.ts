/** What each simulated resource type declares; see the files in `types/`. */
import type { CloudEffects } from "./effects.ts";
import type { NameRule } from "./names.ts";
import type { ObjectShape } from "./shapes.ts";
import type { CloudResource, CloudState, DeletedVault } from "./state.ts";
import type { OptionalProperties, Properties } from "./values.ts";

/** How azure-native names a resource whose name the program left out. */
export type AutoName = "random" | "uuid" | "copy";

/** A request to create or change a resource, already checked for form. */
export interface PutRequest {
  readonly id: string;
  readonly name: string;
  /** Declared properties, in the form that azure-native gives them. */
  readonly inputs: Properties;
  /** The resource as it is; absent when it is created. */
  readonly previous: CloudResource | undefined;
  readonly state: CloudState;
}

/** Changes to other resources that a declaration brings along. */
export interface Companions {
  readonly put: readonly CloudResource[];
  /** Ids. */
  readonly removed: readonly string[];
}

/** A resource type of Azure, as far as the lab simulates it. */
export interface ResourceType {
  /** `azure-native:network:Subnet`, without API version. */
  readonly token: string;
  /** `Microsoft.Network/virtualNetworks/subnets`. */
  readonly armType: string;
  /** API version that azure-native speaks; empty for its own pseudo resources. */
  readonly apiVersion: string;
  /** Property that names the resource, how azure-native fills it, and Azure's rule for it. */
  readonly naming: { readonly property: string; readonly auto: AutoName; readonly rule: NameRule };
  /** Properties that, with the name, make up the id: `["resourceGroupName", "virtualNetworkName"]`. */
  readonly parents: readonly string[];
  /** ARM id from the declared properties. */
  readonly id: (inputs: Properties) => string;
  /** Id of the resource that must exist first; absent: the resource group. */
  readonly parentId?: (inputs: Properties) => string;
  /** Everything the type takes, `location` and `tags` included. */
  readonly properties: ObjectShape;
  /** Paths whose change replaces the resource; `a[].b` for a property of list items. */
  readonly replacedBy: readonly string[];
  /** Whether it belongs to no region: its location is `global`. */
  readonly global?: true;
  /** Whether packets meet it: a change calls `networkChanged`. */
  readonly network: boolean;
  /** What Azure fills in inside declared objects: `subnets[].id`. Previews leave it unknown. */
  readonly computed: readonly string[];
  /** Inputs that Azure never returns. */
  readonly writeOnly?: readonly string[];
  /**
   * Refuses what Azure refuses and computes what Azure computes; `name`, `type`, `location`,
   * `tags` and the API version are added to every answer.
   *
   * @throws ArmError as Azure would answer; NotSimulated where the lab would have to guess.
   */
  readonly put: (request: PutRequest) => OptionalProperties;
  /** Resources that come and go with this one's declaration: inline subnets, an OS disk. */
  readonly companions?: (resource: CloudResource, state: CloudState) => Companions;
  /** What happens outside once the resource is in the state; returns it as it is afterwards. */
  readonly afterPut?: (step: {
    readonly resource: CloudResource;
    readonly previous: CloudResource | undefined;
    readonly state: CloudState;
    readonly effects: CloudEffects;
  }) => Promise<CloudResource>;
  /**
   * Refuses a delete as Azure does when the resource is in use.
   *
   * @throws ArmError
   */
  readonly refuseDelete?: (resource: CloudResource, state: CloudState) => void;
  /** What Azure still holds after a delete. */
  readonly softDeleted?: (resource: CloudResource) => DeletedVault;
  /** Ids of resources that Azure deletes along, besides those inside: disks, interfaces. */
  readonly deletedAlong?: (resource: CloudResource, state: CloudState) => readonly string[];
}
