/** Public DNS zones, with A and TXT records in them. */
import { ArmError } from "../errors.ts";
import { dnsZoneName, recordSetName } from "../names.ts";
import { groupProperties, inGroup } from "../placement.ts";
import { etagOf, idAt, PUBLIC_IP_ADDRESS, referenced } from "../references.ts";
import type { ResourceType } from "../resource-type.ts";
import {
  choice,
  map,
  objects,
  recorded,
  reference,
  required,
  text,
  texts,
  whole,
} from "../shapes.ts";
import { listAt, textAt } from "../values.ts";

const NAME_SERVERS = [1, 2].map((index) => `ns${String(index)}-01.azure-dns.example.`);

export const dnsZone: ResourceType = {
  token: "azure-native:dns:Zone",
  ...inGroup("Microsoft.Network/dnszones", {
    property: "zoneName",
    auto: "copy",
    rule: dnsZoneName,
  }),
  apiVersion: "2023-07-01-preview",
  global: true,
  properties: {
    ...groupProperties("zoneName"),
    location: recorded(choice(["global"])),
    zoneType: recorded(choice(["Public"], ["Private"])),
  },
  replacedBy: ["location"],
  network: false,
  computed: [],
  put: ({ inputs }) => ({
    etag: etagOf(inputs),
    zoneType: "Public",
    nameServers: NAME_SERVERS,
    numberOfRecordSets: 2,
  }),
};

export const recordSet: ResourceType = {
  token: "azure-native:dns:RecordSet",
  armType: "Microsoft.Network/dnszones/A",
  apiVersion: "2023-07-01-preview",
  naming: { property: "relativeRecordSetName", auto: "copy", rule: recordSetName },
  parents: ["resourceGroupName", "zoneName", "recordType"],
  id: (inputs) =>
    `${dnsZone.id(inputs)}/${textAt(inputs, "recordType") ?? ""}/${textAt(inputs, "relativeRecordSetName") ?? ""}`,
  parentId: dnsZone.id,
  properties: {
    resourceGroupName: required(text()),
    zoneName: required(text()),
    relativeRecordSetName: text(),
    recordType: required(
      choice(
        ["A", "TXT"],
        ["AAAA", "CAA", "CNAME", "DS", "MX", "NAPTR", "NS", "PTR", "SRV", "TLSA"],
      ),
    ),
    ttl: whole(),
    metadata: recorded(map()),
    aRecords: objects({ ipv4Address: required(text()) }),
    txtRecords: objects({ value: required(texts()) }),
    targetResource: reference(),
  },
  replacedBy: [],
  network: false,
  computed: [],
  put: ({ id, inputs, state }) => {
    const target = idAt(inputs, "targetResource");
    const records = [...listAt(inputs, "aRecords"), ...listAt(inputs, "txtRecords")];
    if ((target === undefined) === (records.length === 0)) {
      throw new ArmError(
        "BadRequest",
        "A record set has either records or a target resource, not both and not neither.",
      );
    }
    if (target !== undefined) referenced(state, { id }, { id: target, type: PUBLIC_IP_ADDRESS });
    const zone = textAt(inputs, "zoneName") ?? "";
    const name = textAt(inputs, "relativeRecordSetName") ?? "@";
    return {
      etag: etagOf(inputs),
      fqdn: name === "@" ? `${zone}.` : `${name}.${zone}.`,
      ttl: inputs["ttl"],
      aRecords: inputs["aRecords"],
      txtRecords: inputs["txtRecords"],
      targetResource: target === undefined ? undefined : { id: target },
      provisioningState: "Succeeded",
    };
  },
};
