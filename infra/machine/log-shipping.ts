/**
 * How the machine's records reach Azure Monitor, agreed on by what writes them on the machine and
 * by what reads them in the cloud (the data collection rule and the alerts' queries).
 *
 * Standard output of the units goes to the journal, from there to syslog, where the Azure Monitor
 * agent listens: one line of JSON per record, in the table `Syslog`, which every workspace has.
 */

/** Syslog facility of everything of ours: `SyslogFacility=` of the units. */
export const LOG_FACILITY = "local0";

/** `SyslogIdentifier=` of the server's units; `ProcessName` in the table. */
export const SERVER_LOG_NAME = "gangway";

/** The same of the unit that looks at server and machine once a minute. */
export const WATCH_LOG_NAME = "gangway-watch";

/** The same of the certificate agent's unit. */
export const CERTIFICATE_LOG_NAME = "gangway-certificates";

/** Seconds between two watch records. */
export const WATCH_INTERVAL_SECONDS = 60;

/**
 * What the watch writes, one line of JSON. A field that cannot be told is left out, and a server
 * that does not answer leaves only `healthy: false`.
 */
export interface WatchRecord {
  readonly event: "watch";
  /** Whether `/healthz` answered 200. */
  readonly healthy: boolean;
  /** `gangway_start_time_seconds`: tells one run of the server from the next. */
  readonly startTimeSeconds?: number;
  /** `gangway_logins_refused_total` of that run. */
  readonly loginsRefused?: number;
  /** `gangway_passive_ports`: ports of the range that the server owns. */
  readonly passivePorts?: number;
  /** `gangway_passive_leases_pending`. */
  readonly passivePending?: number;
  /** `gangway_certificate_expires_seconds`, of the certificate that expires first. */
  readonly certificateExpiresSeconds?: number;
}
