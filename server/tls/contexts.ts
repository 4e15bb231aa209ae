/** The TLS contexts of a site: one certificate, three channels, sessions shared among them. */
import { createHash, randomBytes } from "node:crypto";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import { ContractError, type ClientCertificates } from "#contract";
import {
  readAuthorities,
  readServerCertificate,
  type CertificateFacts,
  type CertificateSource,
  type ServerCertificate,
} from "./certificate-source.ts";
import {
  declineTickets,
  provesTicketless,
  TICKET_KEYS_BYTES,
  type TicketGuard,
} from "./ticket-guard.ts";
import { createSessionStore, type SessionStore } from "./session-store.ts";
import { createTicketSecret, deriveTicketKeys, type TicketSecret } from "./ticket-keys.ts";

export type TlsContextOptions = CertificateSource & {
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  /** In OpenSSL's names; empty: those of Node. */
  readonly ciphers?: string;
  /**
   * `off`: data connections never resume the control connection's session. `require`: each control
   * connection has ticket keys of its own, so that nothing but its own sessions resumes.
   */
  readonly sessionReuse?: "allow" | "require" | "off";
  readonly clientCertificates?: ClientCertificates;
  /** CCC is allowed. */
  readonly clearCommandChannel?: boolean;
  /** Where the certificate's settings stand, for errors: `tls` unless given. */
  readonly setting?: string;
  /** Likewise where minVersion, ciphers and client certificates stand: `tls` unless given. */
  readonly policySetting?: string;
  /** Shared by all sites and processes that resume each other's sessions; own by default. */
  readonly ticketSecret?: TicketSecret;
  /** Tells the keys of one site from another's under one secret. */
  readonly ticketLabel?: string;
  /** For tests: leaves out the guards that come before this one. */
  readonly ticketGuard?: TicketGuard;
};

/** What one handshake uses. */
export interface ChannelContext {
  readonly secureContext: SecureContext;
  /** True when the handshake has to go through `HeldOutput`. */
  readonly holdsOutput: boolean;
  /** Clients are asked for a certificate. */
  readonly requestsCertificate: boolean;
  /** TLS can be left again (CCC); costs a stream below it. */
  readonly clearable: boolean;
  /** For clients without tickets; undefined where nobody has to resume. */
  readonly sessions: SessionStore | undefined;
}

/** One use of TLS. */
export interface TlsChannel {
  current(): Promise<ChannelContext>;
}

/** The channels that resume each other's sessions. */
export interface TlsChannels {
  readonly control: TlsChannel;
  /** Data connections on which the server sends: RETR and listings. */
  readonly download: TlsChannel;
  /** Data connections on which the server receives: STOR, APPE, STOU. Sends no session tickets. */
  readonly upload: TlsChannel;
}

/** The channels of one FTP session. */
export interface SessionChannels extends TlsChannels {
  /** Data connections that resume no session of this control connection are refused. */
  readonly requiresReuse: boolean;
  /** What they were limited to, in OpenSSL's names; empty: Node's. */
  readonly ciphers: string;
  /** The control connection can leave TLS again (CCC). */
  readonly clearable: boolean;
}

/** Its own channels stay the same over reloads; a handshake takes what is in force. */
export interface TlsContexts extends TlsChannels {
  /**
   * Channels for a control connection that begins now, and for its data connections: they stay as
   * they are, so that sessions still resume after a reload or a rotation of ticket keys.
   */
  openSession(): SessionChannels;
  certificate(): CertificateFacts;
  /** How uploads are kept free of tickets; proven when first asked or needed. */
  ticketGuard(): Promise<TicketGuard>;
  /**
   * Reads the certificate again. What it resolves with puts it in force, from the next handshake on;
   * sessions still resume. When the new one does not hold, the one in force stays.
   *
   * @throws ContractError
   */
  reload(): Promise<() => void>;
}

/**
 * Sessions resume for a day: a control connection lives long, and clients resume its session for
 * each data connection (RFC 4217, 10.2).
 */
const SESSION_LIFETIME_SECONDS = 24 * 60 * 60;
const SESSION_ID_CONTEXT = "gangway";

/** What was read from files; replaced as a whole by a reload. */
interface Material {
  readonly certificate: ServerCertificate;
  readonly authorities: readonly string[];
}

/** The channels under one certificate and one set of ticket keys. */
interface Generation {
  readonly channels: SessionChannels;
  readonly control: ChannelContext;
  readonly download: ChannelContext;
  readonly upload: () => Promise<{ readonly context: ChannelContext; readonly guard: TicketGuard }>;
}

/**
 * Opens the contexts of one certificate.
 *
 * @throws ContractError naming the setting when a file cannot be read, is not PEM, lacks the key,
 *   or key and certificate do not belong together.
 */
