/** The machine's image. */
import { ContractError } from "#contract";

export interface ImageReference {
  readonly publisher: string;
  readonly offer: string;
  readonly sku: string;
  readonly version: string;
}

/**
 * Reads `publisher:offer:sku:version`.
 *
 * @throws ContractError when a part is missing.
 */
export function parseImage(text: string): ImageReference {
  const [publisher, offer, sku, version, ...rest] = text.split(":");
  if (!publisher || !offer || !sku || !version || rest.length > 0) {
    throw new ContractError([
      {
        setting: "machine.image",
        value: text,
        problem: "does not name an image",
        fix: "write publisher:offer:sku:version, for example Canonical:ubuntu-24_04-lts:server:latest",
      },
    ]);
  }
  return { publisher, offer, sku, version };
}
