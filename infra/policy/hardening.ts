/** Policies 13 to 19: subnets, machines, storage, vaults and roles. */
import { eachResource, at } from "./each-resource.ts";
import { isProperties, textOf } from "./resource-facts.ts";

type Properties = Readonly<Record<string, unknown>>;

export const subnetsArePrivate = eachResource({
  name: "subnets-are-private-by-default",
  description:
    "Subnets have no default outbound access: it is on its way out, and machines leave by an address that somebody declared.",
  types: ["network:Subnet", "network:VirtualNetwork"],
  judge: (properties, name, type) => {
    const subnets = properties["subnets"];
    const inside = Array.isArray(subnets) ? subnets.filter(isProperties) : [];
    return (type.endsWith(":Subnet") ? [{ name, ...properties }] : inside)
      .filter((subnet) => subnet["defaultOutboundAccess"] !== false)
      .map(
        (subnet) =>
          `Subnet ${textOf(subnet["name"]) ?? name} lets machines out by an address that Azure picks. Set defaultOutboundAccess to false and give them a public address or a NAT gateway.`,
      );
  },
});

export const machinesAreHardened = eachResource({
  name: "machines-are-hardened",
  description:
    "Machines have no passwords, boot trusted, keep boot diagnostics and install security updates.",
  types: ["compute:VirtualMachine"],
  judge: (properties, name) => {
    const linux = at(properties, "osProfile", "linuxConfiguration");
    const checks: readonly (readonly [boolean, string])[] = [
      [
        linux["disablePasswordAuthentication"] === true &&
          !("adminPassword" in at(properties, "osProfile")),
        "accepts a password. Set osProfile.linuxConfiguration.disablePasswordAuthentication to true and remove adminPassword.",
      ],
      [
        textOf(at(properties, "securityProfile")["securityType"]) === "TrustedLaunch",
        "does not boot trusted. Set securityProfile.securityType to TrustedLaunch.",
      ],
      [
        at(properties, "diagnosticsProfile", "bootDiagnostics")["enabled"] === true,
        "keeps no boot diagnostics, so a machine that does not start cannot be looked into. Set diagnosticsProfile.bootDiagnostics.enabled.",
      ],
      [
        textOf(at(linux, "patchSettings")["patchMode"]) === "AutomaticByPlatform",
        "is not patched by the platform. Set patchSettings.patchMode to AutomaticByPlatform.",
      ],
    ];
    return checks.filter(([holds]) => !holds).map(([, text]) => `${name} ${text}`);
  },
});

/** Publishers whose images machines may be made of. */
const IMAGE_PUBLISHERS: ReadonlySet<string> = new Set(["canonical", "debian"]);

export const imagesAreKnown = eachResource({
  name: "images-are-known",
  description:
    "Machines are made of images from known publishers, in production of a fixed version.",
  types: ["compute:VirtualMachine"],
  judge: (properties, name) => {
    const image = at(properties, "storageProfile", "imageReference");
    const publisher = textOf(image["publisher"]);
    return publisher !== undefined && IMAGE_PUBLISHERS.has(publisher.toLowerCase())
      ? []
      : [
          `${name} is made of an image by ${publisher ?? "an unknown publisher"}. Use one of ${[...IMAGE_PUBLISHERS].join(", ")}, or extend the list in infra/policy/hardening.ts.`,
        ];
  },
});

/** What a secret looks like in plain text. */
const SECRET_PATTERNS = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\$(?:scrypt|argon2id?|2[aby]|6|y)\$/,
  /AccountKey=|SharedAccessSignature|[?&]sig=[A-Za-z0-9%]{20}/,
  /\bpassw(?:or)?d\s*[:=]\s*\S/i,
];
const LARGEST_USER_DATA_BYTES = 65_536;

