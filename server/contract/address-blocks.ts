/**
 * Address blocks of both families, for rules about clients: `203.0.113.7`, `203.0.113.0/24`,
 * `203.0.113.0/255.255.255.0`, `2001:db8::/32` and `*` for everybody.
 *
 * An IPv4-mapped IPv6 address (`::ffff:203.0.113.7`, as a listener on `::` reports it) is the IPv4
 * address, in rules and in clients alike: otherwise a rule could be dodged by the way of arrival.
 */
import { networkOf, parseIpv4 } from "./addresses.ts";

/** An address as number: 32 bits for IPv4, 128 bits for IPv6. */
export interface ClientAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** Addresses that share their first `prefix` bits. */
export interface AddressBlock extends ClientAddress {
  readonly prefix: number;
}

/** Both families, whole. */
export const EVERY_BLOCK: readonly AddressBlock[] = [
  { family: 4, value: 0n, prefix: 0 },
  { family: 6, value: 0n, prefix: 0 },
];

export type ParsedBlocks =
  | { readonly ok: true; readonly blocks: readonly AddressBlock[] }
  | { readonly ok: false; readonly problem: string; readonly fix: string };

const MAPPED_PREFIX = 0xffffn;

/** Reads an address of either family, with or without zone (`fe80::1%eth0`); else undefined. */
export function parseClientAddress(text: string): ClientAddress | undefined {
  const ipv4 = parseIpv4(text);
  if (ipv4 !== undefined) return { family: 4, value: BigInt(ipv4) };
  const zone = text.indexOf("%");
  const value = parseIpv6(zone === -1 ? text : text.slice(0, zone));
  if (value === undefined) return undefined;
  return value >> 32n === MAPPED_PREFIX
    ? { family: 4, value: value & 0xffffffffn }
    : { family: 6, value };
}

/** Reads the eight groups of RFC 4291, 2.2, with `::` and a dotted quad at the end. */
function parseIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [left, right] = halves.map((half, index) => parseGroups(half, index === halves.length - 1));
  if (left === undefined || (halves.length === 2 && right === undefined)) return undefined;
  const given = [...left, ...(right ?? [])];
  const missing = 8 - given.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...left, ...Array.from({ length: missing }, () => 0), ...(right ?? [])];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** A dotted quad may stand for the last two groups of the `last` half only. */
function parseGroups(text: string, last: boolean): readonly number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    const quad = last && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (quad !== undefined) groups.push(quad >>> 16, quad & 0xffff);
    else if (/^[0-9a-f]{1,4}$/iu.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

/** The first address of the block of `prefix` bits that holds `address`. */
export function blockOf(address: ClientAddress, prefix: number): AddressBlock {
  const hostBits = BigInt((address.family === 4 ? 32 : 128) - prefix);
  return { family: address.family, value: (address.value >> hostBits) << hostBits, prefix };
}

export function blockContains(block: AddressBlock, address: ClientAddress): boolean {
  return block.family === address.family && blockOf(address, block.prefix).value === block.value;
}

/** Reads an address, a CIDR block, address/mask or `*`; says what is wrong and how to fix it. */
export function parseAddressBlocks(text: string): ParsedBlocks {
  if (text === "*") return { ok: true, blocks: EVERY_BLOCK };
  const slash = text.indexOf("/");
  const addressText = slash === -1 ? text : text.slice(0, slash);
  const address = parseClientAddress(addressText);
  if (address === undefined || addressText.includes("%")) {
    return {
      ok: false,
      problem: "is not an address or block",
      fix: "write for example 203.0.113.7, 203.0.113.0/24, 203.0.113.0/255.255.255.0, 2001:db8::/32 or *",
    };
  }
  const mapped = address.family === 4 && addressText.includes(":");
  const prefix = slash === -1 ? undefined : parsePrefix(text.slice(slash + 1), address, mapped);
  if (prefix === "invalid") {
    return {
      ok: false,
      problem: `has no valid prefix or mask after ${addressText}`,
      fix:
        address.family === 4
          ? "write a prefix of 0 to 32 bits or a contiguous mask such as 255.255.255.0"
          : "write a prefix of 0 to 128 bits",
    };
  }
  const block = blockOf(address, prefix ?? (address.family === 4 ? 32 : 128));
  if (block.value !== address.value) {
    return {
      ok: false,
      problem: "has bits below its prefix",
      fix: `write the block's first address: ${formatClientAddress(block)}/${String(block.prefix)}`,
    };
  }
  return { ok: true, blocks: [block] };
}

/**
 * The blocks of a text that a schema has accepted.
 *
 * @throws RangeError for any other: a deny rule that silently matches nobody would open the door.
 */
export function addressBlocksOf(text: string): readonly AddressBlock[] {
  const parsed = parseAddressBlocks(text);
  if (!parsed.ok) throw new RangeError(`${text} ${parsed.problem}; ${parsed.fix}`);
  return parsed.blocks;
}

function parsePrefix(text: string, address: ClientAddress, mapped: boolean): number | "invalid" {
  const mask = address.family === 4 ? parseIpv4(text) : undefined;
  if (mask !== undefined) {
    const prefix = Math.clz32(~mask);
    return networkOf(0xffffffff, prefix) === mask ? prefix : "invalid";
  }
  if (!/^\d{1,3}$/u.test(text)) return "invalid";
  // The prefix of a mapped block counts 128 bits, of which the first 96 are always the same.
  const prefix = Number(text) - (mapped ? 96 : 0);
  return prefix >= 0 && prefix <= (address.family === 4 ? 32 : 128) ? prefix : "invalid";
}

/** Writes an address without abbreviation by `::`; stable, for logs and keys. */
export function formatClientAddress({ family, value }: ClientAddress): string {
  return family === 4
    ? [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join(".")
    : [112n, 96n, 80n, 64n, 48n, 32n, 16n, 0n]
        .map((shift) => ((value >> shift) & 0xffffn).toString(16))
        .join(":");
}
