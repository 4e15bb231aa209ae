/** VM extensions that the lab knows by name. It installs none of them. */
import { ArmError, NotSimulated } from "../errors.ts";
import { extensionName } from "../names.ts";
import type { PutRequest, ResourceType } from "../resource-type.ts";
import { anything, flag, map, recorded, required, text, texts } from "../shapes.ts";
import { isWithin } from "../identifiers.ts";
import { textAt, type OptionalProperties } from "../values.ts";
import { machineIdOf } from "./run-command.ts";

const TOKEN = "azure-native:compute:VirtualMachineExtension";

/** Publisher and type. */
const KNOWN = [
  "Microsoft.Azure.Monitor/AzureMonitorLinuxAgent",
  "Microsoft.Azure.KeyVault/KeyVaultForLinux",
  "Microsoft.OSTCExtensions/VMAccessForLinux",
];

const kindOf = (inputs: Parameters<typeof machineIdOf>[0]): string =>
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
        other.id.toLowerCase() !== id.toLowerCase() &&
        isWithin(other.id, machineIdOf(inputs)) &&
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
  armType: "Microsoft.Compute/virtualMachines/extensions",
  apiVersion: "2024-11-01",
  naming: { property: "vmExtensionName", auto: "random", rule: extensionName },
  parents: ["resourceGroupName", "vmName"],
  id: (inputs) => `${machineIdOf(inputs)}/extensions/${textAt(inputs, "vmExtensionName") ?? ""}`,
  parentId: machineIdOf,
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