export const userDataHoldsNoSecrets = eachResource({
  name: "user-data-holds-no-secrets",
  description:
    "customData and userData hold no secrets (whoever can read the machine can read them) and stay within Azure's size limit.",
  types: ["compute:VirtualMachine"],
  judge: (properties, name) =>
    (
      [
        ["osProfile.customData", at(properties, "osProfile")["customData"]],
        ["userData", properties["userData"]],
      ] as const
    ).flatMap(([where, value]) => {
      const encoded = textOf(value);
      if (encoded === undefined) return [];
      const text = Buffer.from(encoded, "base64").toString("utf8");
      return [
        ...(SECRET_PATTERNS.some((pattern) => pattern.test(text) || pattern.test(encoded))
          ? [`${name} has what looks like a secret in ${where}. Deliver it through Key Vault.`]
          : []),
        ...(Buffer.byteLength(text) > LARGEST_USER_DATA_BYTES
          ? [`${name} has more than 64 KiB in ${where}; Azure refuses it. Deliver a blob instead.`]
          : []),
      ];
    }),
});

export const storageIsPrivate = eachResource({
  name: "storage-is-private",
  description: "Storage accounts serve nothing publicly and speak TLS 1.2 or newer only.",
  types: ["storage:StorageAccount", "storage:BlobContainer"],
  judge: (properties, name, type) => {
    if (type.endsWith(":BlobContainer")) {
      const access = textOf(properties["publicAccess"]) ?? "None";
      return access === "None"
        ? []
        : [`Container ${name} is public (${access}). Set publicAccess to None.`];
    }
    const checks: readonly (readonly [boolean, string])[] = [
      [
        properties["allowBlobPublicAccess"] === false,
        "allows public blobs. Set allowBlobPublicAccess to false.",
      ],
      [
        ["TLS1_2", "TLS1_3"].includes(textOf(properties["minimumTlsVersion"]) ?? ""),
        "accepts TLS before 1.2. Set minimumTlsVersion to TLS1_2.",
      ],
      [
        properties["enableHttpsTrafficOnly"] !== false,
        "accepts plain HTTP. Set enableHttpsTrafficOnly to true.",
      ],
    ];
    return checks.filter(([holds]) => !holds).map(([, text]) => `${name} ${text}`);
  },
});

export const vaultsAreProtected = eachResource({
  name: "vaults-are-protected",
  description: "Key vaults decide by roles and cannot be purged before their time.",
  types: ["keyvault:Vault"],
  judge: (properties, name) => {
    const vault = at(properties, "properties");
    return [
      ...(vault["enableRbacAuthorization"] === true
        ? []
        : [`${name} decides by access policies. Set enableRbacAuthorization to true.`]),
      ...(vault["enablePurgeProtection"] === true
        ? []
        : [`${name} can be purged with its keys. Set enablePurgeProtection to true.`]),
    ];
  },
});

/** Built-in roles that are never needed here, by the last part of their id. */
const BROAD_ROLES: ReadonlyMap<string, string> = new Map([
  ["8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner"],
  ["b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor"],
  ["18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", "User Access Administrator"],
]);

export const rolesAreNarrow = eachResource({
  name: "roles-are-narrow",
  description:
    "Role assignments give the machine's identity what it needs where it needs it: never Owner or Contributor, never a whole subscription or resource group.",
  types: ["authorization:RoleAssignment"],
  judge: (properties: Properties, name) => {
    const role = textOf(properties["roleDefinitionId"])?.split("/").at(-1)?.toLowerCase() ?? "";
    const broad = BROAD_ROLES.get(role);
    const scope = textOf(properties["scope"]);
    return [
      ...(broad === undefined
        ? []
        : [
            `${name} gives the role ${broad}. Assign the narrowest role that reads what is needed.`,
          ]),
      ...(scope !== undefined && !scope.toLowerCase().includes("/providers/")
        ? [`${name} is for all of ${scope}. Assign it on the one resource that is read.`]
        : []),
    ];
  },
});
