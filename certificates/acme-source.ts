/** Certificates that the machine orders itself, and keeps in a vault of the stack. */
import { CERTIFICATE_EVENTS, CHALLENGE_RECORD, type CertificateAgentSettings } from "#contract";
import { Authority } from "./acme/authority.ts";
import { readAccountKey, type AccountKey } from "./acme/jws.ts";
import { orderCertificate, type ChallengeAnswer } from "./acme/order.ts";
import { renewalTime, suggestedRenewalTime } from "./acme/renewal.ts";
import { renewalIdOf } from "./acme/signing-request.ts";
import { putTextRecords } from "./azure/dns-records.ts";
import { secretOfCertificate } from "./azure/key-vault.ts";
import { deliverCertificate } from "./delivery.ts";
import { CertificateError } from "./errors.ts";
import { formatTime } from "./expiry.ts";
import { certificatePath, readCertificate, writeCertificate } from "./files.ts";
import { parsePem, type CertificateFile } from "./pem.ts";
import { waitForRecords } from "./propagation.ts";
import type { Run } from "./run.ts";

type AcmeSource = Extract<
  CertificateAgentSettings["certificates"][number]["source"],
  { readonly kind: "acme" }
>;
type Account = NonNullable<CertificateAgentSettings["acme"]>;

/**
 * Leaves a certificate alone that covers the names and is not due; takes the vault's when it is
 * better than the file (a new machine orders nothing that is there already); orders otherwise.
 *
 * @throws CertificateError; the file in force stays.
 */
export async function keepOrdered(run: Run, name: string, source: AcmeSource): Promise<void> {
  const { folder, settings, status } = run;
  const account = settings.acme;
  if (account === undefined) {
    const fix = "run pulumi up; the stack writes both together";
    throw new CertificateError("settings", "certificates.json lacks the acme account", fix);
  }
  await storeLeftover(run, name, source, account);
  const current = await readCertificate(certificatePath(folder, name));
  if (current !== undefined && !isForeign(run, name, account) && !isDue(run, current, source)) {
    // Advice is only asked for by certificates that are otherwise fine.
    if (!(await isAdvised(run, account, current))) return;
  } else if (await takeFromVault(run, name, source, account)) {
    return;
  }
  if (isPostponed(run, name)) return;
  try {
    await order(run, name, source, account, current);
  } catch (error) {
    if (error instanceof CertificateError) {
      const { message: problem, retryAfterMs } = error;
      await status.failed(name, run.now(), { problem, retryAfterMs });
    }
    throw error;
  }
}

function isDue({ now }: Run, certificate: CertificateFile, { hostNames }: AcmeSource): boolean {
  const covers = hostNames.every((hostName) => certificate.names.includes(hostName));
  return !covers || now() >= renewalTime(certificate);
}

/** Another authority was asked for it: a trial at a staging area ends with the next run. */
function isForeign({ status }: Run, name: string, { directoryUrl }: Account): boolean {
  const issuedBy = status.of(name).directoryUrl;
  return issuedBy !== undefined && issuedBy !== directoryUrl;
}

async function isAdvised(
  run: Run,
  account: Account,
  certificate: CertificateFile,
): Promise<boolean> {
  const { patience, now } = run;
  try {
    const { directoryUrl } = account;
    const key = await accountKey(run, account);
    const { directory } = await Authority.open({ directoryUrl, key, patience });
    const due = await suggestedRenewalTime(directory.renewalInfo, certificate, patience);
    return due !== undefined && now() >= due;
  } catch (error) {
    // Advice is optional: without it, or without the vault, a third of the lifetime decides.
    if (error instanceof CertificateError) return false;
    throw error;
  }
}

/** True when the vault had one that is good and not due. */
async function takeFromVault(
  run: Run,
  name: string,
  source: AcmeSource,
  { directoryUrl }: Account,
): Promise<boolean> {
  const { now, status, vault } = run;
  const text = await vault.readSecret(secretOfCertificate(source.vaultCertificateId));
  const stored = text === undefined ? undefined : parseUsable(text, source.vaultCertificateId);
  if (stored === undefined || isDue(run, stored, source)) return false;
  await status.succeeded(name, now(), { unstored: false, directoryUrl });
  await deliverCertificate(run, name, stored, "vault");
  return true;
}

/** What is broken is as good as absent: another one is ordered. */
function parseUsable(text: string, origin: string): CertificateFile | undefined {
  try {
    return parsePem(text, origin);
  } catch (error) {
    if (error instanceof CertificateError) return undefined;
    throw error;
  }
}

