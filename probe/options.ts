/** What the probe is asked to prove. Whatever is left out has the contract's default. */
import { isIP } from "node:net";
import {
  boundPorts,
  ContractError,
  formatRange,
  isPort,
  parseIpv4,
  parseSettings,
  slicesSeen,
  type BoundPort,
  type Deployed,
  type Finding,
  type PortRange,
  type Settings,
} from "#contract";
import type { ExposureRow } from "./exposure.ts";
import type { CheckReport } from "./report.ts";

/** How the probe's own sessions are secured. `off` sends the password in clear. */
export const PROBE_TLS_MODES = ["explicit", "implicit", "off"] as const;
export type ProbeTlsMode = (typeof PROBE_TLS_MODES)[number];

/** Reads the layers as they are now, for instance from the lab's cloud or from Azure. */
type EvidenceProvider = (signal: AbortSignal) => Promise<readonly ExposureRow[]>;

export interface ProbeOptions {
  /** Name or IPv4 address to connect to. */
  readonly host: string;
  readonly password: string;
  readonly account?: string;
  readonly controlPort?: number;
  readonly implicitTlsPort?: number | "off";
  /** Control ports of bindings. */
  readonly boundPorts?: readonly BoundPort[];
  readonly passivePorts?: PortRange;
  readonly passiveSlices?: number;
  /** Address that replies to PASV must carry; default: the address connected to. */
  readonly advertisedAddress?: string;
  /** Names and addresses that the certificate must cover, besides the host. */
  readonly names?: readonly string[];
  /** SHA-256 of the certificate, hexadecimal, colons allowed; default: trust by authorities. */
  readonly fingerprint?: string;
  /** PEM of authorities to trust instead of the system's. */
  readonly authorities?: string;
  readonly tls?: ProbeTlsMode;
  readonly controlPolicy?: Settings["tls"]["controlPolicy"];
  readonly dataPolicy?: Settings["tls"]["dataPolicy"];
  readonly minTlsVersion?: Settings["tls"]["minVersion"];
  /** Also keep a control connection silent for this long and see whether it survives. */
  readonly idleSeconds?: number;
  /** Limit of every single step (connect, reply, handshake, transfer). */
  readonly timeoutSeconds?: number;
  /** Declared rows of the exposure table. */
  readonly exposure?: readonly ExposureRow[];
  /** Rows read back from the live layers; they outrank `exposure`. */
  readonly evidence?: EvidenceProvider;
  readonly signal?: AbortSignal;
  /** Called as each check ends, in the order of their ends. */
  readonly onCheck?: (check: CheckReport) => void;
}

/** Options with everything filled in. */
export interface Expectations {
  readonly host: string;
  readonly account: string;
  readonly password: string;
  readonly controlPort: number;
  readonly implicitTlsPort: number | undefined;
  readonly boundPorts: readonly BoundPort[];
  readonly passivePorts: PortRange;
  readonly passiveSlices: number;
  readonly advertisedAddress: string | undefined;
  /** The host first. */
  readonly names: readonly string[];
  /** Lower-case hexadecimal without colons. */
  readonly fingerprint: string | undefined;
  readonly authorities: string | undefined;
  readonly tls: ProbeTlsMode;
  readonly controlPolicy: Settings["tls"]["controlPolicy"];
  readonly dataPolicy: Settings["tls"]["dataPolicy"];
  readonly minTlsVersion: Settings["tls"]["minVersion"];
  readonly idleSeconds: number | undefined;
  readonly stepMilliseconds: number;
  readonly exposure: readonly ExposureRow[];
  readonly evidence: EvidenceProvider | undefined;
}

/** Every control port, those of bindings included. */
export function controlPortsOf(expected: Expectations): readonly number[] {
  const { controlPort, implicitTlsPort, boundPorts: bound } = expected;
  return [controlPort, implicitTlsPort, ...bound.map(({ port }) => port)].filter(
    (port) => port !== undefined,
  );
}

/** Long enough for three SYNs (sent at 0, 1 and 3 s) on a lossy way. */
export const DEFAULT_TIMEOUT_SECONDS = 5;

/** What a deployment declares, as options of the probe. Add `host` and `password`. */
export function planProbe(deployed: Deployed): Omit<ProbeOptions, "host" | "password"> {
  const { settings, advertisedAddress, certificateNames } = deployed;
  return {
    account: settings.probe.account,
    controlPort: settings.controlPort,
    implicitTlsPort: settings.implicitTlsPort ?? "off",
    boundPorts: boundPorts(settings.sites),
    passivePorts: settings.passivePorts,
    passiveSlices: slicesSeen(settings),
    advertisedAddress,
    names: certificateNames,
    controlPolicy: settings.tls.controlPolicy,
    dataPolicy: settings.tls.dataPolicy,
    minTlsVersion: settings.tls.minVersion,
  };
}

