/** The data paths that the transfer suites run over, and how their client behaves. */
import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import type { receiveFile, sendFile } from "../../server/data/transfer.ts";
import type { ReadHandle } from "../../server/storage/storage.ts";
import type { InspectableTarget } from "../support/files.ts";

/** One combination of socket and handles. */
export interface DataPath {
  /** A connection: the client's end and the server's. */
  connect(): Promise<{ readonly client: Socket; readonly server: Socket }>;
  openSource(content: Uint8Array): ReadHandle;
  openTarget(before?: Buffer<ArrayBuffer>): InspectableTarget;
  /** The path is for one direction only. */
  readonly direction?: "receiving";
  /** What steers the path. */
  readonly send?: Partial<Parameters<typeof sendFile>[2]>;
  readonly receive?: Partial<Parameters<typeof receiveFile>[2]>;
}

export const never = new AbortController().signal;
export const SIZES = [0, 1, 4096, 65_536, 262_144, 262_145, 3_000_000];

/** Reads to the end and closes, as clients do. */
export async function collect(client: Socket): Promise<Buffer> {
  client.once("end", () => client.end());
  const chunks = (await client.toArray()) as Buffer[];
  return Buffer.concat(chunks);
}

export function digest(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Ends a connection with RST; of a TLS socket, the connection below. */
export function reset(client: Socket): void {
  const below = client as Socket & { readonly _parent?: Socket };
  (below._parent ?? client).resetAndDestroy();
}
