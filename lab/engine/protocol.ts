/**
 * The engine's gRPC protocol, loaded from inside Pulumi's SDK without the SDK itself: a plugin that
 * starts with the whole SDK takes three times as long. The message modules are CommonJS without
 * named exports, hence `require`.
 */
import { createRequire } from "node:module";
import type * as plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import type * as provider from "@pulumi/pulumi/proto/provider_pb.js";
import type * as providerService from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type * as status from "@pulumi/pulumi/proto/status_pb.js";

const fromHere = createRequire(import.meta.url);
const fromSdk = createRequire(fromHere.resolve("@pulumi/pulumi/package.json"));

/** What we use of gRPC; the SDK brings the implementation. */
interface Grpc {
  readonly Server: new (options: Readonly<Record<string, number>>) => {
    addService(definition: unknown, implementation: unknown): void;
    bindAsync(
      address: string,
      credentials: unknown,
      done: (error: Error | null, port: number) => void,
    ): void;
  };
  readonly ServerCredentials: { createInsecure(): unknown };
  readonly Metadata: new () => { add(key: string, value: Buffer): void };
}

/** A protobuf `Struct`, which holds wire properties. */
export interface Struct {
  toJavaScript(): unknown;
}

interface StructModule {
  readonly Struct: { fromJavaScript(properties: unknown): never };
}

interface AnyModule {
  readonly Any: new () => { pack(message: Uint8Array, type: string): void };
}

export const grpc = fromSdk("@grpc/grpc-js") as Grpc;
export const service = fromSdk("./proto/provider_grpc_pb.js") as typeof providerService;
export const messages = fromSdk("./proto/provider_pb.js") as typeof provider;
export const pluginMessages = fromSdk("./proto/plugin_pb.js") as typeof plugin;

/** Messages that only failures need. */
export function failureMessages(): {
  readonly Status: typeof status.Status;
  readonly Any: AnyModule["Any"];
} {
  const { Status } = fromSdk("./proto/status_pb.js") as typeof status;
  const { Any } = fromSdk("google-protobuf/google/protobuf/any_pb.js") as AnyModule;
  return { Status, Any };
}

/** An empty message. */
export function emptyMessage(): never {
  const { Empty } = fromSdk("google-protobuf/google/protobuf/empty_pb.js") as {
    readonly Empty: new () => never;
  };
  return new Empty();
}

const { Struct } = fromSdk("google-protobuf/google/protobuf/struct_pb.js") as StructModule;

/** Wraps wire properties for a message. */
export function structOf(properties: unknown): never {
  return Struct.fromJavaScript(properties);
}
