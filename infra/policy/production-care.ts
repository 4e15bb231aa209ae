/** What production does not go without: somebody who is told, and files that can be got back. */
import type { PolicyResource, StackValidationPolicy } from "@pulumi/policy";
import { at, eachResource, ENVIRONMENT_CONFIG } from "./each-resource.ts";
import { isProperties, known, objectsIn, resourcesOf, textOf } from "./resource-facts.ts";

export const alertsReachSomebody = eachResource({
  name: "alerts-reach-somebody",
  description:
    "Action groups are on and tell somebody, webhooks by https only: an alert that nobody gets is none.",
  types: ["monitor:ActionGroup"],
  judge: (properties, name) => {
    const receivers = Object.entries(properties)
      .filter(([key]) => key.endsWith("Receivers"))
      .flatMap(([, list]) => objectsIn(list));
    const plain = receivers.some(({ serviceUri }) =>
      textOf(serviceUri)?.toLowerCase().startsWith("http:"),
    );
    return [
      ...(properties["enabled"] === false ? [`${name} is switched off. Set enabled to true.`] : []),
      ...(receivers.length === 0
        ? [`${name} tells nobody. Add an e-mail address or a webhook.`]
        : []),
      ...(plain ? [`${name} tells a webhook in the clear. Use an https address.`] : []),
    ];
  },
});

export const productionIsCaredFor: StackValidationPolicy = {
  name: "production-is-watched-and-backed-up",
  description:
    "In production, stacks with machines have alerts that act, and each data disk has a backup.",
  enforcementLevel: "mandatory",
  configSchema: ENVIRONMENT_CONFIG,
  validateStack: ({ resources, getConfig }, reportViolation) => {
    if (getConfig<{ environment?: string }>().environment !== "prod") return;
    const machines = resourcesOf(resources, "compute:VirtualMachine");
    const [machine] = machines;
    if (machine === undefined) return;
    const alerts = ["monitor:ScheduledQueryRule", "monitor:MetricAlert"]
      .flatMap((type) => resourcesOf(resources, type))
      .filter(
        ({ props }) =>
          known(() => props["enabled"] !== false && hasAction(props["actions"])) ?? true,
      );
    if (alerts.length === 0) {
      reportViolation(
        `No alert watches ${machine.name}, so its end is noticed by whoever needs it. Set monitoring.mode to on, or add an alert with an action group.`,
        machine.urn,
      );
    }
    const wholeMachines = resourcesOf(resources, "recoveryservices:ProtectedItem").length > 0;
    const backups = resourcesOf(resources, "dataprotection:BackupInstance");
    for (const { name, urn, props } of machines) {
      if (wholeMachines || countUnsaved(props, backups) === 0) continue;
      reportViolation(
        `${name} has data disks without a backup. Set backup.mode to on, or add a BackupInstance for each.`,
        urn,
      );
    }
  },
};

/**
 * How many of a machine's data disks no backup is of. A preview does not know ids yet; there, each
 * backup of something unknown may be of any disk.
 */
function countUnsaved(
  machine: Readonly<Record<string, unknown>>,
  backups: readonly PolicyResource[],
): number {
  const saved = backups.map(({ props }) =>
    known(() => textOf(at(props, "properties", "dataSourceInfo")["resourceID"])?.toLowerCase()),
  );
  const declared = known(() => at(machine, "storageProfile")["dataDisks"]);
  const disks = objectsIn(declared).map((disk) =>
    known(() => textOf(at(disk, "managedDisk")["id"])?.toLowerCase()),
  );
  const open = disks.filter((id) => id === undefined || !saved.includes(id));
  const spare = saved.filter((id) => id === undefined || !disks.includes(id));
  const matching = open.includes(undefined) ? spare : spare.filter((id) => id === undefined);
  return Math.max(0, open.length - matching.length);
}

/** Metric alerts have a list of actions, query rules an object with the groups. */
function hasAction(actions: unknown): boolean {
  if (Array.isArray(actions)) return actions.length > 0;
  const groups = isProperties(actions) ? actions["actionGroups"] : undefined;
  return Array.isArray(groups) && groups.length > 0;
}
