/** Alerts over the records of the machine: what each one asks, how often, and when it fires. */
import { CERTIFICATE_EVENTS, MACHINE_LAYOUT, type Settings } from "#contract";
import { CERTIFICATE_LOG_NAME, LOG_FACILITY, WATCH_LOG_NAME } from "../machine/log-shipping.ts";

/** One alert, plain, as a scheduled query rule takes it. */
export interface PlannedAlert {
  /** Resource name after the base of all names, and logical name after `alert-`. */
  readonly name: string;
  readonly title: string;
  /** What happened and where to look, for whoever is woken by it. */
  readonly description: string;
  /** 0 critical to 4 verbose. */
  readonly severity: 1 | 2 | 3;
  /** Kusto query over the workspace; it may hold the records of other machines too. */
  readonly query: (machineId: string) => string;
  /** ISO 8601 durations: how often it is asked, and over how long. */
  readonly frequency: string;
  readonly window: string;
  readonly operator: "LessThan" | "GreaterThan" | "GreaterThanOrEqual";
  readonly threshold: number;
  /** Rows are counted, or a column of them is aggregated. */
  readonly measure:
    | { readonly kind: "rows" }
    | { readonly kind: "column"; readonly column: string; readonly by: Aggregation };
}
export type Aggregation = "Minimum" | "Maximum" | "Total";

const syslog = (machineId: string) => `Syslog | where _ResourceId =~ "${machineId}"`;

/** The watch's records, as `record`. */
const watch = (machineId: string) =>
  `${syslog(machineId)} | where Facility == "${LOG_FACILITY}" and ProcessName == "${WATCH_LOG_NAME}" | extend record = parse_json(SyslogMessage)`;

/** Plans every alert that is asked of the records; Azure's own word on the machine is not among them. */
export function planAlerts({ monitoring }: Pick<Settings, "monitoring">): readonly PlannedAlert[] {
  const { certificateDays, passivePercent, diskPercent, refusedLogons } = monitoring;
  return [
    {
      name: "unreachable",
      title: "The FTP server does not answer",
      description:
        "No sign of life from the server's health page for ten minutes. Run the probe (gangway verify), then docs/operations.md, Incidents.",
      severity: 1,
      query: (id) => `${watch(id)} | where tobool(record.healthy)`,
      frequency: "PT5M",
      window: "PT10M",
      operator: "LessThan",
      threshold: 1,
      measure: { kind: "rows" },
    },
    {
      name: "restarted",
      title: "The FTP server ended unexpectedly",
      description:
        "systemd saw the server fail and starts it again. Its last records say why: Syslog, ProcessName gangway.",
      severity: 2,
      query: (id) =>
        `${syslog(id)} | where ProcessName == "systemd" and SyslogMessage contains "gangway@" and SyslogMessage has "Failed with result"`,
      frequency: "PT5M",
      window: "PT5M",
      operator: "GreaterThan",
      threshold: 0,
      measure: { kind: "rows" },
    },
    {
      name: "certificate",
      title: "The certificate expires soon",
      description: `The certificate that the server shows expires within ${String(certificateDays)} days (monitoring.certificateDays). Renew it in Key Vault; the machine fetches it by itself.`,
      severity: 2,
      query: (id) =>
        `${watch(id)} | extend daysLeft = todouble(record.certificateExpiresSeconds) / 86400 | where isnotnull(daysLeft) | project TimeGenerated, daysLeft`,
      frequency: "PT1H",
      window: "PT1H",
      operator: "LessThan",
      threshold: certificateDays,
      measure: { kind: "column", column: "daysLeft", by: "Minimum" },
    },
    {
      name: "certificate-agent",
      title: "A certificate could not be fetched or renewed",
      description:
        "The machine's certificate agent says so in its log, with the reason and what to do: Syslog, ProcessName gangway-certificates. The certificate in force stays; docs/certificates.md, When something fails.",
      severity: 2,
      query: (id) =>
        `${syslog(id)} | where Facility == "${LOG_FACILITY}" and ProcessName == "${CERTIFICATE_LOG_NAME}" and SyslogMessage has_any ("${CERTIFICATE_EVENTS.failed}", "${CERTIFICATE_EVENTS.expiring}")`,
      frequency: "PT1H",
      window: "PT6H",
      operator: "GreaterThan",
      threshold: 0,
      measure: { kind: "rows" },
    },
    {
      name: "passive-ports",
      title: "Passive ports run out",
      description: `${String(passivePercent)} % or more of the passive range wait for clients (monitoring.passivePercent): soon PASV is refused. Widen passivePorts, or look for clients that never connect.`,
      severity: 2,
      query: (id) =>
        `${watch(id)} | extend percent = 100.0 * todouble(record.passivePending) / todouble(record.passivePorts) | where isfinite(percent) | project TimeGenerated, percent`,
      frequency: "PT5M",
      window: "PT5M",
      operator: "GreaterThanOrEqual",
      threshold: passivePercent,
      measure: { kind: "column", column: "percent", by: "Maximum" },
    },
    {
      name: "disk",
      title: "The data disk is nearly full",
      description: `The data disk is ${String(diskPercent)} % full or more (monitoring.diskPercent). Remove files or raise machine.dataDiskGib.`,
      severity: 2,
      query: (id) =>
        `Perf | where _ResourceId =~ "${id}" | where ObjectName == "Logical Disk" and CounterName == "% Used Space" and InstanceName == "${MACHINE_LAYOUT.dataFolder}" | project TimeGenerated, CounterValue`,
      frequency: "PT15M",
      window: "PT15M",
      operator: "GreaterThanOrEqual",
      threshold: diskPercent,
      measure: { kind: "column", column: "CounterValue", by: "Maximum" },
    },
    {
      name: "refused-logons",
      title: "Many logons are refused",
      description: `${String(refusedLogons)} or more logons were refused within 15 minutes (monitoring.refusedLogons): somebody guesses passwords, or a partner's password changed.`,
      severity: 3,
      // The count starts anew with each run of the server.
      query: (id) =>
        `${watch(id)} | extend refused = tolong(record.loginsRefused) | where isnotnull(refused) | summarize refused = max(refused) - min(refused) by run = tostring(record.startTimeSeconds)`,
      frequency: "PT5M",
      window: "PT15M",
      operator: "GreaterThanOrEqual",
      threshold: refusedLogons,
      measure: { kind: "column", column: "refused", by: "Total" },
    },
  ];
}
