/** What the lab cannot do on this machine, or what went wrong in it: for a person to read. */
export class LabError extends Error {
  override readonly name = "LabError";
  /** The command's exit code: a finding, not a misuse. */
  readonly exitCode = 1;

  /** @param hint the next step, on a line of its own. */
  constructor(message: string, hint?: string) {
    super(hint === undefined ? message : `${message}\n${hint}`);
  }
}
