/** Opens what a run needs: a folder, a working copy, the engine, and access to Azure. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { SettingsInput } from "#contract";
import type { Level } from "../lab/levels.ts";
import { openAzureAccess, type AzureAccess } from "./azure/access.ts";
import { findCredentials, MANAGEMENT_ENDPOINT } from "./azure/credentials.ts";
import { openManagement } from "./azure/management.ts";
import type { Engine } from "./engine.ts";
import { AcceptanceError } from "./errors.ts";
import { openLabEngine } from "./lab-engine.ts";
import { openPulumiEngine } from "./pulumi-engine.ts";
import { changeServer, copyProject, PROJECT_FOLDER } from "./working-copy.ts";

export interface RunRequest {
  /** Also the name of the stack. */
  readonly name: string;
  readonly engine: "azure" | "lab";
  readonly location: string;
  readonly level: Level | undefined;
  readonly size: string | undefined;
  /** Of an earlier run, whose folder is there. */
  readonly resumed: boolean;
  readonly say: (line: string) => void;
}

export interface OpenedRun {
  readonly engine: Engine;
  readonly azure: AzureAccess | undefined;
  readonly settings: SettingsInput;
  readonly changeServer: () => Promise<void>;
  readonly patienceSeconds: number;
  readonly revision: string | undefined;
  /** Ids that identify the subscription. */
  readonly secrets: readonly string[];
}

/** A machine of Azure boots, is prepared and starts its server within this time. */
const AZURE_PATIENCE_SECONDS = 300;
const LAB_PATIENCE_SECONDS = 30;
const POLL_SECONDS = 5;

/** @throws AcceptanceError that says what is missing. */
export async function openRun(request: RunRequest, givingUp: AbortSignal): Promise<OpenedRun> {
  const { name, engine: kind, size, resumed, say } = request;
  const folder = join(PROJECT_FOLDER, ".gangway", "acceptance", name);
  const projectFolder = join(folder, "project");
  if (resumed && !existsSync(projectFolder)) {
    throw new AcceptanceError(`There is no run ${name}: ${folder} does not exist.`);
  }
  const azureSide = kind === "azure" ? await findCredentials(process.env) : undefined;
  // A sign-in that has run out is told before anything is made.
  await azureSide?.token();
  const pulumiVersion = kind === "azure" ? await requirePulumi() : undefined;
  if (!resumed) {
    await mkdir(projectFolder, { recursive: true, mode: 0o700 });
    await copyProject(projectFolder);
  }
  const shared = {
    settings: { environment: "dev" as const, ...(size === undefined ? {} : { machine: { size } }) },
    changeServer: () => changeServer(projectFolder),
    revision: await readRevision(),
  };
  const place = { projectFolder, folder, stack: name, say: quietly(say) };
  if (azureSide === undefined) {
    const engine = await openLabEngine({ ...place, level: request.level });
    const patienceSeconds = LAB_PATIENCE_SECONDS;
    return { ...shared, engine, azure: undefined, patienceSeconds, secrets: [] };
  }
  const { location } = request;
  const { subscriptionId, token } = azureSide;
  const engine = await openPulumiEngine({
    ...place,
    location,
    environment: { ARM_SUBSCRIPTION_ID: subscriptionId },
    description: [
      `Region ${location}, signed in with ${azureSide.description}; Pulumi ${pulumiVersion ?? ""}, @pulumi/azure-native ${await versionOf("@pulumi/azure-native")}.`,
    ],
  });
  const management = openManagement({
    endpoint: MANAGEMENT_ENDPOINT,
    token,
    signal: givingUp,
    pollSeconds: POLL_SECONDS,
  });
  const azure = openAzureAccess({
    ...{ management, engine, location, subscriptionId },
    ...{ stack: name, resumed },
  });
  const tenant = process.env["ARM_TENANT_ID"];
  const secrets = [subscriptionId, ...(tenant === undefined ? [] : [tenant])];
  return { ...shared, engine, azure, patienceSeconds: AZURE_PATIENCE_SECONDS, secrets };
}

/** Output of the engine stands apart from what the run says itself. */
const quietly = (say: (line: string) => void) => (text: string) => {
  for (const line of text.split("\n")) if (line.trim() !== "") say(`    │ ${line}`);
};

async function requirePulumi(): Promise<string> {
  try {
    return (await promisify(execFile)("pulumi", ["version"])).stdout.trim();
  } catch {
    throw new AcceptanceError(
      "The Pulumi CLI is not on the PATH.",
      "Install it from https://www.pulumi.com/docs/iac/download-install/. Without Azure: npm run acceptance -- --engine lab",
    );
  }
}

async function readRevision(): Promise<string | undefined> {
  try {
    const options = { cwd: PROJECT_FOLDER };
    const args = ["describe", "--always", "--dirty"];
    return (await promisify(execFile)("git", args, options)).stdout.trim();
  } catch {
    return undefined; // an archive, not a clone
  }
}

async function versionOf(name: string): Promise<string> {
  const file = join(PROJECT_FOLDER, "node_modules", name, "package.json");
  return (JSON.parse(await readFile(file, "utf8")) as { readonly version: string }).version;
}
