/** Sets of addresses, made as small as they can be written. */
import { ANYWHERE, cidrCovers, formatCidr, parseCidr } from "#contract";

/**
 * Drops blocks that another block of the list covers, and repetitions; keeps the order. Azure
 * refuses overlapping prefixes in one rule, and nftables overlapping elements in one set.
 */
export function minimizeCidrs(cidrs: readonly string[]): readonly string[] {
  const blocks = cidrs.map(readCidr);
  return blocks
    .filter(
      (block, index) =>
        !blocks.some(
          (other, otherIndex) =>
            otherIndex !== index &&
            cidrCovers(other, block) &&
            // Of two equal blocks the first one stays.
            (other.prefix < block.prefix || otherIndex < index),
        ),
    )
    .map(formatCidr);
}

/** The clients of a stack: those declared, or everyone where none are (dev only). */
export function clientsOf(clientCidrs: readonly string[]): readonly string[] {
  return clientCidrs.length === 0 ? [ANYWHERE] : minimizeCidrs(clientCidrs);
}

function readCidr(text: string) {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new RangeError(`${text} is not an IPv4 block`);
  return cidr;
}
