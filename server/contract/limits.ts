/**
 * Limits of the server, its sites and its accounts. A limit that is left out does not limit.
 * Bandwidth is in bytes per second; `up` is what clients send, `down` what they receive.
 */
import * as v from "valibot";
import { absentOr, setting, wholeNumber } from "./fields.ts";

const LARGEST = Number.MAX_SAFE_INTEGER;
const MOST_CONNECTIONS = 1_000_000;
/** Below this, one small file takes longer than clients wait. */
const LEAST_BYTES_PER_SECOND = 64;

const rate = wholeNumber(LEAST_BYTES_PER_SECOND, LARGEST);

export const bandwidthSchema = v.strictObject({
  upBytesPerSecond: absentOr(rate, "Uploads, bytes per second; absent: no limit."),
  downBytesPerSecond: absentOr(rate, "Downloads and listings, bytes per second; absent: no limit."),
});
export type Bandwidth = v.InferOutput<typeof bandwidthSchema>;

const connections = wholeNumber(1, MOST_CONNECTIONS);

const sharedEntries = {
  connections: absentOr(connections, "Control connections at the same time; absent: no limit."),
  connectionsPerAddress: absentOr(
    connections,
    "The same from one client address (IPv6: one /64); absent: no limit.",
  ),
  bandwidth: setting(bandwidthSchema, {}, "Bandwidth of all its sessions together."),
} as const;

const sessionEntries = {
  sessionBandwidth: setting(bandwidthSchema, {}, "Bandwidth of each of its sessions."),
  uploadBytes: absentOr(wholeNumber(1, LARGEST), "Largest file that can be stored."),
} as const;

export const serverLimitsSchema = v.strictObject(sharedEntries);
export type ServerLimits = v.InferOutput<typeof serverLimitsSchema>;

export const siteLimitsSchema = v.strictObject({ ...sharedEntries, ...sessionEntries });
export type SiteLimits = v.InferOutput<typeof siteLimitsSchema>;

export const accountLimitsSchema = v.strictObject({
  ...sharedEntries,
  ...sessionEntries,
  storageBytes: absentOr(wholeNumber(0, LARGEST), "Bytes that the account's home may hold."),
});
export type AccountLimits = v.InferOutput<typeof accountLimitsSchema>;

export const sessionTimeoutsSchema = v.strictObject({
  unauthenticatedSeconds: setting(
    wholeNumber(1, 3600),
    60,
    "From connecting to a completed login.",
  ),
  controlSeconds: setting(
    wholeNumber(1, 86_400),
    1800,
    "Silence on the control connection while no transfer runs.",
  ),
  dataSeconds: setting(
    wholeNumber(1, 3600),
    60,
    "Silence of a data connection, and the wait for one to be opened.",
  ),
});
export type SessionTimeouts = v.InferOutput<typeof sessionTimeoutsSchema>;

/** Entries of the schemas of server, site and account that this file is about. */
export const serverLimitsEntries = {
  limits: setting(serverLimitsSchema, {}, "Limits of the whole server."),
} as const;
export const siteLimitsEntries = {
  limits: setting(siteLimitsSchema, {}, "Limits of the site."),
  timeouts: setting(sessionTimeoutsSchema, {}, "When silent sessions end."),
} as const;
export const accountLimitsEntries = {
  limits: setting(accountLimitsSchema, {}, "Limits of the account."),
} as const;
