/** Bastion hosts. Nobody logs in through one in the lab. */
import { ArmError } from "../errors.ts";
import { nameOf } from "../identifiers.ts";
import { networkName } from "../names.ts";
import { groupProperties, inGroup } from "../placement.ts";
import { etagOf, idAt, PUBLIC_IP_ADDRESS, referenced, SUBNET } from "../references.ts";
import { normalizeRegion } from "../regions.ts";
import type { ResourceType } from "../resource-type.ts";
import { choice, flag, object, objects, recorded, reference, required, text } from "../shapes.ts";
import { listAt, textAt } from "../values.ts";
import { prefixOf } from "./subnet.ts";

/** Azure wants a subnet of this name, and 64 addresses in it. */
const SUBNET_NAME = "AzureBastionSubnet";
const LONGEST_PREFIX = 26;

/** azure-native declares each of them as false when the program does not. */
const SWITCHES = Object.fromEntries(
  [
    "disableCopyPaste",
    "enableFileCopy",
    "enableIpConnect",
    "enableKerberos",
    "enablePrivateOnlyBastion",
    "enableSessionRecording",
    "enableShareableLink",
  ].map((name) => [name, recorded(flag())]),
);

export const bastionHost: ResourceType = {
  token: "azure-native:network:BastionHost",
  ...inGroup("Microsoft.Network/bastionHosts", {
    property: "bastionHostName",
    auto: "random",
    rule: networkName,
  }),
  apiVersion: "2024-05-01",
  properties: {
    ...groupProperties("bastionHostName"),
    sku: object({ name: choice(["Basic", "Standard"], ["Developer", "Premium"]) }),
    enableTunneling: flag(),
    ...SWITCHES,
    ipConfigurations: objects({
      name: required(text()),
      subnet: required(reference()),
      publicIPAddress: required(reference()),
      privateIPAllocationMethod: recorded(choice(["Dynamic"])),
    }),
  },
  replacedBy: ["location"],
  network: false,
  computed: [],
  put: ({ id, inputs, state }) => {
    const region = normalizeRegion(textAt(inputs, "location") ?? "");
    const sku = textAt(inputs, "sku", "name") ?? "Basic";
    if (inputs["enableTunneling"] === true && sku === "Basic") {
      throw new ArmError(
        "BadRequest",
        "Native client support (enableTunneling) needs the SKU Standard or above.",
      );
    }
    for (const configuration of listAt(inputs, "ipConfigurations")) {
      const subnetId = idAt(configuration, "subnet") ?? "";
      const subnet = referenced(state, { id }, { id: subnetId, type: SUBNET });
      const prefix = prefixOf(subnet);
      if (nameOf(subnetId) !== SUBNET_NAME || (prefix?.length ?? 0) > LONGEST_PREFIX) {
        throw new ArmError(
          "BastionSubnetInvalid",
          `Bastion needs a subnet with the name ${SUBNET_NAME} and a prefix of /${String(LONGEST_PREFIX)} or larger; ${subnetId} is not.`,
        );
      }
      const address = idAt(configuration, "publicIPAddress") ?? "";
      referenced(state, { id, region }, { id: address, type: PUBLIC_IP_ADDRESS });
    }
    return {
      etag: etagOf(inputs),
      sku: { name: sku },
      enableTunneling: inputs["enableTunneling"] ?? false,
      ipConfigurations: inputs["ipConfigurations"],
      dnsName: `bst-${id.length.toString(16)}.bastion.azure.com`,
      provisioningState: "Succeeded",
    };
  },
};
