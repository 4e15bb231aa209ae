/** The authenticator interface: who somebody is who says USER and PASS. */
import type { Account } from "#contract";

/** What a login attempt is known by. */
export interface LoginAttempt {
  readonly userName: string;
  readonly password: string;
  /** Address of the client, without IPv4-mapping. */
  readonly peerAddress: string;
  readonly siteName: string;
}

export type LoginOutcome =
  | { readonly kind: "accepted"; readonly account: Account }
  /** The reason is for the log only; clients always get the same reply in the same time. */
  | {
      readonly kind: "refused";
      readonly reason: string;
      /** The password was not looked at: no failure of the client's. */
      readonly undecided?: true;
    };

export interface Authenticator {
  authenticate(attempt: LoginAttempt, signal: AbortSignal): Promise<LoginOutcome>;
}
