// Writes the figures of the newest full run of `npm run bench` into docs/performance.md, between its
// markers. Another report may be named: node scripts/document-bench.mjs bench/results/NAME.json
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const DOCUMENT = join(root, "docs", "performance.md");
const RESULTS = join(root, "bench", "results");
const BEGIN = "<!-- peers: begin (npm run bench -- --profile full --document) -->";
const END = "<!-- peers: end -->";
const OWN = "gangway";

const RATE = { key: "mbps", unit: "MB/s", more: true };
const CPU_GB = { key: "cpu_s_per_gb", unit: "s/GB" };
const FILES = { key: "files_per_s", unit: "files/s", more: true };
const CPU_FILE = { key: "cpu_ms_per_file", unit: "ms/file" };
const SESSIONS = { key: "sessions_per_s", unit: "sessions/s", more: true };
const CPU_SESSION = { key: "cpu_ms_per_session", unit: "ms/session" };
const MEMORY = { key: "pss_kb_per_session", unit: "KiB/session" };

const FAIR = ["beside 8 bulk RETR", "beside 8 bulk RETR TLS"];

/** Targets: ratio to the best of the peers (or to `of`) that must be reached, and the aim. */
const ROWS = [
  ...both("RETR bulk", [CPU_GB, RATE], { must: 0.9, aim: 1, of: "vsftpd" }, ["x1", "x8"]),
  ...both("STOR bulk", [CPU_GB, RATE], { must: 1, aim: 1.2 }, ["x1", "x8"]),
  ...both("RETR bulk", [CPU_GB, RATE], { must: 1.3, aim: 1.5 }, ["x1 TLS", "x8 TLS"]),
  ...both("STOR bulk", [CPU_GB, RATE], { must: 0.8, aim: 1 }, ["x1 TLS", "x8 TLS"]),
  ...both("RETR 4KiB", [CPU_FILE, FILES], { must: 0.6, aim: 1 }, ["x1", "x16"]),
  ...both("STOR 4KiB", [CPU_FILE, FILES], { must: 0.6, aim: 1 }, ["x1", "x16"]),
  ...both("RETR 4KiB", [CPU_FILE, FILES], { must: 0.9, aim: 1.1 }, ["x1 TLS", "x16 TLS"]),
  ...both("STOR 4KiB", [CPU_FILE, FILES], { must: 0.9, aim: 1.1 }, ["x1 TLS", "x16 TLS"]),
  ...both("login+LIST+QUIT", [CPU_SESSION, SESSIONS], { must: 0.9, aim: 1.1 }, ["x4"]),
  ...both("login+LIST+QUIT", [CPU_SESSION, SESSIONS], { must: 0.65, aim: 1 }, ["x4 TLS"]),
  ...["LIST", "MLSD"].flatMap((command) =>
    both(command, [{ key: "seconds", unit: "s" }], { must: 0.8, aim: 1 }, ["large directory"]),
  ),
  ...both("idle sessions, many", [MEMORY], { must: 0.9, aim: 1 }, [""]),
  ...both("idle sessions, many", [MEMORY], { must: 0.7, aim: 1 }, ["TLS"]),
  ...both("small RETR", [{ key: "p50_ms", unit: "ms p50" }], { must: 0.5, aim: 1 }, FAIR),
  ...both("small RETR", [{ key: "p99_ms", unit: "ms p99" }], { must: 1, aim: 1.2 }, FAIR),
];

function both(name, metrics, target, variants) {
  return variants.flatMap((variant) =>
    metrics.map((metric, index) => ({
      workload: `${name} ${variant}`.trim(),
      metric,
      // A rate on a loopback interface is the client's as much as the server's.
      target: index === 0 ? target : { of: target.of },
    })),
  );
}

const file = process.argv[2] ?? newest();
const report = JSON.parse(readFileSync(file, "utf8"));
const peers = report.servers.filter((name) => !name.startsWith(OWN) && name !== "base");
const workers = report.servers.includes(`${OWN}-2`);

function newest() {
  const names = readdirSync(RESULTS).filter((name) => /^full-.*\.json$/u.test(name));
  const [last] = names.toSorted().reverse();
  if (last === undefined) {
    console.error("No full report: npm run bench -- --profile full");
    process.exit(1);
  }
  return join(RESULTS, last);
}

function median(workload, server, key) {
  const own = (pass) => pass.workload === workload && pass.server === server;
  return medianOf(report.passes.filter(own), key);
}

