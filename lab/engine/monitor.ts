/** The resource monitor that the SDK talks to when no Pulumi CLI runs the program. */
import { createRequire } from "node:module";
import type * as resourceMessages from "@pulumi/pulumi/proto/resource_pb.js";
import { plainToken } from "../cloud/cloud.ts";
import { NotSimulated } from "../cloud/errors.ts";
import type { Properties } from "../cloud/values.ts";
import type { Deployment } from "./deployment.ts";
import type { Goal } from "./goal.ts";
import type { ProviderOperations } from "./provider-operations.ts";
import { structOf, type Struct } from "./protocol.ts";
import type { StackResource } from "./stack-state.ts";
import { decodeProperties, encodeProperties } from "./wire.ts";

const STACK_TYPE = "pulumi:pulumi:Stack";

type Callback = (error: unknown, response?: unknown) => void;

/** What a monitor needs besides the deployment. */
export interface MonitorSurroundings {
  readonly project: string;
  readonly stack: string;
  /** Folder that relative assets start at. */
  readonly folder: string;
  readonly deployment: Deployment;
  readonly providers: ReadonlyMap<string, ProviderOperations>;
}

/** Methods of the monitor, as the SDK calls them. */
export type Monitor = Readonly<Record<string, unknown>>;

/** What a monitor learned that its caller must know. */
export interface OpenedMonitor {
  readonly monitor: Monitor;
  /** The first failure of a resource or function; the program may not have seen it. */
  readonly failure: () => Error | undefined;
}

/**
 * Opens a monitor. `program` is the file of the program, whose copy of the SDK must be used: its
 * messages are compared by class.
 */
export function openMonitor(program: string, around: MonitorSurroundings): OpenedMonitor {
  const load = createRequire(program);
  const messages = load("@pulumi/pulumi/proto/resource_pb") as typeof resourceMessages;
  const { deployment, folder, providers } = around;
  let failure: Error | undefined;
  const answering =
    <Request>(handle: (request: Request) => unknown) =>
    (request: Request, callback: Callback): void => {
      Promise.resolve()
        .then(() => handle(request))
        .then(
          (response) => callback(null, response),
          (error: unknown) => {
            const known = error instanceof Error ? error : new Error(String(error));
            failure ??= known;
            callback(known);
          },
        );
    };
  const refusing = (what: string) =>
    answering(() => {
      throw new NotSimulated(what);
    });

  const monitor: Monitor = {
    getDeploymentInfo: answering(() => {
      const info = new messages.DeploymentInfo();
      const { ResourceMonitorFeature: feature } = messages;
      info.setSupportedfeaturesList([
        feature.RESOURCE_MONITOR_FEATURE_SECRETS,
        feature.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
        feature.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
        feature.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
      ]);
      return info;
    }),
    supportsFeature: answering((request: resourceMessages.SupportsFeatureRequest) => {
      const response = new messages.SupportsFeatureResponse();
      response.setHassupport(
        ["secrets", "resourceReferences", "aliasSpecs"].includes(request.getId()),
      );
      return response;
    }),
    registerResource: answering(async (request: resourceMessages.RegisterResourceRequest) => {
      const resource = await deployment.register(goalOf(request, around));
      const response = new messages.RegisterResourceResponse();
      response.setUrn(resource.urn);
      response.setId(resource.id);
      response.setObject(outputsOf(resource));
      return response;
    }),
    registerResourceOutputs: answering(
      (request: resourceMessages.RegisterResourceOutputsRequest) => {
        const outputs = decodeProperties(request.getOutputs()?.toJavaScript() ?? {}, folder);
        deployment.registerOutputs(request.getUrn(), outputs);
        return {};
      },
    ),
    readResource: answering(async (request: resourceMessages.ReadResourceRequest) => {
      const type = plainToken(request.getType());
      const state = await providerOf(providers, type).read({ id: request.getId(), type });
      if (state === undefined) throw new Error(`resource '${request.getId()}' does not exist`);
      const response = new messages.ReadResourceResponse();
      response.setUrn(urnOf(around, request.getParent(), type, request.getName()));
      response.setProperties(structOf(encodeProperties(state.outputs, state.secrets)));
      return response;
    }),
    invoke: answering(async (request: resourceMessages.ResourceInvokeRequest) => {
      const args = decodeProperties(
        (request.getArgs() as Struct | undefined)?.toJavaScript(),
        folder,
      );
      const { outputs, secrets } = await called(request.getTok(), args.properties, around);
      const response = new messages.ResourceInvokeResponse();
      response.setReturn(structOf(encodeProperties(outputs, secrets)));
      return response;
    }),
    call: refusing("methods of components in other languages"),
    registerStackTransform: refusing("transforms of a stack"),
    registerStackInvokeTransform: refusing("transforms of invokes"),
    registerPackage: answering(() => {
      const response = new messages.RegisterPackageResponse();
      response.setRef("lab");
      return response;
    }),
    signalAndWaitForShutdown: answering(() => ({})),
    close: () => undefined,
  };
  return { monitor, failure: () => failure };
}

