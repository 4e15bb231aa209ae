/**
 * The schema of every setting of a stack: type, default, description, bounds.
 *
 * `Pulumi.<stack>.yaml` is parsed with it once; the `config:` block of `Pulumi.yaml` and the
 * settings reference are generated from it. Rules that involve several settings are in
 * `invariants.ts`.
 */
import * as v from "valibot";
import { parseIpv4 } from "./addresses.ts";
import {
  backupSchema,
  bastionSchema,
  cidr,
  dnsSchema,
  machineSchema,
  monitoringSchema,
  networkSchema,
  ownershipSchema,
  tagsSchema,
} from "./azure-settings.ts";
import {
  acmeSchema,
  certificateSchema,
  siteCertificateEntries,
  type CertificateKind,
} from "./certificates.ts";
import { setting, wholeNumber } from "./fields.ts";
import { HIGHEST_PORT, LOWEST_PORT, parseRange, type PortRange } from "./ports.ts";
import { serverWideEntries } from "./server-wide.ts";
import { accountSchema, siteSchema } from "./sites.ts";
import {
  clientCertificatesSchema,
  CONTROL_TLS_POLICIES,
  DATA_TLS_POLICIES,
  serverTlsEntries,
  type TlsPolicy,
} from "./tls.ts";
import { LONGEST_IDLE_TIMEOUT_MINUTES, SHORTEST_IDLE_TIMEOUT_MINUTES } from "./timeouts.ts";

const port = wholeNumber(LOWEST_PORT, HIGHEST_PORT);

const portRange = v.pipe(
  v.string(),
  v.check(
    (text) => parseRange(text) !== undefined,
    "is not a range of ports; write first-last, for example 50000-50099",
  ),
  v.transform((text): PortRange => parseRange(text) ?? { first: 0, last: 0 }),
);

const optionalIpv4 = v.pipe(
  v.string(),
  v.check(
    (text) => text === "" || parseIpv4(text) !== undefined,
    "is not an IPv4 address; write for example 203.0.113.7, or leave it empty",
  ),
);

const text = v.string();

const tlsSchema = v.strictObject({
  controlPolicy: setting(
    v.picklist(["environment", ...CONTROL_TLS_POLICIES]),
    "environment",
    "Control channel: allow, require, requireForCredentials, or environment (dev requireForCredentials, prod require).",
  ),
  dataPolicy: setting(
    v.picklist(["environment", ...DATA_TLS_POLICIES]),
    "environment",
    "Data channel: allow, require, deny, or environment (dev allow, prod require).",
  ),
  ...serverTlsEntries,
  clientCertificates: setting(clientCertificatesSchema, {}, "Logins with client certificates."),
});

/** A site as a stack declares it: the server's own settings name a file for its certificate. */
const stackSiteSchema = v.strictObject({ ...siteSchema.entries, ...siteCertificateEntries });

const probeSchema = v.strictObject({
  mode: setting(
    v.picklist(["local", "runner", "off"]),
    "local",
    "Where the probe runs after a deployment: on the machine that runs pulumi, on a runner, or nowhere.",
  ),
  sourceCidrs: setting(
    v.array(cidr),
    [],
    "Addresses that may run the probe besides the clients; shown in the exposure table.",
  ),
  account: setting(text, "gangway-probe", "Account of the probe; it sees only its own folder."),
  runnerHost: setting(text, "", "For runner: host that runs the probe, reached by SSH."),
  runnerUser: setting(text, "gangway", "For runner: user on that host."),
});

