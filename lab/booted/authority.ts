/**
 * The certificate authority behind the names of the simulated services. Only the lab's machines
 * trust it; it lives and goes with the lab's folder.
 */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { writeWhole } from "../cloud/state.ts";
import { BLOB_DOMAIN } from "./blob-endpoint.ts";
import { VAULT_DOMAIN } from "./vault-endpoint.ts";

/** PEM texts. */
export interface Authority {
  /** What machines trust. */
  readonly authorityCertificate: string;
  readonly serverCertificate: string;
  readonly serverKey: string;
}

/** One certificate stands for every account and vault, as Azure's do. */
const SERVER_NAMES = [`*.${BLOB_DOMAIN}`, `*.${VAULT_DOMAIN}`];
const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNING = { ...KEY_ALGORITHM, hash: "SHA-256" };
const DAY_MILLISECONDS = 24 * 60 * 60 * 1000;
const VALID_DAYS = 365;

/** Reads the lab's authority, and makes it first when there is none. */
export async function ensureAuthority(labFolder: string): Promise<Authority> {
  const file = join(labFolder, "authority.json");
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as Authority;
  const authority = await makeAuthority();
  mkdirSync(labFolder, { recursive: true });
  writeWhole(file, `${JSON.stringify(authority)}\n`);
  return authority;
}

async function makeAuthority(): Promise<Authority> {
  const keys = await generateKeys();
  const serverKeys = await generateKeys();
  const validity = {
    notBefore: new Date(Date.now() - DAY_MILLISECONDS),
    notAfter: new Date(Date.now() + VALID_DAYS * DAY_MILLISECONDS),
    signingAlgorithm: SIGNING,
  };
  const issuer = await X509CertificateGenerator.createSelfSigned(
    {
      ...validity,
      name: "CN=Gangway lab",
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      ],
    },
    webcrypto,
  );
  const server = await X509CertificateGenerator.create(
    {
      ...validity,
      subject: "CN=Services of the Gangway lab",
      issuer: issuer.subject,
      publicKey: serverKeys.publicKey,
      signingKey: keys.privateKey,
      extensions: [
        new SubjectAlternativeNameExtension(
          SERVER_NAMES.map((value) => ({ type: "dns", value }) as const),
        ),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      ],
    },
    webcrypto,
  );
  const key = await webcrypto.subtle.exportKey("pkcs8", serverKeys.privateKey);
  return {
    authorityCertificate: `${issuer.toString("pem").trim()}\n`,
    serverCertificate: `${server.toString("pem").trim()}\n`,
    serverKey: `${PemConverter.encode(key, "PRIVATE KEY").trim()}\n`,
  };
}

function generateKeys() {
  return webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
}
