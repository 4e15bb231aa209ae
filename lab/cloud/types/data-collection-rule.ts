/** Data collection rules, and their associations with machines. */
import { ArmError } from "../errors.ts";
import { guidOf } from "../identifiers.ts";
import { dataCollectionRuleName } from "../names.ts";
import {
  DATA_COLLECTION_RULE,
  etagOf,
  existingResource,
  idIn,
  VIRTUAL_MACHINE,
  WORKSPACE,
} from "../references.ts";
import type { PutRequest, ResourceType } from "../resource-type.ts";
import { choice, map, object, objects, recorded, required, text, texts, whole } from "../shapes.ts";
import { listAt, textAt, type OptionalProperties, type Properties } from "../values.ts";

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
  refuseLists(inputs);
  for (const flow of listAt(inputs, "dataFlows")) {
    const missing = listAt(flow, "destinations").find((name) => !known.includes(String(name)));
    if (missing !== undefined) {
      throw invalid(`'dataFlows' refers to the unknown destination '${String(missing)}'.`);
    }
  }
  for (const counter of listAt(inputs, "dataSources", "performanceCounters")) {
    const specifiers = listAt(counter, "counterSpecifiers");
    const wrong = specifiers.find((text) => !/^\\?[^\\]+\\[^\\]+$/.test(String(text)));
    if (wrong !== undefined) throw invalid(`'${String(wrong)}' is not a counter.`);
  }
  return {
    ...inputs,
    resourceGroupName: undefined,
    dataCollectionRuleName: undefined,
    immutableId: `dcr-${guidOf(id).replaceAll("-", "")}`,
    etag: etagOf(inputs),
    provisioningState: "Succeeded",
  };
}

function refuseLists(inputs: Properties): void {
  for (const source of listAt(inputs, "dataSources", "syslog")) {
    const facilities = listAt(source, "facilityNames");
    const levels = listAt(source, "logLevels");
    const wrong =
      facilities.find((name) => !FACILITIES.includes(String(name))) ??
      levels.find((name) => !LEVELS.includes(String(name)));
    if (wrong !== undefined) throw invalid(`syslog has no '${String(wrong)}'.`);
  }
  for (const counter of listAt(inputs, "dataSources", "performanceCounters")) {
    const seconds = Number(Object(counter)["samplingFrequencyInSeconds"]);
    const { least, most } = SAMPLING_SECONDS;
    if (!(seconds >= least && seconds <= most)) {
      throw invalid(`'samplingFrequencyInSeconds' is from ${String(least)} to ${String(most)}.`);
    }
  }
}

export const dataCollectionRule: ResourceType = {
  token: DATA_COLLECTION_RULE,
  armType: "Microsoft.Insights/dataCollectionRules",
  apiVersion: "2022-06-01",
  naming: { property: "dataCollectionRuleName", auto: "random", rule: dataCollectionRuleName },
  parents: ["resourceGroupName"],
  id: idIn("Microsoft.Insights/dataCollectionRules", "dataCollectionRuleName"),
  properties: {
    resourceGroupName: required(text()),
    dataCollectionRuleName: text(),
    location: required(text()),
    tags: map(),
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
