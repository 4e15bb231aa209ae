/** IPv4 addresses and CIDR blocks: reading, writing and the questions the contract asks of them. */

/** An IPv4 block: `base` has no bits below the prefix. Addresses are unsigned 32-bit numbers. */
export interface Cidr {
  readonly base: number;
  readonly prefix: number;
}

/** The whole internet, as Azure and nftables both write it. */
export const ANYWHERE = "0.0.0.0/0";

/**
 * The address from which Azure's platform (health probes among others) reaches a machine.
 * https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
 */
export const AZURE_PLATFORM_ADDRESS = "168.63.129.16";

/** Reads a dotted quad into an unsigned 32-bit number; undefined when it is not one. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => String((value >>> shift) & 255)).join(".");
}

/** Reads `a.b.c.d/n` or a single address (as /32). Undefined when malformed or with host bits set. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", prefixText = "32", ...rest] = text.split("/");
  const value = parseIpv4(address);
  if (value === undefined || rest.length > 0 || !/^\d{1,2}$/.test(prefixText)) return undefined;
  const prefix = Number(prefixText);
  if (prefix > 32) return undefined;
  return networkOf(value, prefix) === value ? { base: value, prefix } : undefined;
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIpv4(cidr.base)}/${String(cidr.prefix)}`;
}

/** The first address of the block of `prefix` bits that holds `value`. */
export function networkOf(value: number, prefix: number): number {
  return prefix === 0 ? 0 : (value & (0xffffffff << (32 - prefix))) >>> 0;
}

export function cidrContains(cidr: Cidr, address: number): boolean {
  return networkOf(address, cidr.prefix) === cidr.base;
}

/** True when every address of `inner` lies in `outer`. */
export function cidrCovers(outer: Cidr, inner: Cidr): boolean {
  return outer.prefix <= inner.prefix && cidrContains(outer, inner.base);
}

export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return cidrCovers(a, b) || cidrCovers(b, a);
}

/**
 * Blocks that never belong to a host on the internet (IANA special-purpose registry, RFC 6890).
 * The documentation blocks of RFC 5737 are left out on purpose: the lab plays Azure with them.
 */
const NOT_PUBLIC = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/4",
  "240.0.0.0/4",
].map((text) => parseCidr(text));

/** True when the text is an IPv4 address that clients on the internet can connect to. */
export function isPublicIpv4(text: string): boolean {
  const value = parseIpv4(text);
  return (
    value !== undefined &&
    !NOT_PUBLIC.some((block) => block !== undefined && cidrContains(block, value))
  );
}