function medianOf(passes, key) {
  const values = passes.flatMap((pass) => pass.values?.[key] ?? []).toSorted((a, b) => a - b);
  const middle = values.length >> 1;
  if (values.length === 0) return undefined;
  return values.length % 2 === 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/** How much slower than at their best processors or memory were beside the pass in the middle. */
function slowness() {
  const middle = medianOf(report.passes, "processor_slowness");
  return middle === undefined
    ? ""
    : ` Beside half of the passes processors or memory were slower than at their best by more than ${(middle * 100).toFixed(0)} %.`;
}

function show(value) {
  if (value === undefined) return "–";
  if (value >= 100) return value.toFixed(0);
  return value.toPrecision(3);
}

/** Above 1 is better than the other. */
function ratio(own, other, { more = false }) {
  if (own === undefined || other === undefined) return undefined;
  return more ? own / other : other / own;
}

function bestPeer(workload, { key, more = false }, of) {
  const found = (of === undefined ? peers : [of])
    .map((server) => ({ server, value: median(workload, server, key) }))
    .filter(({ value }) => value !== undefined)
    .toSorted((a, b) => (more ? b.value - a.value : a.value - b.value));
  return found[0];
}

function row({ workload, metric, target }) {
  const best = bestPeer(workload, metric, target.of);
  const own = median(workload, OWN, metric.key);
  const reached = ratio(own, best?.value, metric);
  const wanted = target.must === undefined ? "" : `${target.must} / ${target.aim}`;
  const missed = target.must !== undefined && reached !== undefined && reached < target.must;
  const cells = [
    workload,
    metric.unit,
    show(own),
    best === undefined ? "–" : `${show(best.value)} (${best.server})`,
    reached === undefined ? "–" : missed ? `**${reached.toFixed(2)}**` : reached.toFixed(2),
    wanted,
  ];
  if (workers) cells.push(show(median(workload, `${OWN}-2`, metric.key)));
  return `| ${cells.join(" | ")} |`;
}

function absolutes() {
  const base = median("start", OWN, "rss_mb");
  const above = (command) => {
    const peak = median(`${command} large directory`, OWN, "peak_rss_mb");
    return peak === undefined || base === undefined ? undefined : peak - base;
  };
  const lines = [
    ["start to first greeting, ms", median("start", OWN, "ms"), 120, 80],
    ["memory of a fresh server, MiB (PSS)", median("start", OWN, "pss_mb"), 60, 50],
    ["LIST of the large directory, peak MiB above a fresh server", above("LIST"), 8, 4],
    ["MLSD of the large directory, peak MiB above a fresh server", above("MLSD"), 8, 4],
  ];
  return lines.map(([name, value, most, aim]) => {
    const shown = value > most ? `**${show(value)}**` : show(value);
    return `| ${name} | ${shown} | ${most} / ${aim} |`;
  });
}

/** Rows of which two workers are to do more than one process; a rate with one session is not among them. */
const SHARED = ROWS.filter(({ metric, workload }) => metric.more && !/ x1( |$)/u.test(workload));

/**
 * What two workers gain, and what they would gain if work cost the same CPU as in one process and all
 * processors were used: the clients run on the same ones.
 */
function gains() {
  const lines = SHARED.map(({ workload, metric }) => {
    const server = median(workload, OWN, "server_cpu_share");
    const clients = median(workload, OWN, "client_cpu_share");
    const [one, two] = [OWN, `${OWN}-2`].map((own) => median(workload, own, metric.key));
    const whole =
      server === undefined || clients === undefined ? undefined : report.cores / (server + clients);
    const factors = [ratio(two, one, metric), whole].map((factor) => factor?.toFixed(2) ?? "–");
    return `| ${[workload, show(server), show(clients), ...factors].join(" | ")} |`;
  });
  return [
    "",
    "| rate with 2 workers | server, cores (1 process) | its clients, cores | gain | gain if all cores were used |",
    "| --- | ---: | ---: | ---: | ---: |",
    ...lines,
  ];
}

const head = ["workload", "unit", "Gangway", "best peer", "ratio", "must / aim"];
if (workers) head.push("with 2 workers");
const text = [
  BEGIN,
  "",
  `${report.date.slice(0, 10)}, profile ${report.profile}, ${String(report.cores)} cores, Linux ${report.kernel.split(".").slice(0, 2).join(".")}; medians. ` +
    "A ratio above 1 is better than the peer beside it, which is the best or the one that the limit is about; " +
    "what misses its limit stands in bold." +
    slowness(),
  "",
  `| ${head.join(" | ")} |`,
  `| ${head.map((_, index) => (index < 2 ? "---" : "---:")).join(" | ")} |`,
  ...ROWS.map(row),
  "",
  "| one process | Gangway | at most / aim |",
  "| --- | ---: | ---: |",
  ...absolutes(),
  ...(workers ? gains() : []),
  "",
  END,
].join("\n");

const before = readFileSync(DOCUMENT, "utf8");
const [from, to] = [before.indexOf(BEGIN), before.indexOf(END)];
if (from < 0 || to < from) {
  console.error(`${DOCUMENT} has no markers "${BEGIN}" and "${END}"`);
  process.exit(1);
}
writeFileSync(DOCUMENT, before.slice(0, from) + text + before.slice(to + END.length));
