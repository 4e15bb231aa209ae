/** What the Run Command carries. */
import type { DeliveryParameters } from "#contract";
import { canonicalJson, sha256 } from "./canonical.ts";

/** Parameters that Azure keeps encrypted and never returns. */
const PROTECTED: ReadonlySet<string> = new Set(["deploymentSecret"]);

/** A named parameter, as Azure takes it. */
export interface RunCommandParameter {
  readonly name: string;
  readonly value: string;
}

/** Everything in Azure's form. */
export interface RunCommandParameters {
  readonly parameters: readonly RunCommandParameter[];
  readonly protectedParameters: readonly RunCommandParameter[];
}

/** Splits the parameters into open and protected ones, in a fixed order. */
export function planRunCommandParameters(delivery: DeliveryParameters): RunCommandParameters {
  const all = Object.entries(delivery)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]: readonly [string, string]) => ({ name, value }));
  return {
    parameters: all.filter(({ name }) => !PROTECTED.has(name)),
    protectedParameters: all.filter(({ name }) => PROTECTED.has(name)),
  };
}

/** Hash of everything that a delivery brings; two deliveries of the same things are the same. */
export function hashDelivery(delivery: DeliveryParameters): string {
  return sha256(canonicalJson(delivery)).slice(0, 32);
}
