/** The foreign-function interface: one file beside Node's own. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Beside Node's own binary, where a delivery puts it. */
const DELIVERED = "koffi.node";

/** A function of the library, called by its C types. */
export interface NativeFunction {
  (...values: readonly unknown[]): number | bigint;
  /** Calls it on a thread of libuv's pool. The last value is called back with an error or the result. */
  async(...values: readonly unknown[]): void;
}

export interface NativeLibrary {
  func(name: string, result: string, parameters: readonly string[]): NativeFunction;
}

/** What is used of koffi. */
export interface Koffi {
  /** @param library null: the functions of Node itself */
  load(library: string | null): NativeLibrary;
  errno(): number;
}

/** @throws when it is missing, or another than the one that was tested */
export function loadKoffi(): Koffi {
  const require = createRequire(import.meta.url);
  // On a machine that was delivered to; else in a checkout.
  const delivered = join(dirname(process.execPath), DELIVERED);
  const { arch } = process;
  const file = existsSync(delivered)
    ? delivered
    : require.resolve(`@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`);
  const library: unknown = require(file);
  if (!isKoffi(library)) throw new Error("another koffi than the one that was tested");
  return library;
}

function isKoffi(value: unknown): value is Koffi {
  return (
    typeof value === "object" &&
    value !== null &&
    "load" in value &&
    typeof value.load === "function" &&
    "errno" in value &&
    typeof value.errno === "function"
  );
}
