/** A refusal by the rules of a site, which name themselves; storage itself knows no rules. */
import type { Refusal } from "../access/request-filter.ts";
import { StorageError } from "../storage/storage.ts";

/** Which kind of rule it was. */
export type Denial = "authorizationRule" | "ipRestriction" | "mountPoint" | Refusal["kind"];

export class DeniedError extends StorageError {
  readonly denial: Denial;

  /** @param reason for the log: the rule in words. */
  constructor(denial: Denial, reason: string) {
    // What is hidden is not there.
    super(denial === "hiddenSegment" ? "notFound" : "denied", { reason });
    this.denial = denial;
  }
}
