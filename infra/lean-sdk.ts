/**
 * Keeps Pulumi's SDK from loading what this program never uses. To be imported before the SDK.
 *
 * Merely importing the SDK loads the TypeScript compiler and npm's installer, for the
 * serialisation of functions: a third of a second and 70 MB in every preview. Both are replaced by
 * stand-ins that load the real module at the first use of it, so nothing is lost but the cost.
 * The SDK also takes a stack trace for every value it waits for, and has each one translated
 * through source maps: another 0.2 s and 100 MB. Node runs these files as they are, so their
 * traces need no translation.
 */
import Module, { createRequire } from "node:module";

/** Packages that the SDK loads on import and uses only to serialise functions. */
const UNUSED_AT_START = ["typescript", "@npmcli/arborist"];

const requireHere = createRequire(import.meta.url);
const requireOfSdk = createRequire(requireHere.resolve("@pulumi/pulumi"));

/** The SDK's own launcher; tests and the lab evaluate the program in a process that is theirs. */
const LAUNCHER = /[\\/]@pulumi[\\/]pulumi[\\/]cmd[\\/]run(?:[\\/]|$)/;

if (LAUNCHER.test(process.argv[1] ?? "")) {
  for (const name of UNUSED_AT_START) deferLoading(name);
  Reflect.deleteProperty(Error, "prepareStackTrace");
}

/** Puts a stand-in into the module cache, unless the package is loaded already or not there. */
function deferLoading(name: string): void {
  const file = resolve(name);
  if (file === undefined || requireOfSdk.cache[file] !== undefined) return;
  const standIn = new Module(file);
  standIn.filename = file;
  standIn.loaded = true;
  let real: object | undefined;
  const load = (): object => {
    if (real === undefined) {
      delete requireOfSdk.cache[file];
      real = Object(requireOfSdk(name));
    }
    return real ?? {};
  };
  standIn.exports = new Proxy(
    {},
    {
      // The SDK's compiled imports ask for this mark first; with it they take the module as it is.
      get: (_, key) => (key === "__esModule" ? true : Reflect.get(load(), key)),
      has: (_, key) => Reflect.has(load(), key),
      ownKeys: () => Reflect.ownKeys(load()),
      getOwnPropertyDescriptor: (_, key) => {
        const found = Reflect.getOwnPropertyDescriptor(load(), key);
        // A proxy may only report properties as configurable that its own target lacks.
        return found === undefined ? undefined : { ...found, configurable: true };
      },
    },
  );
  requireOfSdk.cache[file] = standIn;
}

function resolve(name: string): string | undefined {
  try {
    return requireOfSdk.resolve(name);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND")
      return undefined;
    throw error;
  }
}
