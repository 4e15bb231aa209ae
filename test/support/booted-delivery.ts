/** Delivers other bundles to the booted machine of a stack, as the stack's own Run Command does. */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { BUNDLE_LAYOUT } from "#contract";
import { writeArchive } from "../../infra/bundle/archive.ts";
import type { RunCommandResult } from "../../lab/cloud/effects.ts";
import type { CloudResource } from "../../lab/cloud/state.ts";
import { listAt, textAt } from "../../lab/cloud/values.ts";
import { effectsOfLevel } from "../../lab/effects-of-level.ts";
import type { LabStack } from "./lab-stack.ts";
import { runInMachine } from "./machine-level.ts";

const run = promisify(execFile);
const TIMEOUT_SECONDS = 600;

/** The stack's only machine. */
export function machineOf(stack: LabStack): CloudResource {
  const [machine] = stack.state.ofType("azure-native:compute:VirtualMachine");
  if (machine === undefined) throw new Error("the stack has no machine");
  return machine;
}

/** The unit of the generation in force. */
export async function serviceOf(stack: LabStack): Promise<string> {
  const { output } = await runInMachine(
    stack.folder,
    stack.machineName,
    'basename "$(readlink /opt/gangway/current)"',
  );
  return `gangway@${output.trim()}.service`;
}

/**
 * Delivers once more what the stack did, with another server in it.
 *
 * @param change what becomes of the delivered server's code.
 */
export async function deliverServer(
  stack: LabStack,
  change: (code: string) => string,
): Promise<RunCommandResult> {
  const { state, folder } = stack;
  const [command] = state.ofType("azure-native:compute:VirtualMachineRunCommandByVirtualMachine");
  const old = state
    .ofType("azure-native:storage:Blob")
    .find(({ outputs }) => textAt(outputs, "url")?.includes("/server-") === true);
  if (command === undefined || old === undefined) throw new Error("the stack delivered nothing");
  const oldUrl = textAt(old.outputs, "url") ?? "";
  const archive = await repack(join(folder, "archives"), state.blobFile(oldUrl) ?? "", change);
  const url = `${oldUrl}-${archive.sha256}`;
  const source = { asset: { hash: archive.sha256, file: join(folder, "archives", archive.name) } };
  state.keepContent(source);
  state.put({
    ...old,
    id: `${old.id}-${archive.sha256}`,
    inputs: { ...old.inputs, source },
    outputs: { ...old.outputs, url },
  });
  const parameters = ["parameters", "protectedParameters"].flatMap((property) =>
    listAt(command.inputs, property).map((each) => [
      textAt(each, "name") ?? "",
      textAt(each, "value") ?? "",
    ]),
  );
  const effects = await effectsOfLevel("machine", folder);
  return effects.runCommand({
    state,
    machine: machineOf(stack),
    name: command.name,
    script: textAt(command.inputs, "source", "script") ?? "",
    parameters: {
      ...Object.fromEntries(parameters),
      serverUrl: url,
      serverSha256: archive.sha256,
    },
    protectedNames: [],
    inputs: command.inputs,
    timeoutSeconds: TIMEOUT_SECONDS,
  });
}

async function repack(folder: string, archive: string, change: (code: string) => string) {
  const unpacked = join(folder, `unpacked-${randomUUID()}`);
  await mkdir(unpacked, { recursive: true });
  await run("tar", ["--zstd", "-C", unpacked, "-xf", archive]);
  const server = join(unpacked, BUNDLE_LAYOUT.server);
  await writeFile(server, change(await readFile(server, "utf8")));
  const entries = await readdir(unpacked, { withFileTypes: true, recursive: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ path: file.slice(unpacked.length + 1), file, executable: false }));
  try {
    return await writeArchive(folder, "server", files);
  } finally {
    await rm(unpacked, { recursive: true, force: true });
  }
}
