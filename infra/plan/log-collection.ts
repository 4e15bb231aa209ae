/** What the Azure Monitor agent collects on the machine, as a data collection rule takes it. */
import { LOG_FACILITY, WATCH_INTERVAL_SECONDS } from "../machine/log-shipping.ts";

/** Name of the destination inside the rule. */
const DESTINATION = "workspace";

const FROM_WARNING = ["Warning", "Error", "Critical", "Alert", "Emergency"];
const FROM_INFO = ["Info", "Notice", ...FROM_WARNING];

/** The agent's names of performance counters of Linux. */
const COUNTERS = [
  "Logical Disk(*)\\% Used Space",
  "Logical Disk(*)\\% Used Inodes",
  "Memory(*)\\% Used Memory",
  "Processor(*)\\% Processor Time",
];

/** Everything of ours, of others only what went wrong, and how full the machine is. */
export const LOG_COLLECTION = {
  dataSources: {
    syslog: [
      {
        name: "gangway",
        streams: ["Microsoft-Syslog"],
        facilityNames: [LOG_FACILITY],
        logLevels: FROM_INFO,
      },
      {
        name: "system",
        streams: ["Microsoft-Syslog"],
        facilityNames: ["daemon", "kern"],
        logLevels: FROM_WARNING,
      },
    ],
    performanceCounters: [
      {
        name: "machine",
        streams: ["Microsoft-Perf"],
        samplingFrequencyInSeconds: WATCH_INTERVAL_SECONDS,
        counterSpecifiers: COUNTERS,
      },
    ],
  },
  dataFlows: [{ streams: ["Microsoft-Syslog", "Microsoft-Perf"], destinations: [DESTINATION] }],
  destinationName: DESTINATION,
};
