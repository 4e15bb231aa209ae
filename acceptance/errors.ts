/** A problem that the person can solve; printed without a stack. */
export class AcceptanceError extends Error {
  override readonly name = "AcceptanceError";
  /** @param fix a sentence that says what to do. */
  constructor(problem: string, fix?: string) {
    super(fix === undefined ? problem : `${problem} ${fix}`);
  }
}
