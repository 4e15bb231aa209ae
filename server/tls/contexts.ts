/** The TLS contexts of a site: one certificate, three channels, sessions shared among them. */
import { randomBytes, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import { ContractError } from "#contract";
import {
  declineTickets,
  provesTicketless,
  TICKET_KEYS_BYTES,
  type TicketGuard,
} from "./ticket-guard.ts";

/** Where chain and key come from: files that `reload` reads again, or PEM text. */
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

export type TlsContextOptions = CertificateSource & {
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  /** `off`: data connections never resume the control connection's session. */
  readonly sessionReuse?: "allow" | "require" | "off";
  /** Where the certificate's settings stand, for errors: `tls` unless given. */
  readonly setting?: string;
  /** Session ticket keys, 48 bytes; given where several processes resume each other's sessions. */
  readonly ticketKeys?: Buffer;
  /** For tests: leaves out the guards that come before this one. */
  readonly ticketGuard?: TicketGuard;
};

/** What one handshake uses. */
export interface ChannelContext {
  readonly secureContext: SecureContext;
  /** True when the handshake has to go through `HeldOutput`. */
  readonly holdsOutput: boolean;
}

/** One use of TLS. It stays the same object over reloads; a handshake takes what is in force. */
export interface TlsChannel {
  current(): Promise<ChannelContext>;
}

/** What is known of the certificate in force. */
export interface CertificateFacts {
  readonly subject: string;
  /** Milliseconds since the epoch, UTC. */
  readonly expiresMs: number;
  /** SHA-256 of the leaf, upper-case hexadecimal with colons. */
  readonly fingerprint256: string;
}

export interface TlsContexts {
  readonly control: TlsChannel;
  /** Data connections on which the server sends: RETR and listings. */
  readonly download: TlsChannel;
  /** Data connections on which the server receives: STOR, APPE, STOU. Sends no session tickets. */
  readonly upload: TlsChannel;
  certificate(): CertificateFacts;
  /** How uploads are kept free of tickets; proven when first asked or needed. */
  ticketGuard(): Promise<TicketGuard>;
  /**
   * Reads the certificate again and uses it from the next handshake on; sessions still resume.
   * When the new one does not hold, the one in force stays.
   *
   * @throws ContractError
   */
  reload(): Promise<void>;
}

/**
 * Sessions resume for a day: a control connection lives long, and clients resume its session for
 * each data connection (RFC 4217, 10.2).
 */
const SESSION_LIFETIME_SECONDS = 24 * 60 * 60;
const SESSION_ID_CONTEXT = "gangway";

/** Everything that one certificate gives; replaced as a whole by a reload. */
interface Generation {
  readonly control: ChannelContext;
  readonly download: ChannelContext;
  readonly upload: () => Promise<{ readonly context: ChannelContext; readonly guard: TicketGuard }>;
  readonly facts: CertificateFacts;
}

/**
 * Opens the contexts of one certificate.
 *
 * @throws ContractError naming the setting when a file cannot be read, is not PEM, lacks the key,
 *   or key and certificate do not belong together.
 */
export async function openTlsContexts(options: TlsContextOptions): Promise<TlsContexts> {
  const ticketKeys = options.ticketKeys ?? randomBytes(TICKET_KEYS_BYTES);
  let inForce = await openGeneration(options, ticketKeys);
  return {
    control: { current: () => Promise.resolve(inForce.control) },
    download: { current: () => Promise.resolve(inForce.download) },
    upload: { current: async () => (await inForce.upload()).context },
    certificate: () => inForce.facts,
    ticketGuard: async () => (await inForce.upload()).guard,
    reload: async () => {
      inForce = await openGeneration(options, ticketKeys);
    },
  };
}

async function openGeneration(options: TlsContextOptions, ticketKeys: Buffer): Promise<Generation> {
  const { chain, key, finding } = await readSource(options);
  const facts = readFacts(chain, finding);
  const open = (keys: Buffer): SecureContext => {
    const settings: SecureContextOptions = {
      cert: chain,
      key,
      minVersion: options.minVersion,
      honorCipherOrder: true,
      ticketKeys: keys,
      sessionIdContext: SESSION_ID_CONTEXT,
      sessionTimeout: SESSION_LIFETIME_SECONDS,
    };
    try {
      return createSecureContext(settings);
    } catch (error) {
      throw finding(describeOpenSslError(error), error);
    }
  };
  const control = open(ticketKeys);
  const reuses = options.sessionReuse !== "off";
  // Keys that the control connection does not have: its sessions are unknown there.
  const dataKeys = reuses ? ticketKeys : randomBytes(TICKET_KEYS_BYTES);
  const download = reuses ? control : open(dataKeys);
  let upload: ReturnType<Generation["upload"]> | undefined;
  const openUpload: Generation["upload"] = async () => {
    const context = open(dataKeys);
    if (
      options.ticketGuard !== "heldOutput" &&
      declineTickets(context, dataKeys) &&
      (await provesTicketless(download, context))
    ) {
      return { context: { secureContext: context, holdsOutput: false }, guard: "keyCallback" };
    }
    return { context: { secureContext: download, holdsOutput: true }, guard: "heldOutput" };
  };
  return {
    control: { secureContext: control, holdsOutput: false },
    download: { secureContext: download, holdsOutput: false },
    upload: () => (upload ??= openUpload()),
    facts,
  };
}

type FindingOf = (problem: string, cause: unknown) => ContractError;

async function readSource(
  source: CertificateSource & Pick<TlsContextOptions, "setting">,
): Promise<{ readonly chain: string; readonly key: string; readonly finding: FindingOf }> {
  if ("pem" in source) {
    return { chain: source.pem, key: source.pem, finding: findingOf("certificate", "(PEM text)") };
  }
  const { certificateFile, keyFile, setting = "tls" } = source;
  const chain = await readPem(`${setting}.certificateFile`, certificateFile);
  return {
    chain,
    key: keyFile === undefined ? chain : await readPem(`${setting}.keyFile`, keyFile),
    finding: findingOf(`${setting}.certificateFile`, certificateFile),
  };
}

async function readPem(setting: string, file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw findingOf(setting, file)(
      error instanceof Error && "code" in error && error.code === "ENOENT"
        ? "does not exist"
        : "cannot be read",
      error,
    );
  }
}

function readFacts(chain: string, finding: FindingOf): CertificateFacts {
  const leaf = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(chain)?.[0];
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

function findingOf(setting: string, value: string): FindingOf {
  const fix =
    "give a PEM file with the chain, leaf first, and its unencrypted key, or the key in a keyFile of its own";
  return (problem, cause) => {
    const error = new ContractError([{ setting, value, problem, fix }]);
    error.cause = cause;
    return error;
  };
}
