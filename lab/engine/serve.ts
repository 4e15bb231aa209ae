/** Serves provider operations to the Pulumi engine over gRPC, as a provider plugin. */
import type {
  CheckRequest as CheckMessage,
  ConfigureRequest,
  CreateRequest as CreateMessage,
  DeleteRequest as DeleteMessage,
  DiffRequest as DiffMessage,
  InvokeRequest,
  ReadRequest,
  UpdateRequest as UpdateMessage,
} from "@pulumi/pulumi/proto/provider_pb.js";
import { plainToken } from "../cloud/cloud.ts";
import {
  emptyMessage,
  failureMessages,
  grpc,
  messages,
  pluginMessages,
  service,
  structOf,
  type Struct,
} from "./protocol.ts";
import {
  PartlyCreated,
  type PropertyDifference,
  type ProviderOperations,
  type ResourceState,
} from "./provider-operations.ts";
import { decodeProperties, encodeProperties, type Decoded } from "./wire.ts";

/** What a plugin is besides its operations. */
export interface Plugin {
  readonly version: string;
  readonly operations: ProviderOperations;
  /** Takes the provider's configuration, without the package's prefix. */
  readonly configure: (config: Readonly<Record<string, string>>) => void;
}

type Callback = (error: unknown, response?: unknown) => void;
type Handler<Request> = (request: Request) => unknown;

const LARGEST_MESSAGE = 400 * 1024 * 1024;
const UNKNOWN_ERROR = 2;
const UNIMPLEMENTED = 12;

/** Starts the plugin on a free loopback port and prints it, as the engine expects. */
export async function servePlugin(plugin: Plugin): Promise<number> {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": LARGEST_MESSAGE,
    "grpc.max_send_message_length": LARGEST_MESSAGE,
  });
  server.addService(service.ResourceProviderService, handlersOf(plugin));
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
}

/** Assets of a program are relative to its folder, which is the plugin's too. */
function decodeHere(struct: Struct | undefined): Decoded {
  return decodeProperties(struct?.toJavaScript() ?? {}, process.cwd());
}

/** Type token of a resource, from its URN: the last of the types that nest in it. */
function typeOf(urn: string): string {
  const types = urn.split("::")[2] ?? "";
  return plainToken(types.slice(types.lastIndexOf("$") + 1));
}

function handlersOf({ version, operations, configure }: Plugin): Record<string, unknown> {
  return {
    getPluginInfo: unary(() => {
      const info = new pluginMessages.PluginInfo();
      info.setVersion(version);
      return info;
    }),
    configure: unary((request: ConfigureRequest) => {
      const prefix = `${operations.name}:config:`;
      const entries = [...request.getVariablesMap().entries()] as [string, string][];
      configure(
        Object.fromEntries(
          entries.map(([key, value]) => [
            key.startsWith(prefix) ? key.slice(prefix.length) : key,
            value,
          ]),
        ),
      );
      const response = new messages.ConfigureResponse();
      response.setAcceptsecrets(true);
      response.setSupportspreview(true);
      return response;
    }),
    checkConfig: unary((request: CheckMessage) => {
      const response = new messages.CheckResponse();
      response.setInputs(request.getNews());
      return response;
    }),
    diffConfig: unary(() => new messages.DiffResponse()),
    getSchema: unary(() => {
      const response = new messages.GetSchemaResponse();
      response.setSchema(JSON.stringify({ name: operations.name, version }));
      return response;
    }),
    check: unary((request: CheckMessage) => checked(operations, request)),
    diff: unary((request: DiffMessage) => compared(operations, request)),
    create: unary((request: CreateMessage) => created(operations, request)),
    update: unary((request: UpdateMessage) => updated(operations, request)),
    delete: unary(async (request: DeleteMessage) => {
      await operations.delete({
        id: request.getId(),
        type: typeOf(request.getUrn()),
        inputs: decodeHere(request.getOldInputs()).properties,
        outputs: decodeHere(request.getProperties()).properties,
      });
      return emptyMessage();
    }),
    read: unary((request: ReadRequest) => found(operations, request)),
    invoke: unary(async (request: InvokeRequest) => {
      const args = decodeHere(request.getArgs()).properties;
      const { outputs, secrets } = await operations.invoke(request.getTok(), args);
      const response = new messages.InvokeResponse();
      response.setReturn(structOf(encodeProperties(outputs, secrets)));
      return response;
    }),
    cancel: unary(emptyMessage),
    attach: unary(emptyMessage),
    getMapping: unary(() => new messages.GetMappingResponse()),
    getMappings: unary(() => new messages.GetMappingsResponse()),
    handshake: unimplemented("Handshake"),
    parameterize: unimplemented("Parameterize"),
    construct: unimplemented("Construct"),
    call: unimplemented("Call"),
    list: unimplemented("List"),
  };
}

