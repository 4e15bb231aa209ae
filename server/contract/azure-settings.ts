/** Settings of what stands around the server in Azure: machine, network, watch, backup, ownership. */
import * as v from "valibot";
import { parseCidr } from "./addresses.ts";
import { setting, wholeNumber } from "./fields.ts";
import { DRAIN_MINUTES, LONGEST_DRAIN_MINUTES, parseMaintenanceWindow } from "./maintenance.ts";
import { CERTIFICATE_WARNING_DAYS } from "./timeouts.ts";
import { exampleResourceId, isResourceIdOf } from "./resource-ids.ts";

export const cidr = v.pipe(
  v.string(),
  v.check(
    (text) => parseCidr(text) !== undefined,
    "is not an IPv4 block; write for example 198.51.100.0/24, without host bits",
  ),
);

const text = v.string();

/** The id of an existing resource of this type, or nothing. */
export const existing = (type: string) =>
  v.pipe(
    v.string(),
    v.check(
      (id) => id === "" || isResourceIdOf(id, type),
      `is not the resource id of ${type}; write ${exampleResourceId(type)}, as \`az resource show --query id\` prints it, or leave it empty`,
    ),
  );

const maintenanceWindow = v.pipe(
  text,
  v.check(
    (written) => parseMaintenanceWindow(written) !== undefined,
    "is not a time of the week; write for example Sun 03:00-05:00, Mon,Thu 23:30-01:00 or daily 03:00-04:00",
  ),
);

export const machineSchema = v.strictObject({
  size: setting(text, "Standard_B2s_v2", "Size of the virtual machine."),
  architecture: setting(v.picklist(["x64", "arm64"]), "x64", "Processor of that size."),
  image: setting(
    text,
    "Canonical:ubuntu-24_04-lts:server:latest",
    "publisher:offer:sku:version; production pins the version.",
  ),
  zone: setting(
    v.picklist(["1", "2", "3"]),
    "1",
    "Availability zone of machine, disk and address.",
  ),
  dataDiskGib: setting(wholeNumber(4, 32767), 64, "Size of the data disk in GiB."),
  adminUser: setting(text, "gangway", "Name of the administrator; no password, no inbound port."),
  maintenanceWindow: setting(
    maintenanceWindow,
    "Sun 03:00-05:00",
    "When the machine may reboot for security updates, in UTC: days and times.",
  ),
  drainMinutes: setting(
    wholeNumber(1, LONGEST_DRAIN_MINUTES),
    DRAIN_MINUTES,
    "Longest time that an upgrade leaves the sessions of the former server.",
  ),
});

export const networkSchema = v.strictObject({
  virtualNetworkCidr: setting(cidr, "10.20.0.0/16", "Address space of the virtual network."),
  subnetCidr: setting(cidr, "10.20.1.0/24", "Subnet of the machine, inside the address space."),
  virtualNetworkId: setting(
    existing("Microsoft.Network/virtualNetworks"),
    "",
    "Resource id of an existing virtual network, in which the stack makes its subnet; empty: the stack makes both.",
  ),
  subnetId: setting(
    existing("Microsoft.Network/virtualNetworks/subnets"),
    "",
    "Resource id of an existing subnet, which the stack uses as it is, security group included; empty: the stack makes one.",
  ),
});

export const dnsSchema = v.strictObject({
  zoneId: setting(
    existing("Microsoft.Network/dnszones"),
    "",
    "Resource id of an existing public DNS zone, in which the stack makes a record; empty: none.",
  ),
  recordName: setting(
    v.pipe(
      text,
      v.regex(
        /^(?:@|[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*)$/,
        'is not the name of a record inside a zone; write for example ftp, or "@" for the zone itself',
      ),
    ),
    "ftp",
    "Name of the record inside that zone; it follows the public address.",
  ),
});

/** Whether something exists that costs money: as the environment says, or as the setting says. */
const SWITCH = ["environment", "on", "off"] as const;

export const monitoringSchema = v.strictObject({
  mode: setting(
    v.picklist(SWITCH),
    "environment",
    "Logs, metrics and alerts: on, off, or environment (dev off, prod on).",
  ),
  workspaceId: setting(
    existing("Microsoft.OperationalInsights/workspaces"),
    "",
    "Resource id of an existing Log Analytics workspace; empty: the stack makes one.",
  ),
  retentionDays: setting(
    wholeNumber(30, 730),
    30,
    "Days for which a workspace of the stack keeps records.",
  ),
  emailAddresses: setting(
    v.array(
      v.pipe(
        text,
        v.regex(
          /^[^\s@]+@[^\s@]+\.[^\s@]+$/,
          "is not an e-mail address; write for example ftp-operations@example.com",
        ),
      ),
    ),
    [],
    "Who is told of alerts; a webhook is the secret alertWebhookUri.",
  ),
  certificateDays: setting(
    wholeNumber(1, 90),
    CERTIFICATE_WARNING_DAYS,
    "Alert when the certificate expires within so many days.",
  ),
  passivePercent: setting(
    wholeNumber(10, 100),
    80,
    "Alert when so many percent of the passive range wait for clients.",
  ),
  diskPercent: setting(wholeNumber(10, 99), 85, "Alert when the data disk is so full, in percent."),
  refusedLogons: setting(
    wholeNumber(1, 1_000_000),
    100,
    "Alert when so many logons were refused within a quarter of an hour.",
  ),
});

export const backupSchema = v.strictObject({
  mode: setting(
    v.picklist(SWITCH),
    "environment",
    "Daily snapshots of the data disk: on, off, or environment (dev off, prod on).",
  ),
  retentionDays: setting(
    wholeNumber(1, 360),
    14,
    "Days for which a snapshot is kept (Azure keeps at most 500 of a disk).",
  ),
  timeUtc: setting(
    v.pipe(
      text,
      v.regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, "is not a time of day; write for example 02:30"),
    ),
    "02:30",
    "When the daily snapshot is taken, in UTC.",
  ),
});

export const bastionSchema = v.strictObject({
  mode: setting(
    v.picklist(["off", "basic", "standard"]),
    "off",
    "Azure Bastion for administrators by SSH: off, basic, or standard (with native clients). Nothing else admits SSH.",
  ),
  subnetCidr: setting(
    cidr,
    "10.20.2.0/26",
    "Block of AzureBastionSubnet, inside the virtual network; Azure wants a /26 or larger.",
  ),
  sshPublicKey: setting(
    v.pipe(
      text,
      v.regex(
        /^(?:ssh-(?:ed25519|rsa) [A-Za-z0-9+/=]+(?: [^\n]*)?)?$/,
        "is not a public SSH key that Azure takes; write one line of a .pub file, ssh-ed25519 or ssh-rsa",
      ),
    ),
    "",
    "Public key of the administrators, put on the machine when Bastion is on.",
  ),
});

const tagValue = v.pipe(
  text,
  v.maxLength(256, "is longer than the 256 characters of a tag; shorten it"),
);

export const ownershipSchema = v.strictObject({
  owner: setting(tagValue, "unassigned", "Who answers for the stack; tag owner."),
  costCentre: setting(tagValue, "unassigned", "Who pays for it; tag costCentre."),
  dataClass: setting(
    tagValue,
    "internal",
    "How confidential the files are, in your own words; tag dataClass.",
  ),
});

/** https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations */
export const tagsSchema = v.record(
  v.pipe(
    text,
    v.regex(
      /^[^<>%&\\?/]{1,128}$/,
      "is not a name of a tag that every resource takes; write 1 to 128 characters without < > % & \\ ? /",
    ),
  ),
  tagValue,
);
