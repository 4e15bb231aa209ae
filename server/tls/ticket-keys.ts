/**
 * Keys of session tickets. One secret serves all sites of a server, and all processes that are to
 * resume each other's sessions: each site derives keys of its own, so that no session of one
 * resumes on another.
 */
import { hkdfSync, randomBytes } from "node:crypto";
import { TICKET_KEYS_BYTES } from "./ticket-guard.ts";

/** Where ticket keys come from. */
export interface TicketSecret {
  /**
   * The secret in force, 32 bytes or more; another object once it was rotated. Sessions that began
   * before keep their keys until they end, so that their data connections still resume.
   */
  current(): Buffer;
}

const SECRET_BYTES = 48;
/** Whoever learns the keys can read what was recorded in this time, at most, of resumed sessions. */
const ROTATION_MS = 12 * 60 * 60 * 1000;

/** A secret of this process, renewed every 12 hours by whoever asks first. */
export function createTicketSecret(now: () => number = () => performance.now()): TicketSecret {
  let secret = randomBytes(SECRET_BYTES);
  let madeMs = now();
  return {
    current() {
      if (now() - madeMs >= ROTATION_MS) {
        secret = randomBytes(SECRET_BYTES);
        madeMs = now();
      }
      return secret;
    },
  };
}

/** The keys of one site as Node takes them: name, HMAC key and AES key, 16 bytes each. */
export function deriveTicketKeys(secret: Buffer, label: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", `gangway tickets ${label}`, TICKET_KEYS_BYTES));
}
