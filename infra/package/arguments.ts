/** From what a program in any language passed to the arguments of the component. */
import * as pulumi from "@pulumi/pulumi";
import { ContractError, parseSettings } from "#contract";
import type { PassiveFtpServerArgs } from "../components/passive-ftp-server.ts";

/**
 * Two components of one stack need names of their own in Azure, so the component's name stands
 * where a stack of Gangway's own has the name of its project.
 *
 * @throws ContractError naming setting, value and fix of everything that is wrong.
 */
export function readArguments(name: string, inputs: pulumi.Inputs): PassiveFtpServerArgs {
  const { settings = {}, location, probePassword, runnerPrivateKey } = inputs;
  return {
    settings: parseSettings(requireKnown(settings)),
    project: name,
    stack: pulumi.getStack(),
    location: readLocation(location),
    probePassword: secretOf(probePassword),
    runnerPrivateKey: secretOf(runnerPrivateKey),
    acmeExternalAccountKey: secretOf(inputs["acmeExternalAccountKey"]),
    alertWebhookUri: secretOf(inputs["alertWebhookUri"]),
  };
}

/** Ports and rules follow from the settings, and a preview shows them: no output of a resource. */
function requireKnown(settings: unknown): unknown {
  if (!pulumi.Output.isInstance(settings)) return settings;
  throw new ContractError([
    {
      setting: "settings",
      value: "(the output of a resource, or a secret)",
      problem: "has to be known when the program runs",
      fix: "write the settings as they are; only location and the secrets may be outputs",
    },
  ]);
}

function readLocation(location: unknown): pulumi.Input<string> {
  const found: unknown = location ?? new pulumi.Config("azure-native").get("location");
  if (typeof found === "string") return found;
  if (pulumi.Output.isInstance<string>(found)) return found;
  throw new ContractError([
    {
      setting: "location",
      value: "(missing)",
      problem: "is needed by every resource",
      fix: "pass location, for example westeurope, or: pulumi config set azure-native:location westeurope",
    },
  ]);
}

function secretOf(value: unknown): pulumi.Output<string> | undefined {
  return value === undefined ? undefined : pulumi.secret(value as pulumi.Input<string>);
}
