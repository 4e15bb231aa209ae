/** A name of one's own for the server, in a given DNS zone. */
import { RecordSet } from "@pulumi/azure-native/dns/recordSet.js";
import type { PublicIPAddress } from "@pulumi/azure-native/network/publicIPAddress.js";
import { parseResourceId } from "#contract";
import type { StackContext } from "./stack-context.ts";

/** Seconds for which resolvers may remember the record. */
const TTL_SECONDS = 300;

/** An alias record: it follows the address, and Azure empties it when the address goes. */
export function createDnsRecord(
  { settings, named, parent }: StackContext,
  publicIpAddress: PublicIPAddress,
): void {
  const zone = parseResourceId(settings.dns.zoneId);
  if (zone === undefined) return;
  new RecordSet(
    named("dns-record"),
    {
      resourceGroupName: zone.resourceGroup,
      zoneName: zone.names.at(-1) ?? "",
      relativeRecordSetName: settings.dns.recordName,
      recordType: "A",
      ttl: TTL_SECONDS,
      targetResource: { id: publicIpAddress.id },
    },
    { parent },
  );
}
