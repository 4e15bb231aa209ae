/** `gangway verify`: the probe, for people and for the last resource of a deployment. */
import { exec } from "node:child_process";
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { Option, type Command } from "commander";
import {
  CHANNELS,
  CONTROL_TLS_POLICIES,
  DATA_TLS_POLICIES,
  formatRange,
  parseRange,
  parseSettings,
  PROBE_PASSWORD_VARIABLE,
  type BoundPort,
  type PortRange,
  type Settings,
} from "#contract";
import {
  DEFAULT_TIMEOUT_SECONDS,
  formatReport,
  holds,
  parseExposure,
  PROBE_TLS_MODES,
  probeHost,
  type ExposureRow,
  type ProbeOptions,
  type ProbeTlsMode,
} from "../../probe/index.ts";
import { UsageError } from "../errors.ts";
import { askSecret } from "../prompt.ts";

/** For surroundings such as the lab, where the stack itself writes the command line. */
const EVIDENCE_VARIABLE = "GANGWAY_PROBE_EVIDENCE";

interface Flags {
  readonly user: string;
  readonly passwordStdin?: boolean;
  readonly port: number;
  readonly implicitPort: number | "off";
  readonly boundPorts?: readonly BoundPort[];
  readonly passiveRange: PortRange;
  readonly passiveSlices: number;
  readonly advertised?: string;
  readonly names?: readonly string[];
  readonly fingerprint?: string;
  readonly ca?: string;
  readonly tls: ProbeTlsMode;
  readonly controlPolicy: Settings["tls"]["controlPolicy"];
  readonly dataPolicy: Settings["tls"]["dataPolicy"];
  readonly minTls: Settings["tls"]["minVersion"];
  readonly idle?: number;
  readonly timeout: number;
  readonly exposure?: string;
  readonly evidence?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const { controlPort, implicitTlsPort, passivePorts, passiveSlices, probe, tls } = parseSettings(
    {},
  );
  program
    .command("verify")
    .argument("<host>", "name or IPv4 address of the server")
    .description("Log in to a server from outside and prove that it can be used.")
    .option("--user <name>", "account of the probe", probe.account)
    .option("--password-stdin", "read the password from standard input, up to its first line break")
    .option("--port <port>", "control port", parseNumber, controlPort)
    .option("--implicit-port <port>", "implicit TLS port, or off", parsePortOrOff, implicitTlsPort)
    .option(
      "--bound-ports <channel:port,...>",
      "control ports of bindings, for example control:2121,implicitTls:9900",
      parseBoundPorts,
    )
    .addOption(
      new Option("--passive-range <first-last>", "declared passive range")
        .argParser(parsePassiveRange)
        .default(passivePorts, formatRange(passivePorts)),
    )
    .option("--passive-slices <count>", "slices of that range", parseNumber, passiveSlices)
    .option("--advertised <address>", "declared address in replies to PASV")
    .option("--names <a,b>", "names the certificate must cover besides the host", parseNames)
    .option("--fingerprint <sha256>", "the certificate's fingerprint; without it: authorities")
    .option("--ca <file>", "PEM file of authorities to trust instead of the system's")
    .addOption(
      new Option("--tls <mode>", "how the probe's own sessions are secured")
        .choices(PROBE_TLS_MODES)
        .default("explicit" satisfies ProbeTlsMode),
    )
    .addOption(
      new Option("--control-policy <policy>", "declared TLS policy of the control channel")
        .choices(CONTROL_TLS_POLICIES)
        .default(tls.controlPolicy),
    )
    .addOption(
      new Option("--data-policy <policy>", "declared TLS policy of the data channel")
        .choices(DATA_TLS_POLICIES)
        .default(tls.dataPolicy),
    )
    .addOption(
      new Option("--min-tls <version>", "declared oldest TLS version")
        .choices(["TLSv1.2", "TLSv1.3"])
        .default(tls.minVersion),
    )
    .option(
      "--idle <seconds>",
      "also keep a control connection silent this long and see it survive",
      parseNumber,
    )
    .option(
      "--timeout <seconds>",
      "limit of every single step",
      parseNumber,
      DEFAULT_TIMEOUT_SECONDS,
    )
    .option("--exposure <file>", "declared layers: the output of gangway exposure --json")
    .addOption(
      new Option(
        "--evidence <command>",
        "command that prints the layers as they are now, same format",
      ).env(EVIDENCE_VARIABLE),
    )
    .option("--json", "print the report as JSON")
    .addHelpText(
      "after",
      `\nThe password is asked for, or taken from ${PROBE_PASSWORD_VARIABLE} or --password-stdin.` +
        "\nExit codes: 0 all holds (warnings allowed), 1 something does not, 2 usage.",
    )
    .action(async (host: string, flags: Flags) => {
      const report = await probeHost(await readOptions(host, flags));
      const output = flags.json === true ? `${JSON.stringify(report)}\n` : formatReport(report);
      process.stdout.write(output);
      if (!holds(report)) process.exitCode = 1;
    });
}

