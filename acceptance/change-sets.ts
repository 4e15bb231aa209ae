/**
 * What an update changes: for each change of a running stack the resources that it touches, and no
 * other. Said once: the acceptance run, the tests of the program and the table of
 * docs/operations.md all follow from it.
 */
import type { SettingsInput } from "#contract";

/** Where a change is tried. `server`: new code instead of new settings. */
export interface ChangeCase {
  readonly what: string;
  readonly environment: "dev" | "prod";
  readonly change: "server" | ((from: SettingsInput) => SettingsInput);
  /** `OPERATION RESOURCE` each, sorted; the probe, which follows every delivery, left out. */
  readonly steps: readonly string[];
}

/** One row of the table. */
export interface DocumentedChange {
  /** Name for `npm run acceptance -- --only NAME`. */
  readonly name: string;
  /** For people; Markdown. */
  readonly title: string;
  /** Follows the resources in the table; with no case it is all that stands there. */
  readonly remark?: string;
  readonly noticed: string;
  /** The first one of `prod` stands in the table. */
  readonly cases: readonly ChangeCase[];
}

/** The blob with the settings has their hash in its name, so a change makes a new one. */
const NEW_SETTINGS = ["create settings", "delete settings", "update delivery"];
const NEW_RULES = [...NEW_SETTINGS, "update nic-nsg", "update subnet-nsg"];

const PARTNER = { name: "partner", passwordHash: "$scrypt$ln=4,r=8,p=1$c2FsdA$aGFzaA" };

const inDev = (
  what: string,
  steps: readonly string[],
  change: (from: SettingsInput) => SettingsInput,
): ChangeCase => ({ what, environment: "dev", change, steps });

const inBoth = (...[what, steps, change]: Parameters<typeof inDev>): readonly ChangeCase[] => [
  inDev(what, steps, change),
  { what, environment: "prod", change, steps },
];

const inProd = (...[what, steps, change]: Parameters<typeof inDev>): ChangeCase => ({
  ...inDev(what, steps, change),
  environment: "prod",
});

export const DOCUMENTED_CHANGES: readonly DocumentedChange[] = [
  {
    name: "range",
    title: "passive range, ports (a binding's too), clients (`passivePorts`, …)",
    noticed: "nothing; live transfers end normally",
    cases: [
      ...inBoth("the passive range", NEW_RULES, () => ({ passivePorts: "51000-51049" })),
      inDev("the clients", NEW_RULES, () => ({ clientCidrs: ["198.51.100.0/24"] })),
    ],
  },
  {
    name: "account",
    title: "account, limit, site (`accounts`, …)",
    noticed: "nothing",
    cases: [
      ...inBoth("an account", NEW_SETTINGS, ({ accounts = [] }) => ({
        accounts: [...accounts, PARTNER],
      })),
      inDev("the keepalive", NEW_SETTINGS, () => ({ keepaliveSeconds: 30 })),
    ],
  },
  {
    name: "certificate",
    title: "certificate (`certificate.keyVaultSecretId`)",
    remark: "; a self-signed one: `certificate`, `certificate-secret`, `delivery`",
    noticed: "the new certificate",
    cases: [
      inDev(
        "the names of the certificate",
        ["update certificate", "update certificate-secret", "update delivery"],
        ({ certificate }) => ({ certificate: { ...certificate, hostNames: ["ftp.example.com"] } }),
      ),
      inDev(
        "the external address",
        ["update certificate", "update certificate-secret", "update delivery"],
        () => ({ externalAddress: "203.0.113.200" }),
      ),
      inProd("the certificate", ["update delivery", "update key-vault-agent"], () => ({
        certificate: { keyVaultSecretId: "https://example.vault.azure.net/secrets/ftp-2027" },
      })),
    ],
  },
  {
    name: "server",
    title: "server (new code)",
    noticed: "nothing, see Upgrades",
    cases: (["dev", "prod"] as const).map((environment) => ({
      ...{ what: "the server", environment, change: "server" },
      steps: ["replace server", "update delivery"],
    })),
  },
  {
    name: "size",
    title: "size of the machine (`machine.size`)",
    noticed: "a reboot",
    cases: inBoth("the size of the machine", ["update machine"], ({ machine }) => ({
      machine: { ...machine, size: "Standard_D2s_v5" },
    })),
  },
  {
    name: "idle-timeout",
    title: "idle timeout (`idleTimeoutMinutes`)",
    remark:
      "; a preview adds `delivery` (and the self-signed certificate with its secret), because it cannot know that the address stays",
    noticed: "nothing",
    cases: inBoth("the idle timeout", ["update address", "update network"], () => ({
      idleTimeoutMinutes: 10,
    })),
  },
  {
    name: "image",
    title: "image (`machine.image`)",
    noticed: "minutes without a server",
    cases: [
      inProd(
        "the image",
        [
          "create delivery",
          "create key-vault-agent",
          "create logs-of-machine",
          "create monitor-agent",
          "replace machine",
        ],
        ({ machine }) => ({
          machine: { ...machine, image: "Canonical:ubuntu-24_04-lts:server:24.04.202510010" },
        }),
      ),
    ],
  },
  {
    name: "backup",
    title: "backup (`backup.retentionDays`, `backup.timeUtc`)",
    noticed: "nothing",
    cases: [
      inProd("the retention of backups", ["update backup-policy"], () => ({
        backup: { retentionDays: 30 },
      })),
    ],
  },
  {
    name: "alerts",
    title: "alerts (`monitoring.emailAddresses`, thresholds)",
    remark: ", or the one `alert-…`",
    noticed: "nothing",
    cases: [
      inProd("who is told of alerts", ["update alert-receivers"], () => ({
        monitoring: { emailAddresses: ["other@example.com"] },
      })),
      inProd(
        "when the certificate alert fires",
        ["update alert-certificate"],
        ({ monitoring }) => ({
          monitoring: { ...monitoring, certificateDays: 30 },
        }),
      ),
    ],
  },
  {
    name: "bastion",
    title: "Bastion switched on",
    remark:
      "`bastion`, its address and subnet, `administrators`, both security groups, guest firewall (`settings-…` blob and `delivery`)",
    noticed: "nothing",
    cases: [],
  },
  {
    name: "zone",
    title: "zone, name of the stack",
    remark: "address and disk would have to be replaced: production refuses",
    noticed: "",
    cases: [],
  },
];