export async function openTlsContexts(options: TlsContextOptions): Promise<TlsContexts> {
  const secret = options.ticketSecret ?? createTicketSecret();
  let material = await readMaterial(options);
  let derivedFrom = secret.current();
  const open = (from: Material): Generation =>
    openGeneration(options, from, deriveTicketKeys(derivedFrom, labelOf(options, from)));
  let inForce = open(material);
  let guard: Promise<TicketGuard> | undefined;
  const current = (): Generation => {
    if (secret.current() !== derivedFrom) {
      derivedFrom = secret.current();
      inForce = open(material);
    }
    return inForce;
  };
  const findGuard = (): Promise<TicketGuard> =>
    (guard ??= current()
      .upload()
      .then((upload) => upload.guard));
  return {
    ...channelsOf(current),
    openSession: () => {
      // Shared by all sessions of a generation: thousands of them would otherwise keep their own.
      if (options.sessionReuse !== "require") return current().channels;
      const own = openGeneration(options, material, randomBytes(TICKET_KEYS_BYTES), findGuard);
      return own.channels;
    },
    certificate: () => material.certificate.facts,
    ticketGuard: findGuard,
    reload: async () => {
      const read = await readMaterial(options);
      const opened = open(read);
      return () => {
        inForce = opened;
        material = read;
      };
    },
  };
}

/**
 * A session carries the client's certificate and what was found about it, so sessions resume under
 * the same authorities only.
 */
function labelOf({ ticketLabel = "" }: TlsContextOptions, { authorities }: Material): string {
  const digest = createHash("sha256").update(authorities.join("\n")).digest("hex");
  return `${ticketLabel} ${digest}`;
}

function channelsOf(generation: () => Omit<Generation, "channels">): TlsChannels {
  return {
    control: { current: () => Promise.resolve(generation().control) },
    download: { current: () => Promise.resolve(generation().download) },
    upload: { current: async () => (await generation().upload()).context },
  };
}

async function readMaterial(options: TlsContextOptions): Promise<Material> {
  const { clientCertificates, setting = "tls", policySetting = "tls" } = options;
  return {
    certificate: await readServerCertificate(options, setting),
    authorities:
      clientCertificates === undefined || clientCertificates.mode === "off"
        ? []
        : await readAuthorities(clientCertificates, `${policySetting}.clientCertificates`),
  };
}

/** @param knownGuard what was proven before, with other keys. */
function openGeneration(
  options: TlsContextOptions,
  material: Material,
  ticketKeys: Buffer,
  knownGuard?: () => Promise<TicketGuard>,
): Generation {
  const open = (keys: Buffer): SecureContext => openContext(options, material, keys);
  const control = open(ticketKeys);
  const sessions = options.sessionReuse === "require" ? createSessionStore() : undefined;
  const plain = (secureContext: SecureContext): ChannelContext => ({
    secureContext,
    holdsOutput: false,
    requestsCertificate: false,
    clearable: false,
    sessions,
  });
  const reuses = options.sessionReuse !== "off";
  // Keys that the control connection does not have: its sessions are unknown there.
  const dataKeys = reuses ? ticketKeys : randomBytes(TICKET_KEYS_BYTES);
  const download = reuses ? control : open(dataKeys);
  let upload: ReturnType<Generation["upload"]> | undefined;
  const openUpload: Generation["upload"] = async () => {
    const context = open(dataKeys);
    const proves = async (): Promise<boolean> =>
      knownGuard === undefined
        ? await provesTicketless(download, context)
        : (await knownGuard()) === "keyCallback";
    return options.ticketGuard !== "heldOutput" &&
      declineTickets(context, dataKeys) &&
      (await proves())
      ? { context: plain(context), guard: "keyCallback" }
      : { context: { ...plain(download), holdsOutput: true }, guard: "heldOutput" };
  };
  const { mode = "off" } = options.clientCertificates ?? {};
  const generation: Omit<Generation, "channels"> = {
    control: {
      ...plain(control),
      requestsCertificate: mode !== "off",
      clearable: options.clearCommandChannel ?? false,
    },
    download: plain(download),
    upload: () => (upload ??= openUpload()),
  };
  const channels: SessionChannels = {
    ...channelsOf(() => generation),
    requiresReuse: options.sessionReuse === "require",
    ciphers: options.ciphers ?? "",
    clearable: options.clearCommandChannel ?? false,
  };
  return { ...generation, channels };
}

function openContext(
  { minVersion, ciphers = "", policySetting = "tls" }: TlsContextOptions,
  { certificate, authorities }: Material,
  ticketKeys: Buffer,
): SecureContext {
  const settings: SecureContextOptions = {
    cert: certificate.chain,
    key: certificate.key,
    // None: Node would parse and keep all public authorities, which no server asks for.
    ca: [...authorities],
    minVersion,
    honorCipherOrder: true,
    ticketKeys,
    sessionIdContext: SESSION_ID_CONTEXT,
    sessionTimeout: SESSION_LIFETIME_SECONDS,
  };
  try {
    if (ciphers === "") return createSecureContext(settings);
  } catch (error) {
    throw certificate.refused(error);
  }
  try {
    return createSecureContext({ ...settings, ciphers });
  } catch (error) {
    if (error instanceof Error && "code" in error && isCipherError(String(error.code))) {
      const finding = {
        setting: `${policySetting}.ciphers`,
        value: ciphers,
        problem: "names no cipher that OpenSSL knows",
        fix: "correct the names; list what there is with: openssl ciphers -v",
      };
      throw new ContractError([finding]);
    }
    throw certificate.refused(error);
  }
}

function isCipherError(code: string): boolean {
  return code.includes("CIPHER");
}
