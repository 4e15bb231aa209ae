/** Action groups, metric alerts and scheduled query rules. The lab fires none of them. */
import { ArmError } from "../errors.ts";
import { alertName } from "../names.ts";
import { groupProperties, inGroup, withoutPlace } from "../placement.ts";
import {
  ACTION_GROUP,
  etagOf,
  existingResource,
  VIRTUAL_MACHINE,
  WORKSPACE,
} from "../references.ts";
import type { PutRequest, ResourceType } from "../resource-type.ts";
import {
  choice,
  flag,
  object,
  objects,
  recorded,
  required,
  text,
  texts,
  whole,
} from "../shapes.ts";
import { isBetween, listAt, textAt, type Properties } from "../values.ts";

const LONGEST_SHORT_NAME = 12;

export const actionGroup: ResourceType = {
  token: ACTION_GROUP,
  ...inGroup("Microsoft.Insights/actionGroups", {
    property: "actionGroupName",
    auto: "random",
    rule: alertName,
  }),
  apiVersion: "2024-10-01-preview",
  global: true,
  properties: {
    ...groupProperties("actionGroupName"),
    location: required(recorded(text())),
    groupShortName: required(text()),
    enabled: required(recorded(flag())),
    emailReceivers: objects({
      name: required(text()),
      emailAddress: required(text()),
      useCommonAlertSchema: flag(),
    }),
    webhookReceivers: objects({
      name: required(text()),
      serviceUri: required(text()),
      useCommonAlertSchema: flag(),
    }),
  },
  replacedBy: ["location"],
  network: false,
  computed: [],
  put: ({ inputs }) => {
    const short = textAt(inputs, "groupShortName") ?? "";
    if (short.length < 1 || short.length > LONGEST_SHORT_NAME) {
      throw new ArmError(
        "BadRequest",
        `Group short name '${short}' is invalid: 1 to ${String(LONGEST_SHORT_NAME)} characters.`,
      );
    }
    const receivers = [
      ...listAt(inputs, "emailReceivers"),
      ...listAt(inputs, "webhookReceivers"),
    ].map((receiver) => textAt(receiver, "name")?.toLowerCase());
    if (new Set(receivers).size < receivers.length) {
      throw new ArmError("BadRequest", "Receiver names must be unique within an action group.");
    }
    return withoutPlace(inputs, "actionGroupName");
  },
};

