/** Hands the server a certificate that somebody else has made. */
import { CERTIFICATE_EVENTS } from "#contract";
import { formatTime } from "./expiry.ts";
import { writeCertificate } from "./files.ts";
import type { CertificateFile } from "./pem.ts";
import type { Run } from "./run.ts";

/** Writes it, and logs where it comes from unless that very one is there already. */
export async function deliverCertificate(
  { folder, log }: Run,
  name: string,
  certificate: CertificateFile,
  from: "extension" | "vault",
): Promise<void> {
  if (!(await writeCertificate(folder, name, certificate))) return;
  log("info", CERTIFICATE_EVENTS.delivered, {
    certificate: name,
    from,
    fingerprint: certificate.leaf.fingerprint256,
    expires: formatTime(certificate.notAfterMs),
  });
}
