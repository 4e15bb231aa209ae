/** The watch: logs and counters of the machine in a workspace, and alerts over them. */
import type { UserAssignedIdentity } from "@pulumi/azure-native/managedidentity/userAssignedIdentity.js";
import { ActionGroup } from "@pulumi/azure-native/monitor/actionGroup.js";
import { DataCollectionRule } from "@pulumi/azure-native/monitor/dataCollectionRule.js";
import { DataCollectionRuleAssociation } from "@pulumi/azure-native/monitor/dataCollectionRuleAssociation.js";
import { MetricAlert } from "@pulumi/azure-native/monitor/metricAlert.js";
import { ScheduledQueryRule } from "@pulumi/azure-native/monitor/scheduledQueryRule.js";
import { Workspace } from "@pulumi/azure-native/operationalinsights/workspace.js";
import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "#contract";
import { planAlerts, type PlannedAlert } from "../plan/alerts.ts";
import { missingAlertReceiver } from "../plan/configuration.ts";
import { LOG_COLLECTION } from "../plan/log-collection.ts";
import type { Delivery } from "./delivery.ts";
import { installExtension } from "./extension.ts";
import type { StackMachine } from "./machine.ts";
import type { StackContext } from "./stack-context.ts";

export interface MonitoringParts {
  readonly machine: StackMachine;
  readonly identity: UserAssignedIdentity;
  readonly delivery: Delivery;
  /** Extensions that are installed before: Azure changes one thing on a machine at a time. */
  readonly after: readonly pulumi.Resource[];
  /** Secret address that is told of alerts, besides the e-mail addresses of the settings. */
  readonly webhookUri: pulumi.Output<string> | undefined;
}

/**
 * To be asked before anything is created.
 *
 * @throws ContractError when alerts are on in production and nobody would be told.
 */
export function requireAlertReceiver(
  { environment, monitoring }: Settings,
  stack: string,
  webhookUri: pulumi.Output<string> | undefined,
): void {
  const told = monitoring.emailAddresses.length > 0 || webhookUri !== undefined;
  if (environment === "prod" && monitoring.enabled && !told) throw missingAlertReceiver(stack);
}

export function createMonitoring(context: StackContext, parts: MonitoringParts): void {
  if (!context.settings.monitoring.enabled) return;
  const workspaceId = workspaceOf(context);
  collectLogs(context, parts, workspaceId);
  createAlerts(context, parts, workspaceId);
}

function workspaceOf(context: StackContext): pulumi.Output<string> {
  const { settings, names, tags, location, resourceGroupName, named, parent } = context;
  const { workspaceId, retentionDays } = settings.monitoring;
  if (workspaceId !== "") return pulumi.output(workspaceId);
  return new Workspace(
    named("workspace"),
    {
      resourceGroupName,
      location,
      tags,
      workspaceName: names.workspace,
      sku: { name: "PerGB2018" },
      retentionInDays: retentionDays,
      // Records come from agents that show an identity; shared keys open nothing.
      features: { disableLocalAuth: true, enableLogAccessUsingOnlyResourcePermissions: true },
    },
    { parent },
  ).id;
}

function collectLogs(
  context: StackContext,
  { machine, identity, delivery, after }: MonitoringParts,
  workspaceId: pulumi.Output<string>,
): void {
  const { names, tags, location, resourceGroupName, named, parent } = context;
  const { dataSources, dataFlows, destinationName } = LOG_COLLECTION;
  const rule = new DataCollectionRule(
    named("logs"),
    {
      resourceGroupName,
      location,
      tags,
      dataCollectionRuleName: names.dataCollectionRule,
      kind: "Linux",
      description: "Records of the FTP server and counters of its machine.",
      dataSources,
      dataFlows,
      destinations: {
        logAnalytics: [{ name: destinationName, workspaceResourceId: workspaceId }],
      },
    },
    { parent },
  );
  const association = new DataCollectionRuleAssociation(
    named("logs-of-machine"),
    {
      resourceUri: machine.virtualMachine.id,
      associationName: names.dataCollectionRule,
      dataCollectionRuleId: rule.id,
      description: "What the agent on the machine collects.",
    },
    { parent },
  );
  installExtension(
    context,
    machine,
    "monitor-agent",
    {
      publisher: "Microsoft.Azure.Monitor",
      type: "AzureMonitorLinuxAgent",
      typeHandlerVersion: "1.33",
      enableAutomaticUpgrade: true,
      settings: {
        authentication: {
          managedIdentity: { "identifier-name": "mi_res_id", "identifier-value": identity.id },
        },
      },
    },
    [association, delivery.runCommand, ...after],
  );
}

function createAlerts(
  context: StackContext,
  { machine, webhookUri }: MonitoringParts,
  workspaceId: pulumi.Output<string>,
): void {
  const {
    settings,
    base,
    names,
    tags,
    location,
    resourceGroupId,
    resourceGroupName,
    named,
    parent,
  } = context;
  const actionGroup = new ActionGroup(
    named("alert-receivers"),
    {
      resourceGroupName,
      location: "Global",
      tags,
      actionGroupName: names.actionGroup,
      // What e-mails and text messages call the sender.
      groupShortName: "gangway",
      enabled: true,
      emailReceivers: settings.monitoring.emailAddresses.map((emailAddress) => ({
        name: emailAddress,
        emailAddress,
        useCommonAlertSchema: true,
      })),
      webhookReceivers:
        webhookUri === undefined
          ? []
          : [{ name: "webhook", serviceUri: webhookUri, useCommonAlertSchema: true }],
    },
    { parent },
  );
  new MetricAlert(
    named("alert-machine"),
    {
      resourceGroupName,
      location: "global",
      tags,
      ruleName: `${base}-machine`,
      description: "Azure says that the machine is not available.",
      severity: 1,
      enabled: true,
      scopes: [machine.virtualMachine.id],
      evaluationFrequency: "PT1M",
      windowSize: "PT5M",
      autoMitigate: true,
      criteria: {
        odataType: "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
        allOf: [
          {
            criterionType: "StaticThresholdCriterion",
            name: "available",
            metricNamespace: "Microsoft.Compute/virtualMachines",
            metricName: "VmAvailabilityMetric",
            timeAggregation: "Average",
            operator: "LessThan",
            threshold: 1,
          },
        ],
      },
      actions: [{ actionGroupId: actionGroup.id }],
    },
    { parent },
  );
  // Put together rather than read from the machine: known while that one changes.
  const machineId = pulumi.interpolate`${resourceGroupId}/providers/Microsoft.Compute/virtualMachines/${names.virtualMachine}`;
  for (const alert of planAlerts(settings)) {
    new ScheduledQueryRule(
      named(`alert-${alert.name}`),
      {
        resourceGroupName,
        location,
        tags,
        ruleName: `${base}-${alert.name}`,
        kind: "LogAlert",
        displayName: `${alert.title} (${base})`,
        description: alert.description,
        severity: alert.severity,
        enabled: true,
        scopes: [workspaceId],
        evaluationFrequency: alert.frequency,
        windowSize: alert.window,
        autoMitigate: true,
        criteria: { allOf: [conditionOf(alert, machineId)] },
        actions: { actionGroups: [actionGroup.id] },
      },
      { parent },
    );
  }
}

function conditionOf(
  { query, operator, threshold, measure }: PlannedAlert,
  machineId: pulumi.Output<string>,
) {
  return {
    query: machineId.apply(query),
    operator,
    threshold,
    ...(measure.kind === "rows"
      ? { timeAggregation: "Count" }
      : { timeAggregation: measure.by, metricMeasureColumn: measure.column }),
    failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 },
  };
}
