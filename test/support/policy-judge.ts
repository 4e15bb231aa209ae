/** Runs the pack as the engine does, over resources that tests change as they like. */
import { readFileSync } from "node:fs";
import {
  unknownCheckingProxy,
  type PolicyResource,
  type ResourceValidationArgs,
  type ResourceValidationPolicy,
  type StackValidationArgs,
  type StackValidationPolicy,
} from "@pulumi/policy";
import { asset } from "@pulumi/pulumi";
import { createPolicies } from "../../infra/policy/policies.ts";
import type { EvaluatedResource } from "../../lab/engine/evaluate.ts";

export type Properties = Record<string, unknown>;

/** What the workflows give the pack for a stack, by name of policy. */
export function policyConfiguration(stack: string): Readonly<Record<string, object>> {
  const file = new URL(`../../infra/policy/policy.${stack}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as Record<string, object>;
}

/** A resource as policies meet it: declared at first, as the cloud answers at the end. */
export interface Seen {
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
  readonly opts?: { readonly protect: boolean };
  readonly dependencies?: readonly { readonly urn: string | undefined }[];
}

/** The texts of assets, as the engine hands them to policies. */
function withAssets(properties: object): Properties {
  return Object.fromEntries(
    Object.entries(properties).map(([key, value]: [string, unknown]) => {
      const text = textOfAsset(value);
      return [key, text === undefined ? value : new asset.StringAsset(text)];
    }),
  );
}

function textOfAsset(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("asset" in value)) return undefined;
  const { asset: inner } = value;
  return typeof inner === "object" && inner !== null && "text" in inner
    ? String(inner.text)
    : undefined;
}

export const seen = ({ type, name, urn, inputs, outputs }: EvaluatedResource): Seen => ({
  type,
  name,
  urn,
  inputs: withAssets(inputs),
  outputs: { ...outputs },
});

/**
 * Runs the pack as the engine does: every resource, then the stack. Returns `policy: message`.
 *
 * @param config on top of what the policy is configured with for dev.
 */
export async function judge(
  resources: readonly Seen[],
  { config = {}, preview = false }: { config?: object; preview?: boolean } = {},
): Promise<readonly string[]> {
  const findings: string[] = [];
  const wrap = (properties: Properties): Properties =>
    preview ? (unknownCheckingProxy(properties) as Properties) : properties;
  const policies = createPolicies();
  const committed = policyConfiguration("dev");
  const configOf = (policy: string) => (): object => ({ ...committed[policy], ...config });
  const report = (name: string) => (message: string) => void findings.push(`${name}: ${message}`);
  for (const resource of resources) {
    for (const policy of policies) {
      if (!isResourcePolicy(policy) || typeof policy.validateResource !== "function") continue;
      const args = { ...resource, props: wrap(resource.inputs), getConfig: configOf(policy.name) };
      // Policies of this pack read nothing else of the arguments.
      await policy.validateResource(args as unknown as ResourceValidationArgs, report(policy.name));
    }
  }
  const stack = resources.map(
    (resource) =>
      ({
        dependencies: [],
        ...resource,
        props: wrap(resource.outputs),
      }) as unknown as PolicyResource,
  );
  for (const policy of policies) {
    if (isResourcePolicy(policy)) continue;
    const args = { resources: stack, getConfig: configOf(policy.name) };
    await policy.validateStack(args as unknown as StackValidationArgs, report(policy.name));
  }
  return findings;
}

function isResourcePolicy(
  policy: ResourceValidationPolicy | StackValidationPolicy,
): policy is ResourceValidationPolicy {
  return "validateResource" in policy;
}

/** A copy with one change: in what a resource declares, and in what the cloud answers to that. */
export function mutate(
  resources: readonly Seen[],
  type: string,
  change: (properties: Properties) => Properties,
): readonly Seen[] {
  return resources.map((resource) =>
    resource.type.endsWith(type)
      ? { ...resource, inputs: change(resource.inputs), outputs: change(resource.outputs) }
      : resource,
  );
}

export type Rule = Record<string, unknown>;

export const mutateRules = (
  resources: readonly Seen[],
  change: (rules: readonly Rule[]) => Rule[],
) =>
  mutate(resources, ":NetworkSecurityGroup", (properties) => ({
    ...properties,
    securityRules: change(properties["securityRules"] as readonly Rule[]),
  }));

export const mutateRule = (resources: readonly Seen[], name: string, change: Rule) =>
  mutateRules(resources, (rules) =>
    rules.map((rule) => (rule["name"] === name ? { ...rule, ...change } : rule)),
  );
