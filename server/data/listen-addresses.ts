/** What to bind for the addresses of the settings. */
import { isIPv4 } from "node:net";

export interface ListenAddress {
  readonly address: string;
  /** `::` covers IPv4 too, unless 0.0.0.0 is listened on as well. */
  readonly ipv6Only: boolean;
}

const ALL_IPV4 = "0.0.0.0";
const ALL = "::";

/** Each address once, without those that a wildcard address covers: the kernel refuses them beside it. */
export function planListenAddresses(addresses: readonly string[]): readonly ListenAddress[] {
  const all = new Set(addresses);
  const hasIpv4 = all.has(ALL_IPV4);
  const hasIpv6 = all.has(ALL);
  return [...all].flatMap((address) => {
    if (address === ALL) return { address, ipv6Only: hasIpv4 };
    if (address === ALL_IPV4) return { address, ipv6Only: false };
    const covered = hasIpv6 || (hasIpv4 && isIPv4(address));
    return covered ? [] : { address, ipv6Only: false };
  });
}
