/** The two ways in which the simulated cloud refuses: as Azure would, or because it is a simulation. */

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
