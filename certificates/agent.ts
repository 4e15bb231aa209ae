/** One run of the agent: every certificate is there, usable and renewed in time, or says why not. */
import { CERTIFICATE_EVENTS, type CertificateAgentSettings } from "#contract";
import { keepOrdered } from "./acme-source.ts";
import { Azure } from "./azure/azure.ts";
import { KeyVault } from "./azure/key-vault.ts";
import { CertificateError } from "./errors.ts";
import { certificatePath, readCertificate, removeOthers } from "./files.ts";
import type { CertificateFile } from "./pem.ts";
import { endsSoon, formatTime } from "./expiry.ts";
import type { AgentOptions, Run } from "./run.ts";
import { Status } from "./status.ts";
import { fetchFromVault } from "./vault-source.ts";

type Certificate = CertificateAgentSettings["certificates"][number];

/**
 * Brings every certificate up to date, one after another: authorities count requests.
 *
 * @returns false when one of them has no usable file afterwards.
 */
export async function runAgent(options: AgentOptions): Promise<boolean> {
  const { settings, folder, stateFolder, immediate, patience, log } = options;
  const { endpoints, identityClientId, certificates } = settings;
  const azure = new Azure(endpoints.metadata, identityClientId, patience);
  const vault = new KeyVault(azure, endpoints.vaultAudience);
  const run: Run = { ...options, azure, vault, status: await Status.open(stateFolder) };
  let usable = 0;
  for (const certificate of certificates) {
    if (await bringUpToDate(run, certificate)) usable++;
  }
  // During a delivery the server may still read what the previous settings named.
  if (!immediate) {
    await removeOthers(
      folder,
      certificates.map(({ name }) => name),
    );
  }
  log("info", CERTIFICATE_EVENTS.checked, { certificates: certificates.length, usable });
  return usable === certificates.length;
}

async function bringUpToDate(run: Run, certificate: Certificate): Promise<boolean> {
  const { folder, log, now } = run;
  const { name } = certificate;
  const failure = await obtain(run, certificate).then(() => undefined, expectFailure);
  const current = await readCertificate(certificatePath(folder, name));
  if (failure !== undefined) {
    log("error", CERTIFICATE_EVENTS.failed, {
      certificate: name,
      kind: failure.kind,
      problem: failure.message,
      fix: failure.fix,
      expires: current === undefined ? undefined : formatTime(current.notAfterMs),
      nextAttempt: run.status.of(name).nextAttempt,
    });
  }
  if (current === undefined) return false;
  warnOfEnd(run, name, current);
  return current.notAfterMs > now();
}

/** Anything but a CertificateError is a bug, and ends the run. */
function expectFailure(error: unknown): CertificateError {
  if (error instanceof CertificateError) return error;
  throw error;
}

async function obtain(run: Run, { name, source }: Certificate): Promise<void> {
  switch (source.kind) {
    case "secret":
      return fetchFromVault(run, name, source);
    case "acme":
      return keepOrdered(run, name, source);
  }
}

function warnOfEnd({ log, now }: Run, name: string, certificate: CertificateFile): void {
  if (!endsSoon(certificate, now())) return;
  log("error", CERTIFICATE_EVENTS.expiring, {
    certificate: name,
    expires: formatTime(certificate.notAfterMs),
    fix: "renew it where it comes from; docs/certificates.md says how for each kind",
  });
}
