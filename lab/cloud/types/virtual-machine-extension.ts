/** VM extensions that the lab knows by name. It installs none of them. */
import { ArmError, NotSimulated } from "../errors.ts";
import { extensionName } from "../names.ts";
import { inside } from "../placement.ts";
import type { PutRequest, ResourceType } from "../resource-type.ts";
import { anything, flag, map, recorded, required, text, texts } from "../shapes.ts";
import { isWithin, sameId } from "../identifiers.ts";
import { textAt, type OptionalProperties, type Properties } from "../values.ts";
import { virtualMachine } from "./virtual-machine.ts";

const TOKEN = "azure-native:compute:VirtualMachineExtension";

/** Publisher and type. */
const KNOWN = [
  "Microsoft.Azure.Monitor/AzureMonitorLinuxAgent",
  "Microsoft.Azure.KeyVault/KeyVaultForLinux",
  "Microsoft.OSTCExtensions/VMAccessForLinux",
];

const kindOf = (inputs: Properties): string =>
  `${textAt(inputs, "publisher") ?? ""}/${textAt(inputs, "type") ?? ""}`;

function put({ id, inputs, state }: PutRequest): OptionalProperties {
  const kind = kindOf(inputs);
  if (!KNOWN.includes(kind)) throw new NotSimulated(TOKEN, "type", `the extension ${kind}`);
  if (!/^\d+\.\d+$/.test(textAt(inputs, "typeHandlerVersion") ?? "")) {
    throw new ArmError(
      "InvalidParameter",
      `The value of parameter typeHandlerVersion is invalid: write major.minor.`,
    );
  }
  const twin = state
    .ofType(TOKEN)
    .find(
      (other) =>
        !sameId(other.id, id) &&
        isWithin(other.id, virtualMachine.id(inputs)) &&
        kindOf(other.inputs) === kind,
    );
  if (twin !== undefined) {
    throw new ArmError(
      "BadRequest",
      `Multiple VMExtensions per handler not supported for OS type 'Linux'. VMExtension '${twin.name}' with handler '${kind.replace("/", ".")}' already added or specified in input.`,
    );
  }
  const { publisher, type, typeHandlerVersion, settings } = inputs;
  return {
    publisher,
    type,
    typeHandlerVersion,
    settings,
    autoUpgradeMinorVersion: inputs["autoUpgradeMinorVersion"],
    enableAutomaticUpgrade: inputs["enableAutomaticUpgrade"],
    provisioningState: "Succeeded",
  };
}

export const virtualMachineExtension: ResourceType = {
  token: TOKEN,
  ...inside(virtualMachine, "extensions", {
    property: "vmExtensionName",
    auto: "random",
    rule: extensionName,
  }),
  apiVersion: "2024-11-01",
  properties: {
    resourceGroupName: required(text()),
    vmName: required(text()),
    vmExtensionName: text(),
    location: required(text()),
    tags: map(),
    publisher: required(text()),
    type: required(text()),
    typeHandlerVersion: required(text()),
    autoUpgradeMinorVersion: recorded(flag()),
    enableAutomaticUpgrade: recorded(flag()),
    settings: recorded(anything()),
    protectedSettings: recorded(anything()),
    provisionAfterExtensions: recorded(texts()),
  },
  replacedBy: ["location"],
  network: false,
  computed: [],
  writeOnly: ["protectedSettings"],
  put,
};
