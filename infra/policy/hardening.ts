/** Policies 13 to 19: subnets, machines, storage, vaults and roles. */
import { BASTION_SUBNET } from "../../server/contract/index.ts";
import { at, eachResource, ENVIRONMENT_CONFIG, machineWithin } from "./each-resource.ts";
import { objectsIn, textOf } from "./resource-facts.ts";

type Properties = Readonly<Record<string, unknown>>;

/** Subnets for Azure's own gateways; no machine of anybody's is in them. */
const PLATFORM_SUBNETS: ReadonlySet<string> = new Set([
  BASTION_SUBNET,
  "AzureFirewallSubnet",
  "GatewaySubnet",
]);

export const subnetsArePrivate = eachResource({
  name: "subnets-are-private-by-default",
  description:
    "Subnets have no default outbound access: it is on its way out, and machines leave by an address that somebody declared.",
  types: ["network:Subnet", "network:VirtualNetwork"],
  judge: (properties, name, type) => {
    const subnets = type.endsWith(":Subnet")
      ? [{ name: properties["subnetName"] ?? name, ...properties }]
      : objectsIn(properties["subnets"]);
    return subnets
      .filter((subnet) => subnet["defaultOutboundAccess"] !== false)
      .filter((subnet) => !PLATFORM_SUBNETS.has(textOf(subnet["name"]) ?? ""))
      .map(
        (subnet) =>
          `Subnet ${textOf(subnet["name"]) ?? name} lets machines out by an address that Azure picks. Set defaultOutboundAccess to false and give them a public address or a NAT gateway.`,
      );
  },
});

const MACHINES = ["compute:VirtualMachine", "compute:VirtualMachineScaleSet"] as const;
/** Confidential machines boot trusted as well. */
const TRUSTED: ReadonlySet<string> = new Set(["TrustedLaunch", "ConfidentialVM"]);

export const machinesAreHardened = eachResource({
  name: "machines-are-hardened",
  description:
    "Machines have no passwords, boot trusted, keep boot diagnostics and install security updates.",
  types: MACHINES,
  judge: (declared, name) => {
    const properties = machineWithin(declared);
    const linux = at(properties, "osProfile", "linuxConfiguration");
    const checks: readonly (readonly [boolean, string])[] = [
      [
        linux["disablePasswordAuthentication"] === true &&
          !("adminPassword" in at(properties, "osProfile")),
        "accepts a password. Set osProfile.linuxConfiguration.disablePasswordAuthentication to true and remove adminPassword.",
      ],
      [
        TRUSTED.has(textOf(at(properties, "securityProfile")["securityType"]) ?? ""),
        "does not boot trusted. Set securityProfile.securityType to TrustedLaunch.",
      ],
      [
        !["secureBootEnabled", "vTpmEnabled"].some(
          (switched) => at(properties, "securityProfile", "uefiSettings")[switched] === false,
        ),
        "boots without what Trusted Launch is for. Set uefiSettings.secureBootEnabled and vTpmEnabled to true.",
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
  types: MACHINES,
  configSchema: ENVIRONMENT_CONFIG,
  judge: (properties, name, _, { environment }) => {
    const image = at(machineWithin(properties), "storageProfile", "imageReference");
    // An image of one's own, by id, is fixed and known; one of the community is neither.
    const own = textOf(image["id"]) ?? textOf(image["sharedGalleryImageId"]);
    const publisher = textOf(image["publisher"]);
    const version = textOf(image["version"]) ?? "latest";
    const isKnown = publisher !== undefined && IMAGE_PUBLISHERS.has(publisher.toLowerCase());
    return [
      ...(own !== undefined || isKnown
        ? []
        : [
            `${name} is made of an image by ${publisher ?? "an unknown publisher"}. Use one of ${[...IMAGE_PUBLISHERS].join(", ")}, or extend the list in infra/policy/hardening.ts.`,
          ]),
      ...(own === undefined && environment === "prod" && version.toLowerCase() === "latest"
        ? [
            `${name} is made of the latest image, whichever that is on the day. Write a version from: az vm image list --all.`,
          ]
        : []),
    ];
  },
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
        // Left out, it means false.
        properties["allowBlobPublicAccess"] !== true,
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

export const storageKeysAreOff = eachResource({
  name: "storage-keys-are-off",
  description:
    "Storage accounts take no shared keys: whoever has one may do everything, and nobody can tell who did. Advisory.",
  types: ["storage:StorageAccount"],
  enforcementLevel: "advisory",
  configSchema: {
    properties: {
      exempt: {
        type: "array",
        items: { type: "string" },
        default: [],
        description: "Logical names of accounts that need their keys.",
      },
    },
  },
  judge: (properties, name, _, { exempt }) =>
    // Left out, it means true.
    properties["allowSharedKeyAccess"] === false || (Array.isArray(exempt) && exempt.includes(name))
      ? []
      : [
          `${name} takes shared keys. Set allowSharedKeyAccess to false, or list it in the policy's exempt.`,
        ],
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
      ...(vault["enableSoftDelete"] === false
        ? [`${name} loses its secrets with their deletion. Set enableSoftDelete to true.`]
        : []),
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
  ["f58310d9-a9f6-439a-9e8d-f62e7b41a168", "Role Based Access Control Administrator"],
]);

/** Azure Backup makes snapshots and disks in a resource group, and so is given the group. */
const GROUP_ROLES: ReadonlySet<string> = new Set([
  // Disk Snapshot Contributor, Disk Restore Operator.
  "7efff54f-a5b4-42b5-a1c5-5411624893ce",
  "b50d9833-a0cb-478e-945f-707fcc997c13",
]);

function isGroupRole(role: string, scope: string): boolean {
  return GROUP_ROLES.has(role) && scope.toLowerCase().includes("/resourcegroups/");
}

export const rolesAreNarrow = eachResource({
  name: "roles-are-narrow",
  description:
    "Role assignments give the machine's identity what it needs where it needs it: never Owner or Contributor, never a whole subscription or resource group.",
  types: ["authorization:RoleAssignment", "authorization:RoleDefinition"],
  judge: (properties: Properties, name, type) => {
    if (type.endsWith(":RoleDefinition")) return judgeDefinition(properties, name);
    const role = textOf(properties["roleDefinitionId"])?.split("/").at(-1)?.toLowerCase() ?? "";
    const broad = BROAD_ROLES.get(role);
    const scope = textOf(properties["scope"]);
    return [
      ...(broad === undefined
        ? []
        : [
            `${name} gives the role ${broad}. Assign the narrowest role that reads what is needed.`,
          ]),
      ...(scope !== undefined &&
      !/\/providers\/(?!microsoft\.management\/managementgroups)/i.test(scope) &&
      !isGroupRole(role, scope)
        ? [`${name} is for all of ${scope}. Assign it on the one resource that is read.`]
        : []),
    ];
  },
});

/** A role of one's own that may do everything is Owner by another name. */
function judgeDefinition(properties: Properties, name: string): readonly string[] {
  const allowed = objectsIn(properties["permissions"])
    .flatMap(({ actions, dataActions }) => [actions, dataActions].flat())
    .map((action) => textOf(action)?.toLowerCase() ?? "");
  return allowed.some((action) => BROAD_ACTIONS.has(action))
    ? [`${name} may do everything. List the actions that are needed.`]
    : [];
}

const BROAD_ACTIONS: ReadonlySet<string> = new Set([
  "*",
  "*/write",
  "microsoft.authorization/*",
  "microsoft.authorization/roleassignments/write",
]);
