/** The bundle cannot be built, for a reason that a person can act on. */
export class BundleError extends Error {
  override readonly name = "BundleError";
  /** The command line ends with this: a finding, not wrong usage. */
  readonly exitCode = 1;
}
