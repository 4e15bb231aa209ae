import { expect, test } from "vitest";
import { planListenAddresses } from "../../../server/data/listen-addresses.ts";

test.each([
  [["127.0.0.1"], ["127.0.0.1"]],
  [["127.0.0.1", "127.0.0.1"], ["127.0.0.1"]],
  [["::"], ["::"]],
  // The wildcard address covers the others, and the kernel refuses them beside it.
  [["127.0.0.1", "::", "::1"], ["::"]],
  [
    ["0.0.0.0", "10.0.0.4", "::1"],
    ["0.0.0.0", "::1"],
  ],
  [
    ["::", "0.0.0.0", "10.0.0.4"],
    [":: only", "0.0.0.0"],
  ],
])("%j are bound as %j", (addresses, bound) => {
  const planned = planListenAddresses(addresses);
  expect(planned.map(({ address, ipv6Only }) => address + (ipv6Only ? " only" : ""))).toEqual(
    bound,
  );
});
