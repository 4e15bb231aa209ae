/** What counts as one client where clients are counted. */
import { isIPv4 } from "node:net";
import { blockOf, formatClientAddress, parseClientAddress } from "#contract";

/** One customer of a provider usually holds a whole IPv6 block of this length (RFC 6177). */
const IPV6_CLIENT_PREFIX = 64;

/**
 * The key of a client's address: an IPv4 address (mapped or not) counts by itself, IPv6 by its
 * first 64 bits, within which a single client can take as many addresses as it likes.
 */
export function clientKey(address: string): string {
  if (isIPv4(address)) return address;
  const parsed = parseClientAddress(address);
  if (parsed === undefined) return address;
  return parsed.family === 4
    ? formatClientAddress(parsed)
    : `${formatClientAddress(blockOf(parsed, IPV6_CLIENT_PREFIX))}/${String(IPV6_CLIENT_PREFIX)}`;
}
