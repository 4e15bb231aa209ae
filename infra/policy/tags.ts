/** The last half of policy 20: tags that every resource has, put on where they are missing. */
import type { ResourceValidationPolicy } from "@pulumi/policy";
import { isProperties } from "./resource-facts.ts";

/** Types that take tags and are worth finding on a bill. */
const TAGGED =
  /^azure-native(?:_[0-9a-z_]+)?:(?:[a-z]+)(?:\/v[0-9a-z]+)?:(?:ResourceGroup|VirtualNetwork|NetworkSecurityGroup|PublicIPAddress|NetworkInterface|VirtualMachine|Disk|StorageAccount|Vault|UserAssignedIdentity|LoadBalancer|BastionHost|NatGateway|Workspace|DataCollectionRule|ActionGroup|MetricAlert|ScheduledQueryRule|BackupVault|VirtualMachineExtension)$/;

interface TagsConfig {
  /** Tag → value to put on where it is missing; an empty value only demands the tag. */
  readonly required?: Readonly<Record<string, string>>;
}

export const requiredTags: ResourceValidationPolicy = {
  name: "resources-carry-tags",
  description: "Resources carry the tags that the policy's configuration requires.",
  enforcementLevel: "mandatory",
  configSchema: {
    properties: {
      required: {
        type: "object",
        additionalProperties: { type: "string" },
        default: {},
        description: "Tag → value for remediation; an empty value only demands the tag.",
      },
    },
  },
  remediateResource: ({ type, props, getConfig }) => {
    if (!TAGGED.test(type)) return undefined;
    const tags = tagsOf(props);
    const missing = Object.entries(getConfig<TagsConfig>().required ?? {}).filter(
      ([tag, value]) => value !== "" && !(tag in tags),
    );
    return missing.length === 0
      ? undefined
      : { ...props, tags: { ...tags, ...Object.fromEntries(missing) } };
  },
  validateResource: ({ type, name, props, getConfig }, reportViolation) => {
    if (!TAGGED.test(type)) return;
    const tags = tagsOf(props);
    const missing = Object.keys(getConfig<TagsConfig>().required ?? {}).filter(
      (tag) => !(tag in tags),
    );
    if (missing.length === 0) return;
    reportViolation(
      `${name} lacks the tags ${missing.join(", ")}. Set them in gangway:tags of the stack, or give this policy a value to put on.`,
    );
  },
};

function tagsOf(properties: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return isProperties(properties["tags"]) ? properties["tags"] : {};
}
