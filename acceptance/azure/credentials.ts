/** Who is signed in to Azure: a service principal of the environment, or the Azure CLI. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { AcceptanceError } from "../errors.ts";

export interface AzureCredentials {
  readonly subscriptionId: string;
  /** One line for the report, without ids. */
  readonly description: string;
  /** A token for Azure Resource Manager that is good for some minutes. */
  readonly token: () => Promise<string>;
}

export const MANAGEMENT_ENDPOINT = "https://management.azure.com";
const LOGIN_ENDPOINT = "https://login.microsoftonline.com";
/** Fetched anew when it would end within this time. */
const RESERVE_MILLISECONDS = 5 * 60 * 1000;

/** @throws AcceptanceError that says how to sign in. */
export async function findCredentials(env: NodeJS.ProcessEnv): Promise<AzureCredentials> {
  const { ARM_CLIENT_ID, ARM_CLIENT_SECRET, ARM_TENANT_ID, ARM_SUBSCRIPTION_ID } = env;
  if (ARM_CLIENT_ID !== undefined && ARM_CLIENT_SECRET !== undefined) {
    if (ARM_TENANT_ID === undefined || ARM_SUBSCRIPTION_ID === undefined) {
      throw new AcceptanceError(
        "ARM_CLIENT_ID and ARM_CLIENT_SECRET are set, ARM_TENANT_ID or ARM_SUBSCRIPTION_ID is not.",
        "Set all four, or none and sign in with: az login",
      );
    }
    return {
      subscriptionId: ARM_SUBSCRIPTION_ID,
      description: "a service principal (ARM_CLIENT_ID)",
      token: kept(() => requestToken(ARM_TENANT_ID, ARM_CLIENT_ID, ARM_CLIENT_SECRET)),
    };
  }
  const account = (await az(["account", "show"])) as { readonly id?: string };
  const subscriptionId = ARM_SUBSCRIPTION_ID ?? account.id;
  if (subscriptionId === undefined) throw new AcceptanceError(SIGN_IN);
  return {
    subscriptionId,
    description: "the Azure CLI",
    token: kept(() => tokenOfCli(subscriptionId)),
  };
}

const SIGN_IN =
  "Nobody is signed in to Azure. Sign in with `az login` and choose with `az account set --subscription NAME`, or set ARM_CLIENT_ID, ARM_CLIENT_SECRET, ARM_TENANT_ID and ARM_SUBSCRIPTION_ID.";

interface Token {
  readonly text: string;
  readonly endsAt: number;
}

function kept(fetchToken: () => Promise<Token>): () => Promise<string> {
  let current: Token | undefined;
  return async () => {
    if (current === undefined || current.endsAt - Date.now() < RESERVE_MILLISECONDS) {
      current = await fetchToken();
    }
    return current.text;
  };
}

async function tokenOfCli(subscriptionId: string): Promise<Token> {
  const answer = (await az([
    ...["account", "get-access-token", "--subscription", subscriptionId],
    ...["--resource", MANAGEMENT_ENDPOINT],
  ])) as { readonly accessToken?: string; readonly expires_on?: number };
  if (answer.accessToken === undefined) throw new AcceptanceError(SIGN_IN);
  return { text: answer.accessToken, endsAt: (answer.expires_on ?? 0) * 1000 };
}

async function requestToken(tenant: string, id: string, secret: string): Promise<Token> {
  const response = await fetch(`${LOGIN_ENDPOINT}/${tenant}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: id,
      client_secret: secret,
      scope: `${MANAGEMENT_ENDPOINT}/.default`,
    }),
  }).catch((error: unknown) => {
    const { cause, message } = error as Error;
    const reason = cause instanceof Error ? cause.message : message;
    throw new AcceptanceError(`${LOGIN_ENDPOINT} cannot be reached: ${reason}.`);
  });
  const answer = (await response.json()) as {
    readonly access_token?: string;
    readonly expires_in?: number;
    readonly error_description?: string;
  };
  if (answer.access_token === undefined) {
    throw new AcceptanceError(
      `Azure does not let the service principal in: ${answer.error_description?.split("\n")[0] ?? `HTTP ${String(response.status)}`}`,
    );
  }
  return { text: answer.access_token, endsAt: Date.now() + (answer.expires_in ?? 0) * 1000 };
}

async function az(args: readonly string[]): Promise<unknown> {
  try {
    const { stdout } = await promisify(execFile)("az", [...args, "--output", "json"]);
    return JSON.parse(stdout);
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new AcceptanceError(
      missing
        ? "The Azure CLI (az) is not on the PATH, and ARM_CLIENT_ID and ARM_CLIENT_SECRET are not set."
        : SIGN_IN,
      missing
        ? "Install it from https://learn.microsoft.com/cli/azure/install-azure-cli."
        : undefined,
    );
  }
}
