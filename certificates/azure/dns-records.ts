/** TXT record sets of Azure DNS. The stack makes and removes them; the agent fills them in. */
import { CHALLENGE_RECORD } from "#contract";
import type { Azure } from "./azure.ts";
import { CertificateError } from "../errors.ts";

const API_VERSION = "2018-05-01";

/**
 * Replaces the values of a record set.
 * https://learn.microsoft.com/rest/api/dns/record-sets/create-or-update
 */
export async function putTextRecords(
  azure: Azure,
  management: string,
  recordSetId: string,
  values: readonly string[],
): Promise<void> {
  const { status } = await azure.call({
    audience: `${management}/`,
    method: "PUT",
    url: `${management}${recordSetId}?api-version=${API_VERSION}`,
    body: {
      properties: {
        TTL: CHALLENGE_RECORD.ttlSeconds,
        TXTRecords: values.map((value) => ({ value: [value] })),
      },
    },
    kind: "dns",
    what: `writing ${recordSetId}`,
    fix: "check acme.zoneId, and that the machine's identity holds DNS Zone Contributor on the record set",
  });
  if (status === 404) {
    throw new CertificateError(
      "dns",
      `writing ${recordSetId}: the zone does not exist`,
      "check acme.zoneId",
    );
  }
}