async function readOptions(host: string, flags: Flags): Promise<ProbeOptions> {
  const { advertised, names, fingerprint, ca, idle, exposure, evidence } = flags;
  return {
    host,
    account: flags.user,
    controlPort: flags.port,
    implicitTlsPort: flags.implicitPort,
    ...(flags.boundPorts === undefined ? {} : { boundPorts: flags.boundPorts }),
    passivePorts: flags.passiveRange,
    passiveSlices: flags.passiveSlices,
    tls: flags.tls,
    controlPolicy: flags.controlPolicy,
    dataPolicy: flags.dataPolicy,
    minTlsVersion: flags.minTls,
    timeoutSeconds: flags.timeout,
    // An empty value stands for "not declared": callers can pass it without branching.
    ...(advertised === undefined || advertised === "" ? {} : { advertisedAddress: advertised }),
    ...(names === undefined ? {} : { names }),
    ...(fingerprint === undefined || fingerprint === "" ? {} : { fingerprint }),
    ...(ca === undefined ? {} : { authorities: await readFile(ca, "utf8") }),
    ...(idle === undefined ? {} : { idleSeconds: idle }),
    ...(exposure === undefined
      ? {}
      : { exposure: readRows(await readFile(exposure, "utf8"), exposure) }),
    ...(evidence === undefined
      ? {}
      : { evidence: (signal: AbortSignal) => runEvidence(evidence, signal) }),
    password: await readPassword(flags),
  };
}

async function readPassword({ user, passwordStdin }: Flags): Promise<string> {
  if (passwordStdin === true) return (await text(process.stdin)).split(/\r?\n/, 1)[0] ?? "";
  const fromEnvironment = process.env[PROBE_PASSWORD_VARIABLE];
  if (fromEnvironment !== undefined) return fromEnvironment;
  if (!process.stdin.isTTY) {
    throw new UsageError(
      `There is no terminal to ask for the password of ${user}; set ${PROBE_PASSWORD_VARIABLE}, or pass it with --password-stdin.`,
    );
  }
  return askSecret(`Password of ${user}: `);
}

function readRows(content: string, source: string): readonly ExposureRow[] {
  let document: unknown;
  try {
    document = JSON.parse(content);
  } catch {
    throw new UsageError(
      `exposure: ${source} is not JSON; write it with: gangway exposure --json > FILE`,
    );
  }
  return parseExposure(document);
}

/** The command line is the caller's own, as in any build tool; it gets no password. */
async function runEvidence(command: string, signal: AbortSignal): Promise<readonly ExposureRow[]> {
  const environment = Object.entries(process.env).filter(
    ([name]) => name !== PROBE_PASSWORD_VARIABLE,
  );
  const { stdout } = await promisify(exec)(command, {
    signal,
    env: Object.fromEntries(environment),
  });
  return readRows(stdout, "the output of --evidence");
}

function parseNumber(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new UsageError(`${value} is not a whole number.`);
  return Number(value);
}

function parsePortOrOff(value: string): number | "off" {
  return value === "off" ? "off" : parseNumber(value);
}

function parseBoundPorts(value: string): readonly BoundPort[] {
  return parseNames(value).map((text) => {
    const [name = "", port = ""] = text.split(":");
    const channel = CHANNELS.find((each) => each === name);
    if (channel === undefined) {
      throw new UsageError(
        `bound-ports: ${text} names no channel; write for example control:2121,implicitTls:9900.`,
      );
    }
    return { channel, port: parseNumber(port) };
  });
}

function parsePassiveRange(value: string): PortRange {
  const range = parseRange(value);
  if (range === undefined) {
    throw new UsageError(
      `passive-range: ${value} is not a range of ports; write first-last, for example ${formatRange(parseSettings({}).passivePorts)}.`,
    );
  }
  return range;
}

function parseNames(value: string): readonly string[] {
  return value.split(",").filter((name) => name !== "");
}
