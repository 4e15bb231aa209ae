/** Reads a server's certificate, chain and key, and the authorities of its clients. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { ContractError } from "#contract";

/** Where chain and key come from: files that a reload reads again, or PEM text. */
export type CertificateSource =
  | {
      /** PEM chain, leaf first; with the key in it unless `keyFile` is given. */
      readonly certificateFile: string;
      readonly keyFile?: string | undefined;
    }
  | {
      /** PEM chain and key in one text, in any order. */
      readonly pem: string;
    };

/** What is known of the certificate in force. */
export interface CertificateFacts {
  readonly subject: string;
  /** Milliseconds since the epoch, UTC. */
  readonly expiresMs: number;
  /** SHA-256 of the leaf, upper-case hexadecimal with colons. */
  readonly fingerprint256: string;
}

/** A certificate that was read: what a context is made of. */
export interface ServerCertificate {
  readonly chain: string;
  readonly key: string;
  readonly facts: CertificateFacts;
  /** An error about this certificate, from OpenSSL's. */
  readonly refused: (cause: unknown) => ContractError;
}

const FIRST_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/u;

/**
 * @param setting where the settings of the certificate stand.
 * @throws ContractError when a file cannot be read or holds no certificate.
 */
export async function readServerCertificate(
  source: CertificateSource,
  setting: string,
): Promise<ServerCertificate> {
  const { chain, key, finding } = await readSource(source, setting);
  return {
    chain,
    key,
    facts: readFacts(chain, finding),
    refused: (cause) => finding(describeOpenSslError(cause), cause),
  };
}

/**
 * The authorities that the certificates of clients come from.
 *
 * @param setting where the settings of client certificates stand.
 * @throws ContractError when the file cannot be read or holds something else.
 */
export async function readAuthorities(
  { authorities, authoritiesFile }: { authorities: string; authoritiesFile?: string | undefined },
  setting: string,
): Promise<readonly string[]> {
  const fromFile =
    authoritiesFile === undefined
      ? ""
      : await readPem(`${setting}.authoritiesFile`, authoritiesFile, AUTHORITIES_FIX);
  const found = (text: string): string[] =>
    text.match(new RegExp(FIRST_CERTIFICATE.source, "gu")) ?? [];
  if (authoritiesFile !== undefined && found(fromFile).length === 0) {
    throw findingOf(
      `${setting}.authoritiesFile`,
      authoritiesFile,
      AUTHORITIES_FIX,
    )("holds no PEM certificate", undefined);
  }
  const all = [...found(authorities), ...found(fromFile)];
  for (const each of all) {
    try {
      new X509Certificate(each);
    } catch (error) {
      const [name, value] =
        authoritiesFile !== undefined && fromFile.includes(each)
          ? ["authoritiesFile", authoritiesFile]
          : ["authorities", "(PEM text)"];
      throw findingOf(
        `${setting}.${name}`,
        value,
        AUTHORITIES_FIX,
      )("holds a certificate that cannot be parsed", error);
    }
  }
  return all;
}

type FindingOf = (problem: string, cause: unknown) => ContractError;

async function readSource(
  source: CertificateSource,
  setting: string,
): Promise<{ readonly chain: string; readonly key: string; readonly finding: FindingOf }> {
  if ("pem" in source) {
    const finding = findingOf("certificate", "(PEM text)", CERTIFICATE_FIX);
    return { chain: source.pem, key: source.pem, finding };
  }
  const { certificateFile, keyFile } = source;
  const chain = await readPem(`${setting}.certificateFile`, certificateFile, CERTIFICATE_FIX);
  return {
    chain,
    key:
      keyFile === undefined ? chain : await readPem(`${setting}.keyFile`, keyFile, CERTIFICATE_FIX),
    finding: findingOf(`${setting}.certificateFile`, certificateFile, CERTIFICATE_FIX),
  };
}

async function readPem(setting: string, file: string, fix: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw findingOf(
      setting,
      file,
      fix,
    )(
      error instanceof Error && "code" in error && error.code === "ENOENT"
        ? "does not exist"
        : "cannot be read",
      error,
    );
  }
}

function readFacts(chain: string, finding: FindingOf): CertificateFacts {
  const leaf = FIRST_CERTIFICATE.exec(chain)?.[0];
  if (leaf === undefined) throw finding("holds no PEM certificate", undefined);
  try {
    const certificate = new X509Certificate(leaf);
    return {
      subject: certificate.subject.replaceAll("\n", ", "),
      expiresMs: certificate.validToDate.getTime(),
      fingerprint256: certificate.fingerprint256,
    };
  } catch (error) {
    throw finding("holds a certificate that cannot be parsed", error);
  }
}

function describeOpenSslError(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH") return "does not belong to its key";
  if (code === "ERR_OSSL_PEM_NO_START_LINE" || code === "ERR_OSSL_UNSUPPORTED") {
    return "comes without a private key";
  }
  return `is refused by OpenSSL (${code === "" ? "unknown reason" : code})`;
}

const CERTIFICATE_FIX =
  "give a PEM file with the chain, leaf first, and its unencrypted key, or the key in a keyFile of its own";
const AUTHORITIES_FIX = "give the PEM certificates of the authorities that sign for your clients";

function findingOf(setting: string, value: string, fix: string): FindingOf {
  return (problem, cause) => {
    const error = new ContractError([{ setting, value, problem, fix }]);
    error.cause = cause;
    return error;
  };
}
