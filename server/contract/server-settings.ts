/**
 * What the server reads: a projection of the stack's settings, written by the stack and parsed by
 * the server with the same schema. The two stages of the contract are two files: `settings` is
 * plain and known at preview, `deployment` holds what only a deployment knows.
 */
import * as v from "valibot";
import { formatRange, parseRange, type PortRange } from "./ports.ts";
import { findBindingViolations, serverBindingSchema } from "./bindings.ts";
import { findPortViolations } from "./bound-ports.ts";
import { SERVER_CERTIFICATE, siteCertificateName } from "./certificates.ts";
import { absentOr } from "./fields.ts";
import { ContractError, parseWith } from "./parse.ts";
import type { AccountLimits } from "./limits.ts";
import { serverWideEntries } from "./server-wide.ts";
import type { Settings } from "./settings.ts";
import { accountSchema, siteSchema, type Account } from "./sites.ts";
import {
  CONTROL_TLS_POLICIES,
  DATA_TLS_POLICIES,
  serverClientCertificatesSchema,
  serverSiteTlsSchema,
  serverTlsEntries,
} from "./tls.ts";
import { planIdleTimeouts, planKeepalive } from "./timeouts.ts";

const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535));
const seconds = v.pipe(v.number(), v.integer(), v.minValue(1));

const portRange = v.pipe(
  v.string(),
  v.check((text) => {
    const range = parseRange(text);
    return range !== undefined && range.first <= range.last;
  }, "is not a range of ports; write first-last, for example 50000-50099"),
  v.transform((text): PortRange => parseRange(text) ?? { first: 0, last: 0 }),
);

const keepaliveSchema = v.strictObject({
  idleSeconds: seconds,
  intervalSeconds: seconds,
  count: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(127)),
});

/** A site with what only the machine knows: where its own certificate lies. */
const serverSiteSchema = v.strictObject({
  ...siteSchema.entries,
  bindings: v.optional(
    v.pipe(
      v.array(serverBindingSchema),
      v.description(
        "Channels, ports, addresses and host names of the site; empty: every channel, by the site's own name.",
      ),
    ),
    [],
  ),
  certificateFile: absentOr(
    v.string(),
    "PEM chain (and key, unless keyFile is given) of the site, relative to this file; absent: tls.certificateFile.",
  ),
  keyFile: absentOr(v.string(), "PEM key of the site, relative to this file."),
  tls: v.optional(serverSiteTlsSchema, {}),
});

export const serverSettingsSchema = v.strictObject({
  listen: v.strictObject({
    addresses: v.optional(
      v.pipe(
        v.array(v.string()),
        v.description("Local addresses of every listener; :: covers IPv4 too."),
      ),
      ["::"],
    ),
    controlPort: v.pipe(port, v.description("Control port, plain and explicit TLS.")),
    implicitTlsPort: v.optional(
      v.pipe(port, v.description("Control port with implicit TLS; absent: off.")),
    ),
    healthProbePort: v.optional(
      v.pipe(port, v.description("Health, metrics and status over HTTP; absent: off.")),
    ),
  }),
  passive: v.strictObject({
    ports: v.pipe(portRange, v.description("Passive range, first-last.")),
    advertisedAddress: v.optional(
      v.pipe(
        v.string(),
        v.ipv4(),
        v.description(
          "Address in replies to PASV; absent: the local address of the control connection.",
        ),
      ),
    ),
  }),
  activeMode: v.optional(v.boolean(), false),
  keepalive: v.optional(
    v.pipe(keepaliveSchema, v.description("TCP keepalive of control connections; absent: none.")),
  ),
  tls: v.optional(
    v.strictObject({
      controlPolicy: v.optional(v.picklist(CONTROL_TLS_POLICIES), "requireForCredentials"),
      dataPolicy: v.optional(v.picklist(DATA_TLS_POLICIES), "allow"),
      ...serverTlsEntries,
      clientCertificates: v.optional(serverClientCertificatesSchema, {}),
      certificateFile: v.optional(
        v.pipe(
          v.string(),
          v.description(
            "PEM chain (and key, unless keyFile is given), relative to this file; absent: that of the first site with one, or no TLS.",
          ),
        ),
      ),
      keyFile: v.optional(v.pipe(v.string(), v.description("PEM key, relative to this file."))),
    }),
    {},
  ),
  dataFolder: v.pipe(
    v.string(),
    v.description("Folder that holds the sites' files, relative to this file."),
  ),
  ...serverWideEntries,
  sites: v.optional(v.array(serverSiteSchema), [{ name: "default" }]),
  accounts: v.optional(v.array(accountSchema), []),
});

