/**
 * Pulumi's command provider for evaluations without the CLI: `local.Command` and `local.run`
 * really execute, with the semantics of version 1.2.1. `remote` is not simulated.
 */
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { NotSimulated } from "../cloud/errors.ts";
import { sha256 } from "../cloud/state.ts";
import {
  compact,
  differences,
  isRecord,
  listAt,
  textAt,
  UNKNOWN,
  type Properties,
} from "../cloud/values.ts";
import type {
  CreateRequest,
  InvokeResult,
  ProviderOperations,
  ResourceState,
  UpdateRequest,
} from "./provider-operations.ts";

const COMMAND = "command:local:Command";
const RUN = "command:local:run";
const ID_DIGITS = 8;

/** Where commands run and where their lines go. */
export interface CommandSurroundings {
  /** Working folder: that of the program's `main`, as under the real engine. */
  readonly folder: string;
  /** Takes each line that a command prints, unless its `logging` says otherwise. */
  readonly log: (line: string) => void;
}

/** The command provider. */
export function openCommandProvider(surroundings: CommandSurroundings): ProviderOperations {
  return {
    name: "command",
    check: ({ type, inputs }) => {
      refuse(type, inputs);
      return { inputs, failures: [] };
    },
    diff: ({ oldInputs, newInputs }) => ({
      differences: differences(oldInputs, newInputs).map((difference) => ({
        ...difference,
        replaces: /^triggers\b/.test(difference.path),
      })),
      deleteBeforeReplace: false,
    }),
    create: async (request) => {
      const name = request.urn.slice(request.urn.lastIndexOf("::") + 2);
      const id = request.preview ? "" : `${name}${sha256(request.urn).slice(0, ID_DIGITS)}`;
      return execute(request, id, textAt(request.inputs, "create"), {}, surroundings);
    },
    update: async (request) => {
      const { inputs, oldOutputs, id } = request;
      const command = textAt(inputs, "update") ?? textAt(inputs, "create");
      return execute(request, id, command, oldOutputs, surroundings);
    },
    delete: async ({ inputs, outputs }) => {
      const command = textAt(inputs, "delete");
      if (command !== undefined) await runLocally(command, inputs, outputs, surroundings);
    },
    read: async () => undefined,
    invoke: async (token, args): Promise<InvokeResult> => {
      if (token !== RUN) throw new NotSimulated(token);
      refuse(RUN, args);
      const printed = await runLocally(textAt(args, "command") ?? "", args, {}, surroundings);
      return { outputs: { ...args, ...printed }, secrets: [] };
    },
  };
}

function refuse(type: string, inputs: Properties): void {
  if (type !== COMMAND && type !== RUN) throw new NotSimulated(type);
  for (const property of ["assetPaths", "archivePaths"]) {
    if (inputs[property] !== undefined) throw new NotSimulated(type, property);
  }
}

/** Everything a command returns may hold a secret as soon as one of its inputs is one. */
async function execute(
  request: CreateRequest | UpdateRequest,
  id: string,
  command: string | undefined,
  before: Properties,
  surroundings: CommandSurroundings,
): Promise<ResourceState> {
  const { inputs, secrets, preview } = request;
  const kept = { stdout: textAt(before, "stdout") ?? "", stderr: textAt(before, "stderr") ?? "" };
  const printed =
    preview || command === undefined
      ? kept
      : await runLocally(command, inputs, before, surroundings);
  const unknown = { stdout: UNKNOWN, stderr: UNKNOWN };
  const outputs = { ...inputs, ...(preview ? unknown : printed) };
  return { id, outputs, secrets: secrets.length === 0 ? [] : Object.keys(outputs) };
}

/** What a command printed, each without its last line end. */
interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a shell command.
 *
 * @throws Error with the command's output when it does not end with 0.
 */
async function runLocally(
  command: string,
  inputs: Properties,
  before: Properties,
  { folder, log }: CommandSurroundings,
): Promise<Printed & Properties> {
  const [program = "/bin/sh", ...options] = interpreterOf(inputs);
  const logging = textAt(inputs, "logging") ?? "stdoutAndStderr";
  const child = spawn(program, [...options, command], {
    cwd: resolve(folder, textAt(inputs, "dir") ?? ""),
    env: { ...process.env, ...environmentOf(inputs, before) },
    stdio: ["pipe", "pipe", "pipe"],
  });
  // A command that does not read its input closes the pipe early; that is its right.
  child.stdin.on("error", () => undefined);
  child.stdin.end(textAt(inputs, "stdin") ?? "");
  const both: Buffer[] = [];
  const collect = async (stream: NodeJS.ReadableStream): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) {
      const bytes = Buffer.from(chunk);
      chunks.push(bytes);
      both.push(bytes);
    }
    return Buffer.concat(chunks).toString();
  };
  const ended = new Promise<string>((done, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) =>
      done(code === 0 ? "" : code === null ? `signal: ${String(signal)}` : `exit status ${code}`),
    );
  });
  const [failure, stdout, stderr] = await Promise.all([
    ended,
    collect(child.stdout),
    collect(child.stderr),
  ]);
  const lines = (text: string): void => text.split("\n").filter(Boolean).forEach(log);
  if (/^stdout/.test(logging)) lines(stdout);
  if (/stderr$/i.test(logging)) lines(stderr);
  if (failure !== "") {
    throw new Error(
      `${failure}: running ${JSON.stringify(command)}:\n${Buffer.concat(both).toString()}`,
    );
  }
  return { stdout: stdout.replace(/\n$/, ""), stderr: stderr.replace(/\n$/, "") };
}

function interpreterOf(inputs: Properties): readonly string[] {
  const declared = listAt(inputs, "interpreter").filter((item) => typeof item === "string");
  if (declared.length > 0) return declared;
  return process.platform === "win32" ? ["cmd", "/C"] : ["/bin/sh", "-c"];
}

function environmentOf(inputs: Properties, before: Properties): Readonly<Record<string, string>> {
  const declared = inputs["environment"];
  const previous =
    inputs["addPreviousOutputInEnv"] === false
      ? {}
      : {
          PULUMI_COMMAND_STDOUT: textAt(before, "stdout") || undefined,
          PULUMI_COMMAND_STDERR: textAt(before, "stderr") || undefined,
        };
  const all = compact({ ...(isRecord(declared) ? declared : {}), ...previous });
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [key, String(value)]));
}
