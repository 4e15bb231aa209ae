/** PKCS #12, as vaults keep imported certificates, to PEM; by openssl, which every image has. */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { CertificateError } from "../errors.ts";

/** @throws CertificateError when openssl cannot read it. */
export async function pemOfPkcs12(pkcs12: Buffer, origin: string): Promise<string> {
  const modern = await runOpenssl([], pkcs12);
  if (modern.ok) return modern.text;
  // Files of older exports are encrypted with RC2 or 3DES.
  const legacy = await runOpenssl(["-legacy"], pkcs12);
  if (legacy.ok) return legacy.text;
  throw new CertificateError(
    "certificate",
    `${origin} is PKCS #12 that openssl cannot read: ${modern.text.trim().split("\n")[0] ?? ""}`,
    "import the certificate into the vault again, with an exportable key",
  );
}

async function runOpenssl(
  more: readonly string[],
  input: Buffer,
): Promise<{ readonly ok: boolean; readonly text: string }> {
  const child = spawn("openssl", ["pkcs12", ...more, "-nodes", "-passin", "pass:"], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const ended = new Promise<number>((resolve) => {
    child.once("error", () => {
      resolve(-1);
    });
    child.once("close", (code) => {
      resolve(code ?? -1);
    });
  });
  // openssl may end before it has read everything; its exit code tells.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return code === 0 ? { ok: true, text: output } : { ok: false, text: errors };
}
