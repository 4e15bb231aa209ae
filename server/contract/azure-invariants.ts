/** Rules for what stands around the server: production, network, Bastion, DNS, tags. */
import { ANYWHERE, cidrCovers, parseCidr } from "./addresses.ts";
import type { Finding, Invariant } from "./findings.ts";
import { parseResourceId } from "./resource-ids.ts";
import type { Settings } from "./settings.ts";

const subnetInside: Invariant = ({ network }) => {
  if (network.virtualNetworkId !== "" || network.subnetId !== "") return [];
  return inside("network.subnetCidr", network.subnetCidr, network.virtualNetworkCidr);
};

function inside(setting: string, value: string, virtualNetworkCidr: string): readonly Finding[] {
  const outer = parseCidr(virtualNetworkCidr);
  const inner = parseCidr(value);
  return outer !== undefined && inner !== undefined && !cidrCovers(outer, inner)
    ? [
        {
          setting,
          value,
          problem: `lies outside network.virtualNetworkCidr ${virtualNetworkCidr}`,
          fix: "choose a block inside the virtual network",
        },
      ]
    : [];
}

const networkGivenOnce: Invariant = ({ network }) =>
  network.subnetId === "" || network.virtualNetworkId === ""
    ? []
    : [
        {
          setting: "network.virtualNetworkId",
          value: network.virtualNetworkId,
          problem: "is given beside network.subnetId, which already says in which network",
          fix: "keep network.subnetId to use that subnet as it is, or network.virtualNetworkId to have one made",
        },
      ];

/** Azure's smallest subnet for Bastion. */
const BASTION_PREFIX = 26;

const bastionFits: Invariant = ({ bastion, network }) => {
  if (bastion.mode === "off") return [];
  const { subnetCidr, sshPublicKey } = bastion;
  const own = parseCidr(subnetCidr);
  const machines = parseCidr(network.subnetCidr);
  const finding = (problem: string, fix: string): Finding => ({
    setting: "bastion.subnetCidr",
    value: subnetCidr,
    problem,
    fix,
  });
  if (network.subnetId !== "") {
    return [
      {
        setting: "bastion.mode",
        value: bastion.mode,
        problem:
          "needs a subnet of its own, in a network whose subnet is given by network.subnetId",
        fix: "set bastion.mode to off and use the Bastion of that network's owner, or give network.virtualNetworkId instead",
      },
    ];
  }
  return [
    ...(network.virtualNetworkId === ""
      ? inside("bastion.subnetCidr", subnetCidr, network.virtualNetworkCidr)
      : []),
    ...(own !== undefined && own.prefix > BASTION_PREFIX
      ? [finding("is smaller than Azure takes for Bastion", "write a /26 or larger")]
      : []),
    ...(own !== undefined &&
    machines !== undefined &&
    (cidrCovers(own, machines) || cidrCovers(machines, own))
      ? [finding(`overlaps network.subnetCidr ${network.subnetCidr}`, "choose another block")]
      : []),
    ...(sshPublicKey === ""
      ? [
          {
            setting: "bastion.sshPublicKey",
            value: "(empty)",
            problem: "leaves nobody who could log in through Bastion",
            fix: "write the public key of the administrators, for example the content of ~/.ssh/id_ed25519.pub",
          },
        ]
      : []),
  ];
};

/** Azure takes 50 tags; some are the stack's own. */
const MOST_TAGS = 40;

const tagsFit: Invariant = ({ tags }) => {
  const count = Object.keys(tags).length;
  return count <= MOST_TAGS
    ? []
    : [
        {
          setting: "tags",
          value: `${String(count)} tags`,
          problem: "are more than Azure takes beside the stack's own",
          fix: `keep ${String(MOST_TAGS)} at most`,
        },
      ];
};

/** The name that the stack's DNS record has; undefined without one. */
export function recordHostName({
  dns,
}: {
  readonly dns: Pick<Settings["dns"], "zoneId" | "recordName">;
}): string | undefined {
  const zone = parseResourceId(dns.zoneId)?.names.at(-1);
  if (zone === undefined) return undefined;
  return dns.recordName === "@" ? zone : `${dns.recordName}.${zone}`;
}

/** What is fit only for trying, and what production cannot do without. */
const production: Invariant = (settings) => {
  if (settings.environment !== "prod") return [];
  const { clientCidrs, certificate, machine, monitoring, backup } = settings;
  const missing: readonly (readonly [boolean, Finding])[] = [
    [
      certificate.kind === "selfSigned",
      {
        setting: "certificate.kind",
        value: certificate.kind,
        problem: "is for trying: no client of a partner trusts it",
        fix: "set certificate.kind to keyVault and certificate.keyVaultSecretId to https://VAULT.vault.azure.net/secrets/NAME",
      },
    ],
    [
      clientCidrs.length === 0,
      {
        setting: "clientCidrs",
        value: "(empty)",
        problem: "has no default in production",
        fix: `list the clients' blocks, or write ["${ANYWHERE}"] to admit everyone on purpose`,
      },
    ],
    [
      machine.image.endsWith(":latest"),
      {
        setting: "machine.image",
        value: machine.image,
        problem: "is not pinned to a version",
        fix: "write publisher:offer:sku:version with a version from: az vm image list --all",
      },
    ],
    [
      !backup.enabled,
      {
        setting: "backup.mode",
        value: "off",
        problem: "leaves production without a backup of the data disk",
        fix: "remove it or set it to on; backup.retentionDays and backup.timeUtc say how",
      },
    ],
    [
      !monitoring.enabled,
      {
        setting: "monitoring.mode",
        value: "off",
        problem: "leaves production without alerts",
        fix: "remove it or set it to on, and name monitoring.emailAddresses",
      },
    ],
  ];
  return missing.filter(([isMissing]) => isMissing).map(([, finding]) => finding);
};

/** In the order in which they are reported. */
export const AZURE_INVARIANTS: readonly Invariant[] = [
  subnetInside,
  networkGivenOnce,
  bastionFits,
  tagsFit,
  production,
];
