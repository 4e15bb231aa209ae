/** Log Analytics workspaces. No record ever arrives in the lab: alerts are declared, not asked. */
import { ArmError } from "../errors.ts";
import { guidOf } from "../identifiers.ts";
import { workspaceName } from "../names.ts";
import { groupProperties, inGroup } from "../placement.ts";
import { WORKSPACE } from "../references.ts";
import type { ResourceType } from "../resource-type.ts";
import { choice, flag, object, recorded, required, whole } from "../shapes.ts";
import { isBetween, textAt } from "../values.ts";

/** Days of retention that the pay-as-you-go tier takes. */
const RETENTION_DAYS = { least: 30, most: 730, fallback: 30 };

export const workspace: ResourceType = {
  token: WORKSPACE,
  ...inGroup("Microsoft.OperationalInsights/workspaces", {
    property: "workspaceName",
    auto: "random",
    rule: workspaceName,
  }),
  apiVersion: "2023-09-01",
  properties: {
    ...groupProperties("workspaceName"),
    sku: object({
      name: required(
        choice(
          ["PerGB2018"],
          ["CapacityReservation", "Free", "LACluster", "PerNode", "Premium", "Standalone"],
        ),
      ),
    }),
    retentionInDays: whole(),
    features: recorded(
      object({ disableLocalAuth: flag(), enableLogAccessUsingOnlyResourcePermissions: flag() }),
    ),
    workspaceCapping: recorded(object({ dailyQuotaGb: whole() })),
    publicNetworkAccessForIngestion: recorded(choice(["Enabled", "Disabled"])),
    publicNetworkAccessForQuery: recorded(choice(["Enabled", "Disabled"])),
  },
  replacedBy: ["location"],
  network: false,
  computed: [],
  put: ({ id, inputs }) => {
    const { least, most, fallback } = RETENTION_DAYS;
    const days = inputs["retentionInDays"] ?? fallback;
    if (!isBetween(days, RETENTION_DAYS)) {
      throw new ArmError(
        "InvalidParameter",
        `'RetentionInDays' property doesn't match the SKU limits: ${String(least)} to ${String(most)} days.`,
      );
    }
    return {
      customerId: guidOf(id),
      sku: { name: textAt(inputs, "sku", "name") ?? "PerGB2018" },
      retentionInDays: days,
      features: inputs["features"],
      workspaceCapping: inputs["workspaceCapping"],
      publicNetworkAccessForIngestion: inputs["publicNetworkAccessForIngestion"] ?? "Enabled",
      publicNetworkAccessForQuery: inputs["publicNetworkAccessForQuery"] ?? "Enabled",
      provisioningState: "Succeeded",
    };
  },
};
