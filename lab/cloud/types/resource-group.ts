/** Resource groups. Deleting one deletes everything in it. */
import { resourceGroupId } from "../identifiers.ts";
import { resourceGroupName } from "../names.ts";
import type { ResourceType } from "../resource-type.ts";
import { map, required, text } from "../shapes.ts";
import { textAt } from "../values.ts";

export const resourceGroup: ResourceType = {
  token: "azure-native:resources:ResourceGroup",
  armType: "Microsoft.Resources/resourceGroups",
  apiVersion: "2024-03-01",
  naming: { property: "resourceGroupName", auto: "random", rule: resourceGroupName },
  parents: [],
  id: (inputs) => resourceGroupId(textAt(inputs, "resourceGroupName") ?? ""),
  properties: { resourceGroupName: text(), location: required(text()), tags: map() },
  replacedBy: ["location"],
  network: false,
  computed: [],
  put: () => ({ properties: { provisioningState: "Succeeded" } }),
};
