/** What the process has counted since it started. Plain numbers: counting costs nothing. */

/** Counters only grow; the session code adds to them where the thing happens. */
export class Metrics {
  readonly startedMs = Date.now();
  sessionsOpened = 0;
  sessionsRefused = 0;
  logonsDenied = 0;
  loginsAccepted = 0;
  loginsRefused = 0;
  transfersStarted = 0;
  transfersCompleted = 0;
  transfersFailed = 0;
  bytesReceived = 0;
  bytesSent = 0;
  settingsReloads = 0;
  settingsRefused = 0;
  workerRestarts = 0;
}

/** The plain numbers, also those of several processes together. */
export type Counters = Readonly<Metrics>;

/** Counters of two processes together; the earlier start counts. */
export function addCounters(a: Counters, b: Counters): Counters {
  const sum = { ...a };
  for (const name of Object.keys(sum) as (keyof Counters)[]) sum[name] = a[name] + b[name];
  return { ...sum, startedMs: Math.min(a.startedMs, b.startedMs) };
}

/** Gauges of several processes together. */
export function addGauges(all: readonly Gauges[]): Gauges {
  const sum = (value: (gauges: Gauges) => number): number =>
    all.reduce((total, gauges) => total + value(gauges), 0);
  const expiries = all.flatMap(({ certificateExpiresSeconds }) => certificateExpiresSeconds ?? []);
  return {
    draining: all.some(({ draining }) => draining),
    workers: sum((g) => g.workers),
    sessions: sum((g) => g.sessions),
    transfers: sum((g) => g.transfers),
    passivePorts: sum((g) => g.passivePorts),
    passiveListening: sum((g) => g.passiveListening),
    passivePending: sum((g) => g.passivePending),
    certificateExpiresSeconds: expiries.length === 0 ? undefined : Math.min(...expiries),
  };
}

/** What is so at this moment. */
export interface Gauges {
  readonly draining: boolean;
  /** Processes that serve sessions. */
  readonly workers: number;
  readonly sessions: number;
  readonly transfers: number;
  readonly passivePorts: number;
  readonly passiveListening: number;
  readonly passivePending: number;
  /** Seconds until the certificate expires; undefined without one. */
  readonly certificateExpiresSeconds: number | undefined;
}

interface Series {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly value: (counters: Counters, gauges: Gauges) => number | undefined;
}

/** Every series, in the order of the page; the reference in the documents is made from it. */
export const SERIES: readonly Series[] = [
  counter("sessions_opened_total", "Control connections accepted.", (m) => m.sessionsOpened),
  counter(
    "sessions_refused_total",
    "Control connections refused by a limit or an address rule.",
    (m) => m.sessionsRefused,
  ),
  counter(
    "logons_denied_total",
    "Control connections refused after too many failed logins.",
    (m) => m.logonsDenied,
  ),
  counter("logins_accepted_total", "Logins accepted.", (m) => m.loginsAccepted),
  counter("logins_refused_total", "Logins refused.", (m) => m.loginsRefused),
  counter("transfers_started_total", "Transfers and listings begun.", (m) => m.transfersStarted),
  counter(
    "transfers_completed_total",
    "Transfers and listings completed.",
    (m) => m.transfersCompleted,
  ),
  counter(
    "transfers_failed_total",
    "Transfers and listings that broke off.",
    (m) => m.transfersFailed,
  ),
  counter("received_bytes_total", "Bytes of uploads.", (m) => m.bytesReceived),
  counter("sent_bytes_total", "Bytes of downloads and listings.", (m) => m.bytesSent),
  counter(
    "settings_reloads_total",
    "Settings put in force while running.",
    (m) => m.settingsReloads,
  ),
  counter(
    "settings_refused_total",
    "Settings that were not valid and changed nothing.",
    (m) => m.settingsRefused,
  ),
  counter(
    "worker_restarts_total",
    "Worker processes that died and were replaced.",
    (m) => m.workerRestarts,
  ),
  gauge("workers", "Processes that serve sessions.", (_, g) => g.workers),
  gauge("sessions", "Control connections now.", (_, g) => g.sessions),
  gauge("transfers", "Transfers and listings now.", (_, g) => g.transfers),
  gauge("draining", "1 while the server takes leave of its clients.", (_, g) =>
    g.draining ? 1 : 0,
  ),
  gauge(
    "passive_ports",
    "Ports of the passive range that this process owns.",
    (_, g) => g.passivePorts,
  ),
  gauge(
    "passive_ports_listening",
    "Passive ports with an open listener.",
    (_, g) => g.passiveListening,
  ),
  gauge(
    "passive_leases_pending",
    "Passive leases that wait for their client.",
    (_, g) => g.passivePending,
  ),
  gauge(
    "certificate_expires_seconds",
    "Seconds until the certificate expires.",
    (_, g) => g.certificateExpiresSeconds,
  ),
  gauge("start_time_seconds", "Start of the process, since the epoch.", (m) => m.startedMs / 1000),
];

/** The text format of Prometheus, version 0.0.4. */
export function formatMetrics(counters: Counters, gauges: Gauges): string {
  return SERIES.flatMap(({ name, type, help, value }) => {
    const number = value(counters, gauges);
    if (number === undefined) return [];
    return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, `${name} ${String(number)}`];
  })
    .concat("")
    .join("\n");
}

function counter(name: string, help: string, value: Series["value"]): Series {
  return { name: `gangway_${name}`, type: "counter", help, value };
}

function gauge(name: string, help: string, value: Series["value"]): Series {
  return { name: `gangway_${name}`, type: "gauge", help, value };
}
