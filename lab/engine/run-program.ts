/** Runs a Pulumi program in this process, with the lab's monitor in place of Pulumi's engine. */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import type { Deployment } from "./deployment.ts";
import { openMonitor } from "./monitor.ts";
import type { Project } from "./project.ts";
import type { ProviderOperations } from "./provider-operations.ts";

/** Counts runs: a program's module runs again only under another address. */
let runs = 0;

/** The part of the SDK's runtime that runs a program; the program's own copy is used. */
interface Runtime {
  setMockOptions(
    monitor: unknown,
    project: string,
    stack: string,
    preview: boolean,
    organization: string,
  ): void;
  setAllConfig(config: Readonly<Record<string, string>>, secretKeys: readonly string[]): void;
  runInPulumiStack(program: () => Promise<unknown>): Promise<unknown>;
  disconnect(): Promise<void>;
}

/** A program with everything it is run with. */
export interface ProgramRun {
  readonly project: Project;
  readonly stack: string;
  readonly preview: boolean;
  /** Settings by full name. */
  readonly config: Readonly<Record<string, string>>;
  /** Full names of secret settings. */
  readonly secretKeys: readonly string[];
  readonly deployment: Deployment;
  readonly providers: ReadonlyMap<string, ProviderOperations>;
}

/**
 * Runs a program until everything it registered is settled.
 *
 * @throws Error of the first resource or function that failed, otherwise of the program.
 */
export async function runProgram(step: ProgramRun): Promise<void> {
  const { project, stack, preview, config, secretKeys, deployment, providers } = step;
  const { runtime } = createRequire(project.program)("@pulumi/pulumi") as {
    readonly runtime: Runtime;
  };
  const { monitor, failure } = openMonitor(project.program, {
    project: project.name,
    stack,
    folder: project.programFolder,
    deployment,
    providers,
  });
  runtime.setMockOptions(monitor, project.name, stack, preview, ORGANIZATION);
  runtime.setAllConfig(config, secretKeys);
  // A failed resource rejects every value that depends on it, and the program handles hardly any.
  let unhandled: unknown;
  const onUnhandled = (reason: unknown): void => {
    unhandled ??= reason ?? new Error("The program rejected a promise without a reason.");
  };
  process.on("unhandledRejection", onUnhandled);
  let thrown: unknown;
  // The engine starts a program in its own folder.
  const folder = process.cwd();
  process.chdir(project.programFolder);
  try {
    await runtime.runInPulumiStack(() => load(project.program));
  } catch (error) {
    thrown = error;
  }
  try {
    await runtime.disconnect();
    // Rejections are announced once the microtasks are done.
    await new Promise((resolve) => setImmediate(resolve));
  } catch (error) {
    thrown ??= error;
  } finally {
    process.chdir(folder);
    process.off("unhandledRejection", onUnhandled);
  }
  const problem: unknown = failure() ?? thrown ?? unhandled;
  if (problem !== undefined) throw problem instanceof Error ? problem : new Error(String(problem));
}

const ORGANIZATION = "organization";

/** Runs the program's module; a default export may be a function or what the stack returns. */
async function load(program: string): Promise<unknown> {
  runs += 1;
  const address = `${pathToFileURL(program).href}?run=${runs}`;
  const module = (await import(/* @vite-ignore */ address)) as Readonly<Record<string, unknown>>;
  const exported = "default" in module ? module["default"] : module;
  return typeof exported === "function"
    ? (exported as () => unknown)()
    : { ...(exported as object) };
}