function checked(operations: ProviderOperations, request: CheckMessage): unknown {
  const news = decodeHere(request.getNews());
  const olds = decodeHere(request.getOlds()).properties;
  const seed = request.getRandomseed_asB64();
  const proposedName = request.getAutonaming()?.getProposedName();
  const { inputs, failures } = operations.check({
    urn: request.getUrn(),
    type: typeOf(request.getUrn()),
    inputs: news.properties,
    oldInputs: Object.keys(olds).length === 0 ? undefined : olds,
    seed: seed === "" ? request.getUrn() : seed,
    ...(proposedName === undefined || proposedName === "" ? {} : { proposedName }),
  });
  const response = new messages.CheckResponse();
  response.setInputs(structOf(encodeProperties(inputs, news.secrets)));
  response.setFailuresList(
    failures.map(({ property, reason }) => {
      const failure = new messages.CheckFailure();
      failure.setProperty(property);
      failure.setReason(reason);
      return failure;
    }),
  );
  return response;
}

function compared(operations: ProviderOperations, request: DiffMessage): unknown {
  const { differences, deleteBeforeReplace } = operations.diff({
    type: typeOf(request.getUrn()),
    oldInputs: decodeHere(request.getOldInputs()).properties,
    newInputs: decodeHere(request.getNews()).properties,
  });
  const { DIFF_NONE, DIFF_SOME } = messages.DiffResponse.DiffChanges;
  const response = new messages.DiffResponse();
  response.setChanges(differences.length === 0 ? DIFF_NONE : DIFF_SOME);
  const replacing = differences.filter(({ replaces }) => replaces);
  response.setReplacesList([...new Set(replacing.map(({ path }) => path))]);
  response.setDeletebeforereplace(replacing.length > 0 && deleteBeforeReplace);
  response.setDiffsList([...new Set(differences.map(({ path }) => path.split(/[.[]/)[0] ?? path))]);
  response.setHasdetaileddiff(true);
  for (const difference of differences) {
    const detail = new messages.PropertyDiff();
    detail.setKind(kindOf(difference));
    detail.setInputdiff(true);
    response.getDetaileddiffMap().set(difference.path, detail);
  }
  return response;
}

function kindOf({ kind, replaces }: PropertyDifference): 0 | 1 | 2 | 3 | 4 | 5 {
  const { Kind } = messages.PropertyDiff;
  switch (kind) {
    case "add":
      return replaces ? Kind.ADD_REPLACE : Kind.ADD;
    case "delete":
      return replaces ? Kind.DELETE_REPLACE : Kind.DELETE;
    case "update":
      return replaces ? Kind.UPDATE_REPLACE : Kind.UPDATE;
  }
}

async function created(operations: ProviderOperations, request: CreateMessage): Promise<unknown> {
  const { properties, secrets } = decodeHere(request.getProperties());
  const state = await operations.create({
    urn: request.getUrn(),
    type: typeOf(request.getUrn()),
    inputs: properties,
    secrets,
    preview: request.getPreview(),
  });
  const response = new messages.CreateResponse();
  response.setId(state.id);
  response.setProperties(outputsOf(state));
  return response;
}

async function updated(operations: ProviderOperations, request: UpdateMessage): Promise<unknown> {
  const { properties, secrets } = decodeHere(request.getNews());
  const state = await operations.update({
    urn: request.getUrn(),
    id: request.getId(),
    type: typeOf(request.getUrn()),
    inputs: properties,
    secrets,
    preview: request.getPreview(),
    oldInputs: decodeHere(request.getOldInputs()).properties,
    oldOutputs: decodeHere(request.getOlds()).properties,
  });
  const response = new messages.UpdateResponse();
  response.setProperties(outputsOf(state));
  return response;
}

async function found(operations: ProviderOperations, request: ReadRequest): Promise<unknown> {
  const oldInputs = decodeHere(request.getInputs()).properties;
  const type = typeOf(request.getUrn());
  const state = await operations.read({ id: request.getId(), type, oldInputs });
  const response = new messages.ReadResponse();
  if (state === undefined) return response;
  response.setId(state.id);
  response.setProperties(outputsOf(state));
  response.setInputs(structOf(encodeProperties(state.inputs, state.secretInputs)));
  return response;
}

function outputsOf({ outputs, secrets }: ResourceState): never {
  return structOf(encodeProperties(outputs, secrets));
}

function unary<Request>(handle: Handler<Request>) {
  return (call: { readonly request: Request }, callback: Callback): void => {
    Promise.resolve()
      .then(() => handle(call.request))
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(failureOf(error)),
      );
  };
}

function unimplemented(method: string) {
  return (_: unknown, callback: Callback): void =>
    callback({ code: UNIMPLEMENTED, details: `Not yet implemented: ${method}` });
}

/** The form in which the engine learns that a resource exists although its creation failed. */
function failureOf(error: unknown): unknown {
  const message = error instanceof Error ? error.message : String(error);
  const metadata = new grpc.Metadata();
  if (error instanceof PartlyCreated) {
    const { Status, Any } = failureMessages();
    const detail = new messages.ErrorResourceInitFailed();
    detail.setId(error.state.id);
    detail.setProperties(outputsOf(error.state));
    detail.setReasonsList([message]);
    const packed = new Any();
    packed.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
    const status = new Status();
    status.setCode(UNKNOWN_ERROR);
    status.setMessage(message);
    // The generated declarations lack the `Any` that this method takes.
    status.addDetails(packed as never);
    metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  }
  return { code: UNKNOWN_ERROR, details: message, metadata };
}