/**
 * Fills in the contract's defaults and refuses what cannot be proved.
 *
 * @throws ContractError that names each bad option, its value and the fix.
 */
export function completeOptions(options: ProbeOptions): Expectations {
  const defaults = parseSettings({});
  const implicitTlsPort = options.implicitTlsPort ?? defaults.implicitTlsPort;
  const expectations: Expectations = {
    host: options.host,
    account: options.account ?? defaults.probe.account,
    password: options.password,
    controlPort: options.controlPort ?? defaults.controlPort,
    implicitTlsPort: implicitTlsPort === "off" ? undefined : implicitTlsPort,
    boundPorts: options.boundPorts ?? [],
    passivePorts: options.passivePorts ?? defaults.passivePorts,
    passiveSlices: options.passiveSlices ?? defaults.passiveSlices,
    advertisedAddress: options.advertisedAddress,
    names: [...new Set([options.host, ...(options.names ?? [])])],
    fingerprint: options.fingerprint?.replaceAll(":", "").toLowerCase(),
    authorities: options.authorities,
    tls: options.tls ?? "explicit",
    controlPolicy: options.controlPolicy ?? defaults.tls.controlPolicy,
    dataPolicy: options.dataPolicy ?? defaults.tls.dataPolicy,
    minTlsVersion: options.minTlsVersion ?? defaults.tls.minVersion,
    idleSeconds: options.idleSeconds,
    stepMilliseconds: (options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS) * 1000,
    exposure: options.exposure ?? [],
    evidence: options.evidence,
  };
  const findings = findProblems(expectations);
  if (findings.length > 0) throw new ContractError(findings);
  return expectations;
}

function findProblems(expected: Expectations): readonly Finding[] {
  const { passivePorts, implicitTlsPort, advertisedAddress, fingerprint } = expected;
  const rules: readonly (readonly [boolean, Finding])[] = [
    [
      /^[^\s/]+$/.test(expected.host) && isIP(expected.host) !== 6,
      finding(
        "host",
        expected.host,
        "is not a host name or IPv4 address",
        "write for example ftp.example.com",
      ),
    ],
    [
      isPort(expected.controlPort),
      finding("port", expected.controlPort, "is not a TCP port", "write 1 to 65535"),
    ],
    [
      implicitTlsPort === undefined || isPort(implicitTlsPort),
      finding("implicit-port", implicitTlsPort, "is not a TCP port", "write 1 to 65535, or off"),
    ],
    [
      expected.boundPorts.every(({ port }) => isPort(port)),
      finding(
        "bound-ports",
        expected.boundPorts.map(({ port }) => port).join(","),
        "are not TCP ports",
        "write for example control:2121,implicitTls:9900",
      ),
    ],
    [
      isPort(passivePorts.first) &&
        isPort(passivePorts.last) &&
        passivePorts.first <= passivePorts.last,
      finding("passive-range", formatRange(passivePorts), "is not a range", "write first-last"),
    ],
    [
      advertisedAddress === undefined || parseIpv4(advertisedAddress) !== undefined,
      finding(
        "advertised",
        advertisedAddress,
        "is not an IPv4 address",
        "write the public address of the server",
      ),
    ],
    [
      fingerprint === undefined || /^[0-9a-f]{64}$/.test(fingerprint),
      finding(
        "fingerprint",
        fingerprint,
        "is not a SHA-256 fingerprint",
        "write 64 hexadecimal digits, colons allowed",
      ),
    ],
    [
      !/[\r\n\0]/.test(expected.account + expected.password),
      finding("user", "account or password", "holds a line break", "remove it"),
    ],
    [
      expected.idleSeconds === undefined || expected.idleSeconds > 0,
      finding(
        "idle",
        expected.idleSeconds,
        "is not a duration",
        "write seconds above the idle timeout, for example 300",
      ),
    ],
    [
      expected.stepMilliseconds > 0,
      finding(
        "timeout",
        expected.stepMilliseconds / 1000,
        "is not a duration",
        "write seconds, for example 5",
      ),
    ],
    [
      expected.tls !== "implicit" || implicitTlsPort !== undefined,
      finding("tls", "implicit", "needs a port", "give implicit-port, or choose explicit"),
    ],
    [
      expected.tls !== "off" || expected.controlPolicy === "allow",
      finding(
        "tls",
        "off",
        `contradicts control-policy ${expected.controlPolicy}: the password would be refused in clear`,
        "choose explicit or implicit, or declare control-policy allow",
      ),
    ],
  ];
  return rules.filter(([good]) => !good).map(([, problem]) => problem);
}

function finding(
  setting: string,
  value: string | number | undefined,
  problem: string,
  fix: string,
): Finding {
  return { setting, value: String(value), problem, fix };
}
