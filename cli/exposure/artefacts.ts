/** Picks the artefacts that decide about packets out of what the program declares. */
import * as v from "valibot";
import type { ExposureArtefacts } from "../../infra/plan/exposure.ts";
import { CommandError } from "../errors.ts";

/** A resource of the program. */
export interface DeclaredResource {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

const text = v.optional(v.string());
const texts = v.optional(v.array(v.string()));

const securityGroup = v.object({
  securityRules: v.optional(
    v.array(
      v.object({
        name: text,
        priority: v.optional(v.number()),
        direction: text,
        access: text,
        protocol: text,
        sourcePortRange: text,
        sourcePortRanges: texts,
        destinationPortRange: text,
        destinationPortRanges: texts,
        sourceAddressPrefix: text,
        sourceAddressPrefixes: texts,
        destinationAddressPrefix: text,
        destinationAddressPrefixes: texts,
      }),
    ),
  ),
});
const virtualNetwork = v.object({ flowTimeoutInMinutes: v.optional(v.number()) });
const publicIpAddress = v.object({ idleTimeoutInMinutes: v.optional(v.number()) });
const textBlob = v.object({ source: v.object({ asset: v.object({ text: v.string() }) }) });
const machineSettings = v.object({
  guestFirewall: v.string(),
  sysctl: v.string(),
  server: v.unknown(),
});

/**
 * Every row of the table gets the artefact of its own layer: the two security groups, the network
 * and address with their timeouts, and the settings that the machine will fetch.
 *
 * @throws CommandError when the program declares no such resource.
 */
export function collectArtefacts(resources: readonly DeclaredResource[]): ExposureArtefacts {
  return {
    subnetNsg: readOptional(securityGroup, resources, "network:NetworkSecurityGroup", "subnet-nsg"),
    nicNsg: read(securityGroup, resources, "network:NetworkSecurityGroup", "nic-nsg"),
    virtualNetwork: readOptional(virtualNetwork, resources, "network:VirtualNetwork"),
    publicIpAddress: read(publicIpAddress, resources, "network:PublicIPAddress", "address"),
    ...readDelivered(resources),
  };
}

/** As `read`, of what a stack may be given instead of making it. */
function readOptional<S extends v.GenericSchema>(
  schema: S,
  resources: readonly DeclaredResource[],
  type: string,
  name?: string,
): v.InferOutput<S> | undefined {
  const isMade = findDeclared(resources, type, name).length > 0;
  return isMade ? read(schema, resources, type, name) : undefined;
}

function read<S extends v.GenericSchema>(
  schema: S,
  resources: readonly DeclaredResource[],
  type: string,
  name?: string,
): v.InferOutput<S> {
  const found = findDeclared(resources, type, name);
  const [resource] = found;
  if (resource === undefined || found.length > 1) {
    const wanted = [type, name].filter((part) => part !== undefined).join(" ");
    throw new CommandError(
      `The program declares ${String(found.length)} resources ${wanted}; the exposure table needs exactly one.`,
    );
  }
  return v.parse(schema, resource.inputs);
}

function findDeclared(
  resources: readonly DeclaredResource[],
  type: string,
  name: string | undefined,
): readonly DeclaredResource[] {
  return resources.filter(
    (resource) =>
      resource.type === `azure-native:${type}` && (name === undefined || resource.name === name),
  );
}

/** The settings blob is the one whose text holds settings for a machine. */
function readDelivered(
  resources: readonly DeclaredResource[],
): Pick<ExposureArtefacts, "guestFirewall" | "sysctl" | "serverSettings"> {
  for (const { type, inputs } of resources) {
    if (type !== "azure-native:storage:Blob" || !v.is(textBlob, inputs)) continue;
    const content: unknown = JSON.parse(inputs.source.asset.text);
    if (!v.is(machineSettings, content)) continue;
    const { guestFirewall, sysctl, server } = content;
    return { guestFirewall, sysctl, serverSettings: server };
  }
  throw new CommandError("The program delivers no settings to the machine.");
}
