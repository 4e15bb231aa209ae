/** Whether azure-native uploads blobs without the account's key (pulumi-azure-native, issue 2015). */
import { API, STORAGE_ACCOUNT, type AzureAccess } from "../azure/access.ts";
import { proven, refuted, type Trial, type Verdict } from "../checks.ts";

/** Azure says that such a switch can take so long. */
const SETTLE_SECONDS = 90;
const REFUSAL = /KeyBasedAuthenticationNotPermitted|Key based authentication is not permitted/i;

/** Switches shared keys off, and has a changed setting uploaded. Puts both back. */
export async function proveSharedKeys(trial: Trial, azure: AzureAccess): Promise<Verdict> {
  const account = `${await azure.idOf(STORAGE_ACCOUNT)}?api-version=${API.storage}`;
  const allow = async (allowSharedKeyAccess: boolean): Promise<void> => {
    await azure.management.request("PATCH", account, { properties: { allowSharedKeyAccess } });
    await trial.wait(SETTLE_SECONDS);
  };
  const before = trial.settings;
  await allow(false);
  try {
    await trial.up({ ...before, keepaliveSeconds: 45 });
    return refuted("With shared keys switched off a new blob was uploaded all the same.");
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    if (!REFUSAL.test(said)) throw error;
    return proven(said);
  } finally {
    await allow(true);
    await trial.up(before);
  }
}
