/** The two ways in which the simulated cloud refuses: as Azure would, or because it is a simulation. */
import type { CloudResource } from "./state.ts";

/** What the Azure Resource Manager would answer; `code` and message follow its wording. */
export class ArmError extends Error {
  override readonly name = "ArmError";
  readonly code: string;
  /** HTTP status that carries the error. */
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(`Status=${status} Code="${code}" Message="${message}"`);
    this.code = code;
    this.status = status;
  }
}

/** The resource exists now, but Azure could not bring it into its declared state. */
export class ProvisioningFailed extends ArmError {
  readonly resource: CloudResource;

  constructor(resource: CloudResource, code: string, message: string) {
    super(code, message, 409);
    this.resource = resource;
  }
}

/** Azure may accept this; the lab does not simulate it and refuses to guess. */
export class NotSimulated extends Error {
  override readonly name = "NotSimulated";
  readonly type: string;
  /** Path of the property, for example `osProfile.windowsConfiguration`; absent: the whole type. */
  readonly property: string | undefined;

  constructor(type: string, property?: string, reason?: string) {
    const what = property === undefined ? `type ${type}` : `property ${property} of ${type}`;
    const why = reason === undefined ? "" : `: ${reason}`;
    super(
      `NotSimulated: the lab does not simulate ${what}${why}. docs/lab-coverage.md lists what it does.`,
    );
    this.type = type;
    this.property = property;
  }
}
