/** Addresses on the wire: PORT, EPRT, EPSV and the replies 227 and 229 (RFC 959, RFC 2428). */
import { isIPv4, isIPv6 } from "node:net";

/** Where a data connection goes. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** The argument of PORT, `h1,h2,h3,h4,p1,p2`; undefined when malformed. */
export function parseHostPort(argument: string): Endpoint | undefined {
  const parts = argument.trim().split(",");
  if (parts.length !== 6) return undefined;
  if (parts.some((part) => !/^\d{1,3}$/u.test(part) || Number(part) > 255)) return undefined;
  const [a, b, c, d, high, low] = parts.map(Number);
  return {
    address: [a, b, c, d].map(String).join("."),
    port: (high ?? 0) * 256 + (low ?? 0),
  };
}

export function formatHostPort({ address, port }: Endpoint): string {
  return [...address.split("."), String(port >> 8), String(port & 255)].join(",");
}

/** Network protocols of EPRT and EPSV: 1 is IPv4, 2 is IPv6. */
export type NetworkProtocol = 1 | 2;

export type ExtendedHostPort =
  | { readonly kind: "endpoint"; readonly endpoint: Endpoint; readonly protocol: NetworkProtocol }
  | { readonly kind: "protocolUnsupported" }
  | { readonly kind: "malformed" };

/** The argument of EPRT, `<d>protocol<d>address<d>port<d>` with any printable delimiter. */
export function parseExtendedHostPort(argument: string): ExtendedHostPort {
  const text = argument.trim();
  const delimiter = text[0];
  if (delimiter === undefined || !/^[!-/:-~]$/u.test(delimiter)) return { kind: "malformed" };
  const [before, protocol = "", address = "", portText = "", after, ...rest] =
    text.split(delimiter);
  if (before !== "" || after !== "" || rest.length > 0) return { kind: "malformed" };
  if (!/^\d{1,5}$/u.test(protocol) || !/^\d{1,5}$/u.test(portText)) return { kind: "malformed" };
  const port = Number(portText);
  if (port < 1 || port > 65535) return { kind: "malformed" };
  const known = toProtocol(protocol);
  if (known === undefined) return { kind: "protocolUnsupported" };
  if (!(known === 1 ? isIPv4(address) : isIPv6(address) && !address.includes("%"))) {
    return { kind: "malformed" };
  }
  return { kind: "endpoint", endpoint: { address, port }, protocol: known };
}

export function formatExtendedHostPort({ address, port }: Endpoint): string {
  return `|${String(protocolOf(address))}|${address}|${String(port)}|`;
}

export type ExtendedPassiveArgument =
  | { readonly kind: "any" }
  /** EPSV ALL: from now on the client uses nothing else to make data connections. */
  | { readonly kind: "all" }
  | { readonly kind: "protocol"; readonly protocol: NetworkProtocol }
  | { readonly kind: "protocolUnsupported" }
  | { readonly kind: "malformed" };

export function parseExtendedPassive(argument: string | undefined): ExtendedPassiveArgument {
  const text = argument?.trim() ?? "";
  if (text === "") return { kind: "any" };
  if (text.toUpperCase() === "ALL") return { kind: "all" };
  if (!/^\d{1,5}$/u.test(text)) return { kind: "malformed" };
  const protocol = toProtocol(text);
  return protocol === undefined ? { kind: "protocolUnsupported" } : { kind: "protocol", protocol };
}

function toProtocol(text: string): NetworkProtocol | undefined {
  const value = Number(text);
  return value === 1 || value === 2 ? value : undefined;
}

/** The text of a reply to PASV. Clients search for the six numbers in parentheses. */
export function formatPassiveText(endpoint: Endpoint): string {
  return `Entering Passive Mode (${formatHostPort(endpoint)})`;
}

/** The text of a reply to EPSV. */
export function formatExtendedPassiveText(port: number): string {
  return `Entering Extended Passive Mode (|||${String(port)}|)`;
}

/** Protocol of an address without IPv4-mapping. */
export function protocolOf(address: string): NetworkProtocol {
  return isIPv4(address) ? 1 : 2;
}

/** `::ffff:192.0.2.1`, as a listener on `::` reports IPv4 peers, becomes `192.0.2.1`. */
export function unmapAddress(address: string): string {
  // Several ask in a row for the same one, and keep what they get: one text for all of them.
  if (address === lastUnmapped.address) return lastUnmapped.text;
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/iu.exec(address);
  const text = mapped?.[1] ?? address;
  lastUnmapped = { address, text };
  return text;
}

let lastUnmapped = { address: "", text: "" };

/** True when both texts name one address, however IPv6 was abbreviated. */
export function isSameAddress(a: string, b: string): boolean {
  return canonicalAddress(a) === canonicalAddress(b);
}

/** The one text of an address: IPv4 out of its IPv6 mapping, IPv6 abbreviated, without a zone. */
export function canonicalAddress(address: string): string {
  const unmapped = unmapAddress(address);
  if (!isIPv6(unmapped)) return unmapped;
  const host = URL.parse(`http://[${unmapped.replace(/%.*$/u, "")}]`)?.hostname.slice(1, -1);
  // `::ffff:c000:201` is a mapped address too.
  const hex = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/u.exec(host ?? "");
  if (hex === null) return host ?? unmapped;
  return hex
    .slice(1)
    .map((group) => parseInt(group, 16))
    .flatMap((value) => [value >> 8, value & 255])
    .join(".");
}
