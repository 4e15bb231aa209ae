/** What keeps a whole production stack from being destroyed, not only the parts that are protected. */
import * as pulumi from "@pulumi/pulumi";
import type { StackContext } from "./stack-context.ts";

/**
 * `pulumi destroy --skip-preview` deletes whatever nothing else depends on before it meets the first
 * protected resource: alerts, security groups, the machine. A lock that depends on everything has to
 * go first, and it does not.
 */
class ProductionLock extends pulumi.ComponentResource {
  constructor(name: string, options: pulumi.ComponentResourceOptions) {
    super("gangway:index:ProductionLock", name, {}, options);
    this.registerOutputs({});
  }
}

/** Locks everything that was made, in production. */
export function lockInProduction(
  { settings, named, parent }: StackContext,
  made: readonly pulumi.Resource[],
): void {
  if (settings.environment !== "prod") return;
  const dependsOn = made.filter((resource) => resource !== parent);
  new ProductionLock(named("production-lock"), { parent, protect: true, dependsOn });
}

/** Options of a component that gathers what is made within it, itself included. */
export function gatherInto(
  made: pulumi.Resource[],
  options: pulumi.ComponentResourceOptions = {},
): pulumi.ComponentResourceOptions {
  const gather: pulumi.ResourceTransformation = ({ resource }) => {
    made.push(resource);
    return undefined;
  };
  return { ...options, transformations: [...(options.transformations ?? []), gather] };
}