/** Server settings as they stand in the file. */
export type ServerSettingsFile = v.InferInput<typeof serverSettingsSchema>;
/** Server settings as parsed: complete. */
export type ServerSettings = v.InferOutput<typeof serverSettingsSchema>;

/** What only a deployment knows; lies beside the settings on the machine. */
export const deploymentSchema = v.strictObject({
  advertisedAddress: v.pipe(v.string(), v.ipv4()),
  certificateNames: v.optional(v.array(v.string()), []),
  accounts: v.optional(v.array(accountSchema), []),
});
export type Deployment = v.InferOutput<typeof deploymentSchema>;

/** Where things lie on the machine, for the settings file that the stack writes. */
export interface MachinePaths {
  /** Folder of the certificates, `NAME.pem` with chain and key; relative to the settings file. */
  readonly certificatesFolder: string;
  readonly dataFolder: string;
  /** Where a relative `log.folder` lies; relative to the settings file. */
  readonly logFolder: string;
}

/** Projects a stack's settings onto the server: the plain stage, known at preview. */
export function planServerSettings(settings: Settings, paths: MachinePaths): ServerSettingsFile {
  const { controlPort, implicitTlsPort, healthProbePort } = settings;
  const timeouts = planIdleTimeouts(settings.idleTimeoutMinutes);
  const fileOf = (name: string) => `${paths.certificatesFolder}/${name}.pem`;
  return {
    listen: {
      controlPort,
      ...(implicitTlsPort === undefined ? {} : { implicitTlsPort }),
      healthProbePort,
    },
    passive: { ports: formatRange(settings.passivePorts) },
    activeMode: settings.activeMode,
    keepalive: planKeepalive(timeouts, settings.keepaliveSeconds || undefined),
    tls: { ...settings.tls, certificateFile: fileOf(SERVER_CERTIFICATE) },
    dataFolder: paths.dataFolder,
    workers: settings.workers,
    limits: settings.limits,
    logonAttempts: settings.logonAttempts,
    log: { ...settings.log, folder: placeLog(settings.log.folder, paths.logFolder) },
    authenticationHook: settings.authenticationHook,
    sites: settings.sites.map(({ certificate, ...site }) =>
      certificate === undefined
        ? site
        : { ...site, certificateFile: fileOf(siteCertificateName(site.name)) },
    ),
    accounts: settings.accounts.map((account) => ({ ...account })),
  };
}

function placeLog(folder: string, logFolder: string): string {
  return folder.startsWith("/") ? folder : `${logFolder}/${folder}`;
}

/**
 * Joins the two stages: settings plus what the deployment learned.
 *
 * @throws ContractError when either is not what its schema says.
 */
export function joinDeployment(settings: unknown, deployment: unknown): ServerSettings {
  const parsed = parseWith(serverSettingsSchema, settings);
  const { sites, accounts: declared, listen } = parsed;
  const { implicitTlsPort } = listen;
  const findings = [
    ...findBindingViolations({ sites, accounts: declared, implicitTlsPort }),
    ...findPortViolations(parsed),
  ];
  if (findings.length > 0) throw new ContractError(findings);
  if (deployment === undefined) return parsed;
  const { advertisedAddress, accounts } = parseWith(deploymentSchema, deployment);
  return {
    ...parsed,
    passive: { ...parsed.passive, advertisedAddress },
    accounts: [...parsed.accounts, ...accounts],
  };
}

/** The account that the probe logs in with: a folder of its own, nothing else. */
export function planProbeAccount(settings: Settings, passwordHash: string): Account {
  return {
    name: settings.probe.account,
    passwordHash,
    anonymous: false,
    home: PROBE_HOME,
    permissions: ["read", "write"],
    groups: [],
    sites: [],
    certificates: [],
    disabled: false,
    limits: NO_ACCOUNT_LIMITS,
  };
}

const NO_ACCOUNT_LIMITS: AccountLimits = { bandwidth: {}, sessionBandwidth: {} };

/** The probe's folder; the server creates homes that are missing. */
const PROBE_HOME = "/.gangway-probe";