/** Minutes of the ISO 8601 durations that alerts take. */
const MINUTES: ReadonlyMap<string, number> = new Map([
  ["PT1M", 1],
  ["PT5M", 5],
  ["PT10M", 10],
  ["PT15M", 15],
  ["PT30M", 30],
  ["PT45M", 45],
  ["PT1H", 60],
  ["PT2H", 120],
  ["PT3H", 180],
  ["PT4H", 240],
  ["PT5H", 300],
  ["PT6H", 360],
  ["P1D", 1440],
  ["P2D", 2880],
]);
/** Those among them that a metric alert takes too. */
const METRIC_WINDOWS = ["PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "P1D"];
const SEVERITY = { least: 0, most: 4 };

function refuseTiming(inputs: Properties, windows: readonly string[]): void {
  const frequency = textAt(inputs, "evaluationFrequency") ?? "";
  const window = textAt(inputs, "windowSize") ?? "";
  const [often, long] = [MINUTES.get(frequency), MINUTES.get(window)];
  if (often === undefined || long === undefined || often > long || !windows.includes(window)) {
    throw new ArmError(
      "InvalidAlertWindow",
      `windowSize '${window}' with evaluationFrequency '${frequency}' is not supported: one of ${windows.join(", ")}, and not shorter than the frequency.`,
    );
  }
  if (!isBetween(inputs["severity"], SEVERITY)) {
    throw new ArmError("BadRequest", `The severity must be from 0 to 4.`);
  }
}

function refuseReferences(
  { state }: PutRequest,
  scopes: { readonly ids: readonly unknown[]; readonly types: readonly string[] },
  groups: readonly unknown[],
): void {
  for (const id of scopes.ids) existingResource(state, String(id), scopes.types);
  for (const id of groups) existingResource(state, String(id), [ACTION_GROUP]);
}

const timing = {
  description: recorded(text()),
  enabled: recorded(flag()),
  severity: whole(),
  scopes: required(texts()),
  evaluationFrequency: required(text()),
  windowSize: required(text()),
  autoMitigate: recorded(flag()),
};

const operator = required(
  choice(["Equals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual"]),
);
const timeAggregation = required(choice(["Average", "Count", "Maximum", "Minimum", "Total"]));

export const metricAlert: ResourceType = {
  token: "azure-native:monitor:MetricAlert",
  ...inGroup("Microsoft.Insights/metricAlerts", {
    property: "ruleName",
    auto: "random",
    rule: alertName,
  }),
  apiVersion: "2018-03-01",
  global: true,
  properties: {
    ...groupProperties("ruleName"),
    location: required(recorded(text())),
    ...timing,
    criteria: required(
      object({
        odataType: required(
          choice(
            ["Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"],
            [
              "Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria",
              "Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria",
            ],
          ),
        ),
        allOf: objects({
          criterionType: required(choice(["StaticThresholdCriterion"])),
          name: required(text()),
          metricName: required(choice(["VmAvailabilityMetric"])),
          metricNamespace: choice(["Microsoft.Compute/virtualMachines"]),
          timeAggregation,
          operator,
          threshold: required(whole()),
        }),
      }),
    ),
    actions: objects({ actionGroupId: required(text()) }),
  },
  replacedBy: ["location"],
  network: false,
  computed: [],
  put: (request) => {
    const { inputs } = request;
    refuseTiming(inputs, METRIC_WINDOWS);
    const ids = listAt(inputs, "scopes");
    const groups = listAt(inputs, "actions").map((action) => textAt(action, "actionGroupId"));
    refuseReferences(request, { ids, types: [VIRTUAL_MACHINE] }, groups);
    return withoutPlace(inputs, "ruleName");
  },
};

export const scheduledQueryRule: ResourceType = {
  token: "azure-native:monitor:ScheduledQueryRule",
  ...inGroup("Microsoft.Insights/scheduledQueryRules", {
    property: "ruleName",
    auto: "random",
    rule: alertName,
  }),
  apiVersion: "2025-01-01-preview",
  properties: {
    ...groupProperties("ruleName"),
    kind: choice(["LogAlert"], ["EventLogAlert", "LogToMetric", "SimpleLogAlert"]),
    displayName: recorded(text()),
    ...timing,
    criteria: required(
      object({
        allOf: required(
          objects({
            query: required(text()),
            operator,
            threshold: required(whole()),
            timeAggregation,
            metricMeasureColumn: text(),
            failingPeriods: object({
              numberOfEvaluationPeriods: required(whole()),
              minFailingPeriodsToAlert: required(whole()),
            }),
          }),
        ),
      }),
    ),
    actions: object({ actionGroups: required(texts()) }),
  },
  replacedBy: ["location", "kind"],
  network: false,
  computed: [],
  put: (request) => {
    const { inputs } = request;
    refuseTiming(inputs, [...MINUTES.keys()]);
    for (const condition of listAt(inputs, "criteria", "allOf")) {
      const counts = textAt(condition, "timeAggregation") === "Count";
      if (counts === (textAt(condition, "metricMeasureColumn") !== undefined)) {
        throw new ArmError(
          "BadRequest",
          "metricMeasureColumn belongs to every aggregation but Count.",
        );
      }
    }
    const groups = listAt(inputs, "actions", "actionGroups");
    refuseReferences(request, { ids: listAt(inputs, "scopes"), types: [WORKSPACE] }, groups);
    return { ...withoutPlace(inputs, "ruleName"), etag: etagOf(inputs) };
  },
};
