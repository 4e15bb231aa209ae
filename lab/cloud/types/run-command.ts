/** Managed Run Commands: scripts that the machine's agent runs when they are created or changed. */
import { ArmError, ProvisioningFailed } from "../errors.ts";
import { runCommandName } from "../names.ts";
import { inside } from "../placement.ts";
import { regionOf } from "../references.ts";
import { normalizeRegion } from "../regions.ts";
import type { RunCommandResult } from "../effects.ts";
import type { PutRequest, ResourceType } from "../resource-type.ts";
import { choice, flag, map, object, objects, recorded, required, text, whole } from "../shapes.ts";
import type { CloudResource, CloudState } from "../state.ts";
import {
  at,
  compact,
  isRecord,
  listAt,
  textAt,
  type OptionalProperties,
  type Properties,
} from "../values.ts";
import { virtualMachine } from "./virtual-machine.ts";

/** Azure keeps this much of each output stream. */
const KEPT_OUTPUT_BYTES = 4096;
const DEFAULT_TIMEOUT_SECONDS = 5400;

function put({ id, inputs, previous, state }: PutRequest): OptionalProperties {
  const machine = state.find(virtualMachine.id(inputs));
  if (
    machine !== undefined &&
    normalizeRegion(textAt(inputs, "location") ?? "") !== regionOf(machine)
  ) {
    throw new ArmError(
      "InvalidResourceLocation",
      `The Run Command ${id} must be in the location of its virtual machine, '${regionOf(machine)}'.`,
      409,
    );
  }
  if (textAt(inputs, "source", "script") === undefined) {
    throw new ArmError("InvalidParameter", "Required parameter 'source.script' is missing (null).");
  }
  const { source, parameters, tags } = inputs;
  return {
    source,
    parameters,
    tags,
    asyncExecution: inputs["asyncExecution"] ?? false,
    timeoutInSeconds: inputs["timeoutInSeconds"] ?? 0,
    treatFailureAsDeploymentFailure: inputs["treatFailureAsDeploymentFailure"] ?? false,
    runAsUser: inputs["runAsUser"],
    instanceView: previous?.outputs["instanceView"],
    provisioningState: "Succeeded",
  };
}

/** Azure runs a script again only when it differs from the one that ran. */
function ranAlready(resource: CloudResource, previous: CloudResource | undefined): boolean {
  return (
    previous !== undefined &&
    textAt(previous.outputs, "instanceView", "executionState") === "Succeeded" &&
    textAt(previous.inputs, "source", "script") === textAt(resource.inputs, "source", "script")
  );
}

function parametersOf(inputs: Properties, property: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    listAt(inputs, property)
      .filter(isRecord)
      .map((parameter) => [textAt(parameter, "name") ?? "", textAt(parameter, "value") ?? ""]),
  );
}

function withResult(resource: CloudResource, result: RunCommandResult): CloudResource {
  const ok = result.exitCode === 0;
  const failsDeployment = resource.inputs["treatFailureAsDeploymentFailure"] === true;
  const instanceView = compact({
    executionState: ok ? "Succeeded" : "Failed",
    executionMessage: ok
      ? "RunCommand script execution completed"
      : "RunCommand script execution failed",
    exitCode: result.exitCode,
    output: lastBytes(result.output),
    error: lastBytes(result.error ?? ""),
  });
  return {
    ...resource,
    outputs: {
      ...resource.outputs,
      instanceView,
      provisioningState: !ok && failsDeployment ? "Failed" : "Succeeded",
    },
  };
}

function lastBytes(output: string): string {
  return Buffer.from(output).subarray(-KEPT_OUTPUT_BYTES).toString();
}

async function run(
  resource: CloudResource,
  state: CloudState,
  execute: (machine: CloudResource) => Promise<RunCommandResult>,
): Promise<CloudResource> {
  const machine = state.find(virtualMachine.id(resource.inputs));
  if (machine === undefined) return resource;
  const done = withResult(resource, await execute(machine));
  if (textAt(done.outputs, "provisioningState") !== "Failed") return done;
  const output = [
    textAt(done.outputs, "instanceView", "output"),
    textAt(done.outputs, "instanceView", "error"),
  ]
    .filter((part) => part !== undefined && part !== "")
    .join("\n");
  throw new ProvisioningFailed(
    done,
    "VMExtensionProvisioningError",
    `VM has reported a failure when processing Run Command '${resource.name}': the script ended with exit code ${String(at(done.outputs, "instanceView", "exitCode"))}. Last output:\n${output}`,
  );
}

export const runCommand: ResourceType = {
  token: "azure-native:compute:VirtualMachineRunCommandByVirtualMachine",
  ...inside(virtualMachine, "runCommands", {
    property: "runCommandName",
    auto: "random",
    rule: runCommandName,
  }),
  apiVersion: "2024-11-01",
  properties: {
    resourceGroupName: required(text()),
    vmName: required(text()),
    runCommandName: text(),
    location: required(text()),
    tags: map(),
    source: object({ script: text() }),
    parameters: objects({ name: required(text()), value: required(text()) }),
    protectedParameters: objects({ name: required(text()), value: required(text()) }),
    timeoutInSeconds: whole(),
    treatFailureAsDeploymentFailure: flag(),
    asyncExecution: recorded(flag()),
    runAsUser: recorded(choice(["root"])),
  },
  replacedBy: ["location"],
  network: false,
  computed: [],
  put,
  afterPut: async ({ resource, previous, state, effects }) => {
    if (ranAlready(resource, previous)) return resource;
    const { inputs, name } = resource;
    const secret = parametersOf(inputs, "protectedParameters");
    const timeout = inputs["timeoutInSeconds"];
    return run(resource, state, (machine) =>
      effects.runCommand({
        state,
        machine,
        name,
        script: textAt(inputs, "source", "script") ?? "",
        parameters: { ...parametersOf(inputs, "parameters"), ...secret },
        protectedNames: Object.keys(secret),
        inputs,
        timeoutSeconds: typeof timeout === "number" ? timeout : DEFAULT_TIMEOUT_SECONDS,
      }),
    );
  },
};
