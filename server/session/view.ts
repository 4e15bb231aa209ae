/**
 * Everything that the settings decide, compiled once per load and swapped as a whole. A command
 * reads the view in force once and so never sees a mixture of two.
 */
import type { Account, ServerSettings } from "#contract";
import type { Authenticator } from "../auth/authenticator.ts";
import type { PassivePorts } from "../data/passive-ports.ts";
import type { Storage } from "../storage/storage.ts";
import type { TlsContexts } from "../tls/contexts.ts";
import type { SessionLimits } from "./limits.ts";

/** A site with its storage. */
export interface SiteView {
  /** Absolute folder of the site. */
  readonly folder: string;
  readonly name: string;
  readonly storage: Storage;
}

export interface ServerView {
  readonly settings: ServerSettings;
  readonly limits: SessionLimits;
  /** Never empty; the first one serves logins that name no site. */
  readonly sites: readonly [SiteView, ...SiteView[]];
  readonly accounts: ReadonlyMap<string, Account>;
  readonly authenticator: Authenticator;
  readonly passivePorts: PassivePorts;
  /** Undefined without a certificate. */
  readonly tls: TlsContexts | undefined;
}