export const settingsSchema = v.strictObject({
  environment: setting(
    v.picklist(["dev", "prod"]),
    "dev",
    "dev or prod; prod refuses unsafe defaults.",
  ),
  topology: setting(v.picklist(["single"]), "single", "One machine with one public address."),
  controlPort: setting(port, 21, "Port of the control connection (explicit TLS and plain)."),
  implicitTlsPort: setting(
    wholeNumber(
      0,
      HIGHEST_PORT,
      "is not a port; write a number, for example 990, or 0 to switch it off",
    ),
    990,
    "Port of the control connection with implicit TLS; 0 switches it off.",
  ),
  activeMode: setting(
    v.boolean(),
    false,
    "Allow PORT and EPRT: data connections from the port below the control port (20, 989).",
  ),
  passivePorts: setting(portRange, "50000-50099", "Passive range, first-last."),
  passiveSlices: setting(
    wholeNumber(1, 64),
    1,
    "Equal slices that the passive range divides into; above 1, the probe does not demand a lease of its first and last port.",
  ),
  healthProbePort: setting(
    port,
    8021,
    "Port of health, metrics and status; open to Azure's health probe and adminCidrs only.",
  ),
  externalAddress: setting(
    optionalIpv4,
    "",
    "Address advertised to passive clients; empty: the public address that Azure assigns.",
  ),
  allowPrivateExternalAddress: setting(
    v.boolean(),
    false,
    "Accept an externalAddress that is not public, for deployments inside private networks.",
  ),
  idleTimeoutMinutes: setting(
    wholeNumber(SHORTEST_IDLE_TIMEOUT_MINUTES, LONGEST_IDLE_TIMEOUT_MINUTES),
    30,
    "Idle timeout of every Azure resource on the way; the server's keepalive is derived from it.",
  ),
  keepaliveSeconds: setting(
    wholeNumber(
      0,
      LONGEST_IDLE_TIMEOUT_MINUTES * 60,
      "is not a number of seconds; write one, or 0 to have it derived",
    ),
    0,
    "Silence before the server's first TCP keepalive; 0: derived from the idle timeouts.",
  ),
  clientCidrs: setting(
    v.array(cidr),
    [],
    "Addresses of the clients. Empty: everyone in dev, refused in prod.",
  ),
  adminCidrs: setting(v.array(cidr), [], "Addresses that may read health, metrics and status."),
  tls: setting(tlsSchema, {}, "TLS policy per channel."),
  certificate: setting(certificateSchema, {}, "Where the certificate comes from."),
  acme: setting(acmeSchema, {}, "The authority that certificates of kind acme come from."),
  ...serverWideEntries,
  sites: setting(v.array(stackSiteSchema), [{ name: "default" }], "Sites of the server."),
  accounts: setting(v.array(accountSchema), [], "Accounts that may log in."),
  probe: setting(probeSchema, {}, "The proof from outside at the end of each deployment."),
  dnsLabel: setting(
    v.pipe(
      text,
      v.regex(
        /^(?:[a-z][a-z0-9-]{1,61}[a-z0-9])?$/,
        "is not a DNS label; write 3 to 63 characters of a-z, 0-9 and -, beginning with a letter",
      ),
    ),
    "",
    "Label of the public address, LABEL.REGION.cloudapp.azure.com; empty: derived from the stack.",
  ),
  machine: setting(machineSchema, {}, "The virtual machine."),
  network: setting(networkSchema, {}, "The virtual network."),
  bastion: setting(bastionSchema, {}, "The way in for administrators; off: Run Command only."),
  dns: setting(dnsSchema, {}, "A record for the server in a DNS zone of yours."),
  monitoring: setting(monitoringSchema, {}, "Logs, metrics and alerts."),
  backup: setting(backupSchema, {}, "Backup of the data disk."),
  ownership: setting(ownershipSchema, {}, "Tags that a platform asks for."),
  tags: setting(tagsSchema, {}, "Further tags on everything that takes tags."),
});

/** Settings as written, before defaults. */
export type SettingsInput = v.InferInput<typeof settingsSchema>;

/** Settings as parsed, still with `environment` where the environment decides. */
export type ParsedSettings = v.InferOutput<typeof settingsSchema>;

/** Settings of a stack: plain, complete and consistent. Everything at preview derives from them. */
export type Settings = Omit<
  ParsedSettings,
  "tls" | "certificate" | "implicitTlsPort" | "monitoring" | "backup"
> & {
  readonly implicitTlsPort: number | undefined;
  readonly tls: TlsPolicy;
  readonly certificate: Omit<ParsedSettings["certificate"], "kind"> & {
    readonly kind: CertificateKind;
  };
  readonly monitoring: Omit<ParsedSettings["monitoring"], "mode"> & { readonly enabled: boolean };
  readonly backup: Omit<ParsedSettings["backup"], "mode"> & { readonly enabled: boolean };
};

/**
 * Secret configuration that is not part of the settings, by its key. It is left undeclared in
 * `Pulumi.yaml`, because a declared setting without a default is mandatory for every command.
 */
export const SECRET_SETTINGS = {
  probePassword: "Password of the probe's account.",
  runnerPrivateKey: "Private SSH key for the probe's runner.",
  acmeExternalAccountKey:
    "MAC key of acme.externalAccountKeyId, base64url, as the authority gave it.",
  alertWebhookUri: "Webhook that is told of alerts, an https address.",
} as const;
