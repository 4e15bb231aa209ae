/** The common form of policies that look at one resource of a kind. */
import type { ResourceValidationPolicy } from "@pulumi/policy";
import { isAzureType, known } from "./resource-facts.ts";

type Properties = Readonly<Record<string, unknown>>;

export interface EachResource {
  readonly name: string;
  readonly description: string;
  /** Types as `module:Name`, in any API version. */
  readonly types: readonly string[];
  /** What is wrong, each as one message: what, why and how to mend it. */
  readonly judge: (
    properties: Properties,
    name: string,
    type: string,
    config: Properties,
  ) => readonly string[];
  readonly configSchema?: ResourceValidationPolicy["configSchema"];
  /** Mandatory unless said otherwise. */
  readonly enforcementLevel?: "advisory" | "mandatory";
}

/** For policies that are stricter in production. */
export const ENVIRONMENT_CONFIG = {
  properties: {
    environment: {
      type: "string",
      enum: ["dev", "prod"],
      default: "dev",
      description: "prod: what production demands is demanded.",
    },
  },
} as const satisfies ResourceValidationPolicy["configSchema"];

/** Builds the policy. What a preview does not know yet is judged when it is known. */
export function eachResource({
  name,
  description,
  types,
  judge,
  configSchema,
  enforcementLevel = "mandatory",
}: EachResource) {
  const policy: ResourceValidationPolicy = {
    name,
    description,
    enforcementLevel,
    ...(configSchema === undefined ? {} : { configSchema }),
    validateResource: ({ type, props, name: resource, getConfig }, reportViolation) => {
      if (!types.some((wanted) => isAzureType(type, wanted))) return;
      const problems = known(() => judge(props, resource, type, getConfig<Properties>())) ?? [];
      for (const problem of problems) reportViolation(problem);
    },
  };
  return policy;
}

/** The object at a path of properties, or an empty one. */
export function at(properties: Properties, ...path: readonly string[]): Properties {
  let value: unknown = properties;
  for (const key of path) {
    value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  }
  return typeof value === "object" && value !== null ? (value as Properties) : {};
}

/** A machine's properties: its own, or those that a scale set makes each of its machines with. */
export function machineWithin(properties: Properties): Properties {
  const profile = at(properties, "virtualMachineProfile");
  return Object.keys(profile).length === 0 ? properties : profile;
}
