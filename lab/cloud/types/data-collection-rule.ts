/** Data collection rules, and their associations with machines. */
import { ArmError } from "../errors.ts";
import { guidOf } from "../identifiers.ts";
import { dataCollectionRuleName } from "../names.ts";
import { groupProperties, inGroup, withoutPlace } from "../placement.ts";
import {
  DATA_COLLECTION_RULE,
  etagOf,
  existingResource,
  VIRTUAL_MACHINE,
  WORKSPACE,
} from "../references.ts";
import type { PutRequest, ResourceType } from "../resource-type.ts";
import { choice, object, objects, recorded, required, text, texts, whole } from "../shapes.ts";
import {
  at,
  isBetween,
  listAt,
  textAt,
  type OptionalProperties,
  type Properties,
} from "../values.ts";

const FACILITIES = [
  ...["alert", "audit", "auth", "authpriv", "clock", "cron", "daemon", "ftp", "kern"],
  ...["local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
  ...["lpr", "mail", "mark", "news", "nopri", "ntp", "syslog", "user", "uucp", "*"],
];
const LEVELS = [
  ...["Debug", "Info", "Notice", "Warning", "Error", "Critical", "Alert", "Emergency", "*"],
];
/** Seconds between two samples of a counter. */
const SAMPLING_SECONDS = { least: 1, most: 1800 };

const invalid = (details: string): ArmError =>
  new ArmError("InvalidPayload", `Data collection rule is invalid: ${details}`);

function put({ id, inputs, state }: PutRequest): OptionalProperties {
  const destinations = listAt(inputs, "destinations", "logAnalytics");
  for (const destination of destinations) {
    const workspace = textAt(destination, "workspaceResourceId") ?? "";
    existingResource(state, workspace, [WORKSPACE]);
  }
  const known = destinations.map((destination) => textAt(destination, "name"));
  refuseSources(inputs);
  for (const flow of listAt(inputs, "dataFlows")) {
    const missing = listAt(flow, "destinations").find((name) => !known.includes(String(name)));
    if (missing !== undefined) {
      throw invalid(`'dataFlows' refers to the unknown destination '${String(missing)}'.`);
    }
  }
  return {
    ...withoutPlace(inputs, "dataCollectionRuleName"),
    immutableId: `dcr-${guidOf(id).replaceAll("-", "")}`,
    etag: etagOf(inputs),
    provisioningState: "Succeeded",
  };
}

function refuseSources(inputs: Properties): void {
  for (const source of listAt(inputs, "dataSources", "syslog")) {
    const facilities = listAt(source, "facilityNames");
    const levels = listAt(source, "logLevels");
    const wrong =
      facilities.find((name) => !FACILITIES.includes(String(name))) ??
      levels.find((name) => !LEVELS.includes(String(name)));
    if (wrong !== undefined) throw invalid(`syslog has no '${String(wrong)}'.`);
  }
  for (const counter of listAt(inputs, "dataSources", "performanceCounters")) {
    const { least, most } = SAMPLING_SECONDS;
    if (!isBetween(at(counter, "samplingFrequencyInSeconds"), SAMPLING_SECONDS)) {
      throw invalid(`'samplingFrequencyInSeconds' is from ${String(least)} to ${String(most)}.`);
    }
    const specifiers = listAt(counter, "counterSpecifiers");
    const wrong = specifiers.find((text) => !/^\\?[^\\]+\\[^\\]+$/.test(String(text)));
    if (wrong !== undefined) throw invalid(`'${String(wrong)}' is not a counter.`);
  }
}

export const dataCollectionRule: ResourceType = {
  token: DATA_COLLECTION_RULE,
  ...inGroup("Microsoft.Insights/dataCollectionRules", {
    property: "dataCollectionRuleName",
    auto: "random",
    rule: dataCollectionRuleName,
  }),
  apiVersion: "2022-06-01",
  properties: {
    ...groupProperties("dataCollectionRuleName"),
    kind: recorded(choice(["Linux"], ["Windows"])),
    description: recorded(text()),
    dataSources: object({
      syslog: objects({
        name: required(text()),
        streams: required(texts()),
        facilityNames: required(texts()),
        logLevels: required(texts()),
      }),
      performanceCounters: objects({
        name: required(text()),
        streams: required(texts()),
        samplingFrequencyInSeconds: required(whole()),
        counterSpecifiers: required(texts()),
      }),
    }),
    dataFlows: objects({ streams: required(texts()), destinations: required(texts()) }),
    destinations: object({
      logAnalytics: objects({ name: required(text()), workspaceResourceId: required(text()) }),
    }),
  },
  replacedBy: ["location"],
  network: false,
  computed: [],
  put,
};

const machineOf = (inputs: Properties): string => textAt(inputs, "resourceUri") ?? "";

export const dataCollectionRuleAssociation: ResourceType = {
  token: "azure-native:monitor:DataCollectionRuleAssociation",
  armType: "Microsoft.Insights/dataCollectionRuleAssociations",
  apiVersion: "2022-06-01",
  naming: { property: "associationName", auto: "random", rule: dataCollectionRuleName },
  parents: ["resourceUri"],
  id: (inputs) =>
    `${machineOf(inputs)}/providers/Microsoft.Insights/dataCollectionRuleAssociations/${textAt(inputs, "associationName") ?? ""}`,
  parentId: machineOf,
  properties: {
    resourceUri: required(text()),
    associationName: text(),
    dataCollectionRuleId: text(),
    description: recorded(text()),
  },
  replacedBy: [],
  network: false,
  computed: [],
  put: ({ inputs, state }) => {
    existingResource(state, machineOf(inputs), [VIRTUAL_MACHINE]);
    const rule = textAt(inputs, "dataCollectionRuleId") ?? "";
    existingResource(state, rule, [DATA_COLLECTION_RULE]);
    return {
      dataCollectionRuleId: rule,
      description: inputs["description"],
      etag: etagOf(inputs),
      provisioningState: "Succeeded",
    };
  },
};