async function called(
  token: string,
  args: Properties,
  { deployment, providers }: MonitorSurroundings,
): Promise<{ readonly outputs: Properties; readonly secrets: readonly string[] }> {
  if (token !== "pulumi:pulumi:getResource")
    return providerOf(providers, token).invoke(token, args);
  const resource = deployment.registered.find(({ urn }) => urn === args["urn"]);
  if (resource === undefined) throw new Error(`unknown resource ${String(args["urn"])}`);
  const { urn, id, outputs } = resource;
  return { outputs: { urn, id, state: outputs }, secrets: [] };
}

function providerOf(
  providers: ReadonlyMap<string, ProviderOperations>,
  token: string,
): ProviderOperations {
  const provider = providers.get(token.split(":")[0]?.split("_")[0] ?? "");
  if (provider === undefined) throw new NotSimulated(token);
  return provider;
}

function goalOf(
  request: resourceMessages.RegisterResourceRequest,
  around: MonitorSurroundings,
): Goal {
  const type = plainToken(request.getType());
  if (request.getRemote())
    throw new NotSimulated(type, undefined, "a component in another language");
  const wire: unknown = request.getObject()?.toJavaScript() ?? {};
  const dependencies = request
    .getPropertydependenciesMap()
    .toArray()
    .map(([name]) => [name, request.getPropertydependenciesMap().get(name)?.getUrnsList() ?? []]);
  return {
    urn: urnOf(around, request.getParent(), type, request.getName()),
    type,
    name: request.getName(),
    parent: request.getParent() === "" ? undefined : request.getParent(),
    custom: request.getCustom(),
    declared: decodeProperties(wire, around.folder),
    dependencies: Object.fromEntries(dependencies) as Goal["dependencies"],
    options: {
      protect: request.getProtect() ?? false,
      retainOnDelete: request.getRetainondelete() ?? false,
      deleteBeforeReplace: request.getDeletebeforereplacedefined()
        ? request.getDeletebeforereplace()
        : undefined,
      ignoreChanges: request.getIgnorechangesList(),
      replaceOnChanges: request.getReplaceonchangesList(),
      additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
      importId: request.getImportid(),
    },
  };
}

/** A URN repeats the types of all parents but the stack. */
function urnOf(around: MonitorSurroundings, parent: string, type: string, name: string): string {
  const parentType = parent.split("::")[2] ?? "";
  const nested = parentType === "" || parentType === STACK_TYPE ? type : `${parentType}$${type}`;
  return `urn:pulumi:${around.stack}::${around.project}::${nested}::${name}`;
}

function outputsOf({ outputs, secretOutputs }: StackResource): never {
  return structOf(encodeProperties(outputs, secretOutputs));
}
