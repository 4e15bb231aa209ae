/** IPv4 prefixes as Azure reads them. */

/** A block of IPv4 addresses, as numbers. */
export interface Prefix {
  readonly first: number;
  readonly last: number;
  readonly length: number;
}

/** Parses dotted IPv4 into a number. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    address = address * 256 + Number(part);
  }
  return address;
}

/** Formats a number as dotted IPv4. */
export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

/** Parses `10.0.0.0/16`; undefined when malformed or when bits below the prefix are set. */
export function parsePrefix(text: string): Prefix | undefined {
  const [address, size, ...rest] = text.split("/");
  if (address === undefined || size === undefined || rest.length > 0) return undefined;
  const first = parseIpv4(address);
  if (first === undefined || !/^\d{1,2}$/.test(size) || Number(size) > 32) return undefined;
  const count = 2 ** (32 - Number(size));
  if (first % count !== 0) return undefined;
  return { first, last: first + count - 1, length: Number(size) };
}

/** Whether one block lies inside another. */
export function contains(outer: Prefix, inner: Prefix): boolean {
  return outer.first <= inner.first && inner.last <= outer.last;
}

/** Whether two blocks share an address. */
export function overlaps(one: Prefix, other: Prefix): boolean {
  return one.first <= other.last && other.first <= one.last;
}

/** Azure keeps the first four addresses of a subnet and the last one. */
export function usableAddresses(subnet: Prefix): { readonly first: number; readonly last: number } {
  return { first: subnet.first + 4, last: subnet.last - 1 };
}
