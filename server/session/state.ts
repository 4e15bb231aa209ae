/** What a session knows, as unions. Immutable: commands return changes, the session applies them. */
import type { Entrance } from "#contract";
import type { PassiveLease } from "../data/passive-ports.ts";
import type { Endpoint } from "../protocol/addresses.ts";
import { FACTS, type Fact } from "../protocol/listings.ts";
import { DEFAULT_HASH, type HashName } from "../protocol/hashes.ts";
import {
  DEFAULT_DEFLATE_LEVEL,
  type TransferMode,
  type TransferType,
} from "../protocol/parameters.ts";
import type { ClientCertificate } from "../tls/client-certificate.ts";
import type { SessionChannels } from "../tls/contexts.ts";
import type { Principal } from "./principal.ts";
import { NO_CHOICE, type SiteChoice } from "./site-selection.ts";

export type Login =
  | { readonly kind: "none" }
  /** USER was given, PASS is expected. */
  | { readonly kind: "userNamed"; readonly userName: string; readonly siteName: string }
  | { readonly kind: "loggedIn"; readonly principal: Principal };

/** How the next data connection is made. Each serves one transfer. */
export type DataChannel =
  | { readonly kind: "none" }
  | { readonly kind: "passive"; readonly lease: PassiveLease }
  | { readonly kind: "active"; readonly endpoint: Endpoint };

/** What the previous command prepared for the next one. */
export type Pending =
  | { readonly kind: "none" }
  | { readonly kind: "rename"; readonly from: string }
  /** REST gives the offset alone; RANG the last byte as well, inclusive. */
  | { readonly kind: "restart"; readonly offset: number; readonly last?: number };

export type ProtectionLevel = "clear" | "private";

/** Protection of data connections (RFC 2228, RFC 4217). */
export interface Protection {
  /** PBSZ was given; PROT may follow. */
  readonly sized: boolean;
  readonly level: ProtectionLevel;
}

/** The TLS handshake of the control connection. */
export type Handshake =
  | { readonly kind: "none" }
  | {
      readonly kind: "done";
      /** Whose certificate was shown. */
      readonly siteName: string;
      /** What the client named, claimed by a site or not. */
      readonly serverName: string | undefined;
      /** Of the data connections that follow. */
      readonly channels: SessionChannels;
      /** What the client has shown, where it was asked for one. */
      readonly certificate: ClientCertificate | undefined;
      /** As Node names it: `TLSv1.3`. */
      readonly version: string | undefined;
    };

export interface SessionState {
  readonly login: Login;
  /** Where the client came in, and how the connection began. */
  readonly entrance: Entrance;
  readonly site: SiteChoice;
  readonly handshake: Handshake;
  /** `private` once TLS protects the control connection. */
  readonly control: ProtectionLevel;
  readonly protection: Protection;
  readonly data: DataChannel;
  readonly pending: Pending;
  /** EPSV ALL was given: nothing but EPSV makes data connections. */
  readonly extendedPassiveOnly: boolean;
  /** The current folder, a virtual path. */
  readonly folder: string;
  readonly type: TransferType;
  readonly mode: TransferMode;
  /** Of MODE Z: 0 stores, 9 shrinks most. */
  readonly deflateLevel: number;
  /** Facts of MLSD and MLST. */
  readonly facts: ReadonlySet<Fact>;
  /** What HASH calculates. */
  readonly hash: HashName;
  readonly failedLogins: number;
  /** Confirmed names of the client; undefined until a rule asks for them. */
  readonly hostNames: readonly string[] | undefined;
}

export type StateChange = Partial<SessionState>;

export const NO_LOGIN: Login = { kind: "none" };
export const NO_DATA: DataChannel = { kind: "none" };
export const NOTHING_PENDING: Pending = { kind: "none" };
const CLEAR_PROTECTION: Protection = { sized: false, level: "clear" };
export const PRIVATE_PROTECTION: Protection = { sized: true, level: "private" };
const ALL_FACTS: ReadonlySet<Fact> = new Set(FACTS);

/** A session before its first command, and again after REIN and USER. */
export const INITIAL_STATE: SessionState = {
  login: NO_LOGIN,
  entrance: { channel: "control" },
  site: NO_CHOICE,
  handshake: { kind: "none" },
  control: "clear",
  protection: CLEAR_PROTECTION,
  data: NO_DATA,
  pending: NOTHING_PENDING,
  extendedPassiveOnly: false,
  folder: "/",
  // RFC 959 section 5.1: the default is ASCII, non-print.
  type: "ascii",
  mode: "stream",
  deflateLevel: DEFAULT_DEFLATE_LEVEL,
  facts: ALL_FACTS,
  hash: DEFAULT_HASH,
  failedLogins: 0,
  hostNames: undefined,
};

/** With implicit TLS both channels are private from the start. */
export const IMPLICIT_TLS_STATE: SessionState = {
  ...INITIAL_STATE,
  entrance: { channel: "implicitTls" },
  control: "private",
  protection: PRIVATE_PROTECTION,
};

/** The changes that take a login back and keep what belongs to the connection. */
export const LOGGED_OUT: StateChange = {
  login: NO_LOGIN,
  data: NO_DATA,
  pending: NOTHING_PENDING,
  extendedPassiveOnly: false,
  folder: "/",
  type: "ascii",
  mode: "stream",
  deflateLevel: DEFAULT_DEFLATE_LEVEL,
  facts: ALL_FACTS,
  hash: DEFAULT_HASH,
};
