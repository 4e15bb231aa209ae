/** Whether azure-native uploads blobs without the account's key (pulumi-azure-native, issue 2015). */
import { API, STORAGE_ACCOUNT, type AzureAccess } from "../azure/access.ts";
import { proven, refuted, type Trial, type Verdict } from "../checks.ts";

/** Azure says that such a switch can take so long. */
const SETTLE_SECONDS = 90;
const REFUSAL = /KeyBasedAuthenticationNotPermitted|Key based authentication is not permitted/i;

/** Switches shared keys off, and has a changed setting uploaded. Puts both back. */
export async function proveSharedKeys(trial: Trial, azure: AzureAccess): Promise<Verdict> {
  const account = `${await azure.idOf(STORAGE_ACCOUNT)}?api-version=${API.storage}`;
  const allow = (allowSharedKeyAccess: boolean) =>
    azure.management.request("PATCH", account, { properties: { allowSharedKeyAccess } });
  const before = trial.settings;
  try {
    await allow(false);
    await trial.wait(SETTLE_SECONDS);
    await trial.up({ ...before, keepaliveSeconds: 45 });
    return refuted("With shared keys switched off a new blob was uploaded all the same.");
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    if (!REFUSAL.test(said)) throw error;
    return proven(said);
  } finally {
    // After Ctrl-C as well: without its keys the account's blobs could not be deleted either.
    await allow(true);
    await trial.settle(SETTLE_SECONDS);
    if (!trial.signal.aborted) await trial.up(before);
  }
}