/** A pause that the authority has imposed holds for everyone. */
function isPostponed({ status, now, immediate, log }: Run, name: string): boolean {
  const { nextAttempt, pauseIsImposed, lastProblem, failures } = status.of(name);
  if (nextAttempt === undefined || Date.parse(nextAttempt) <= now()) return false;
  if (immediate && !pauseIsImposed) return false;
  log("warn", CERTIFICATE_EVENTS.postponed, {
    certificate: name,
    nextAttempt,
    failures,
    problem: lastProblem,
  });
  return true;
}

async function order(
  run: Run,
  name: string,
  source: AcmeSource,
  account: Account,
  current: CertificateFile | undefined,
): Promise<void> {
  const { folder, log, now, patience, status, vault } = run;
  const key = await accountKey(run, account);
  const authority = await Authority.open({ directoryUrl: account.directoryUrl, key, patience });
  await authority.register({
    contactEmail: account.contactEmail,
    externalAccount: await externalAccount(run, account),
  });
  const pem = await orderCertificate({
    authority,
    key,
    hostNames: source.hostNames,
    keyType: account.keyType,
    replaces:
      current === undefined || authority.directory.renewalInfo === undefined
        ? undefined
        : renewalIdOf(current.pem),
    patience,
    publish: (answers) => publish(run, source, account, answers),
  });
  const issued = parsePem(pem, account.directoryUrl);
  await writeCertificate(folder, name, issued);
  log("info", CERTIFICATE_EVENTS.renewed, {
    certificate: name,
    names: source.hostNames.join(","),
    fingerprint: issued.leaf.fingerprint256,
    expires: formatTime(issued.notAfterMs),
  });
  // From here on the server has it; a vault that is away must not make anyone order another.
  const { directoryUrl } = account;
  await status.succeeded(name, now(), { unstored: true, directoryUrl });
  await vault.importCertificate(source.vaultCertificateId, issued.pem);
  await status.succeeded(name, now(), { unstored: false, directoryUrl });
}

/**
 * An earlier run has got a certificate that the vault did not take. That it still does not must
 * not keep this run from renewing.
 */
async function storeLeftover(
  { folder, log, now, status, vault }: Run,
  name: string,
  { vaultCertificateId }: AcmeSource,
  { directoryUrl }: Account,
): Promise<void> {
  if (!status.of(name).unstored) return;
  const current = await readCertificate(certificatePath(folder, name));
  if (current === undefined) return;
  try {
    await vault.importCertificate(vaultCertificateId, current.pem);
    await status.succeeded(name, now(), { unstored: false, directoryUrl });
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    const { kind, message: problem, fix } = error;
    log("error", CERTIFICATE_EVENTS.failed, { certificate: name, kind, problem, fix });
  }
}

async function accountKey({ vault }: Run, { accountKeySecretId }: Account): Promise<AccountKey> {
  return readAccountKey(await vault.requireSecret(accountKeySecretId, MADE_BY_STACK));
}

async function externalAccount({ vault }: Run, { externalAccount: bound }: Account) {
  if (bound === undefined) return undefined;
  return {
    keyId: bound.keyId,
    key: (await vault.requireSecret(bound.keySecretId, MADE_BY_STACK)).trim(),
  };
}

/** What to do about a secret of the stack that is not there. */
const MADE_BY_STACK = "run pulumi up, which makes it";

/** Writes the answers of all challenges, a record set at a time, and waits until they are seen. */
async function publish(
  { azure, settings, patience }: Run,
  { challenges }: AcmeSource,
  { zoneName }: Account,
  answers: readonly ChallengeAnswer[],
): Promise<AsyncDisposable> {
  const { management, nameServers } = settings.endpoints;
  const records = challenges
    .map((challenge) => ({
      ...challenge,
      // A name and its wildcard are two challenges with one record.
      values: answers
        .filter(({ hostName }) => hostName === challenge.hostName)
        .map(({ value }) => value),
    }))
    .filter(({ values }) => values.length > 0);
  await using written = new AsyncDisposableStack();
  for (const { recordSetId, values } of records) {
    written.defer(() =>
      putTextRecords(azure, management, recordSetId, [CHALLENGE_RECORD.idleValue]),
    );
    await putTextRecords(azure, management, recordSetId, values);
  }
  await waitForRecords(records, { zoneName, nameServers, patience });
  return written.move();
}
