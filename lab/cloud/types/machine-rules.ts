/** Rules of Microsoft.Compute that have nothing to do with a machine's state. */
import { ArmError, NotSimulated } from "../errors.ts";
import { VIRTUAL_MACHINE } from "../references.ts";
import { zonesOf } from "../regions.ts";
import { at, differences, listAt, textAt, type Properties } from "../values.ts";

/** Refuses zones that the region does not have. */
export function refuseZonesOutside(inputs: Properties, armType: string, name: string): void {
  const location = textAt(inputs, "location") ?? "";
  const supported = zonesOf(location) ?? [];
  const zones = listAt(inputs, "zones");
  if (zones.every((zone) => typeof zone === "string" && supported.includes(zone))) return;
  throw new ArmError(
    "InvalidAvailabilityZone",
    `The zone(s) '${zones.join(",")}' for resource '${armType}/${name}' is not supported. The supported zones for location '${location}' are '${supported.join(",")}'`,
  );
}

/** Refuses a change of what Azure fixes when it creates the resource. */
export function unchangeable(
  before: Properties,
  after: Properties,
  paths: readonly (readonly string[])[],
): void {
  for (const path of paths) {
    if (differences(at(before, ...path), at(after, ...path)).length === 0) continue;
    // Azure names some properties from the profile's inside: `customData`, but `osDisk.name`.
    const name = path.filter((step) => !step.endsWith("Profile")).join(".");
    throw new ArmError(
      "PropertyChangeNotAllowed",
      `Changing property '${name}' is not allowed.`,
      409,
    );
  }
}

/** What Azure fixes when it creates a machine. */
export const FIXED_AT_CREATION: readonly (readonly string[])[] = [
  ["osProfile", "customData"],
  ["osProfile", "adminUsername"],
  ["osProfile", "adminPassword"],
  ["osProfile", "computerName"],
  ["osProfile", "linuxConfiguration", "ssh"],
  ["osProfile", "linuxConfiguration", "disablePasswordAuthentication"],
  ["storageProfile", "imageReference", "publisher"],
  ["storageProfile", "imageReference", "offer"],
  ["storageProfile", "imageReference", "sku"],
  ["storageProfile", "osDisk", "name"],
  ["storageProfile", "osDisk", "createOption"],
  ["zones"],
];

const COMPUTER_NAME_LENGTH = 64;
/** Base64 characters of at most 64 KB. */
const USER_DATA_LENGTH = 87380;
const RESERVED_ADMIN_NAMES = [
  "1",
  "123",
  "a",
  "actuser",
  "adm",
  "admin",
  "admin1",
  "admin2",
  "administrator",
  "aspnet",
  "backup",
  "console",
  "david",
  "guest",
  "john",
  "owner",
  "root",
  "server",
  "sql",
  "support",
  "support_388945a0",
  "sys",
  "test",
  "test1",
  "test2",
  "test3",
  "user",
  "user1",
  "user2",
  "user3",
  "user4",
  "user5",
  "video",
];

const refuse = (message: string, target: string): never => {
  throw new ArmError("InvalidParameter", `${message} Target: ${target}.`);
};

/** Checks how a Linux machine is set up: names, keys, passwords, custom data. */
export function refuseOsProfile(inputs: Properties): void {
  const computerName =
    textAt(inputs, "osProfile", "computerName") ?? textAt(inputs, "vmName") ?? "";
  if (
    computerName.length > COMPUTER_NAME_LENGTH ||
    !/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(computerName)
  ) {
    refuse(
      `Linux host name '${computerName}' cannot exceed ${COMPUTER_NAME_LENGTH} characters in length or contain the following characters: \` ~ ! @ # $ % ^ & * ( ) = + _ [ ] { } \\ | ; : ' " , < > / ?.`,
      "computerName",
    );
  }
  const admin = textAt(inputs, "osProfile", "adminUsername") ?? "";
  if (admin === "")
    refuse("Required parameter 'adminUsername' is missing (null).", "adminUsername");
  if (RESERVED_ADMIN_NAMES.includes(admin.toLowerCase())) {
    refuse("The Admin Username specified is not allowed.", "adminUsername");
  }
  refuseLogin(inputs, admin);
  for (const data of [textAt(inputs, "osProfile", "customData"), textAt(inputs, "userData")]) {
    if (data === undefined || (isBase64(data) && data.length <= USER_DATA_LENGTH)) continue;
    refuse(
      `Custom data in OSProfile and user data must be in Base64 encoding and with a maximum length of ${USER_DATA_LENGTH} characters.`,
      "customData",
    );
  }
}

function refuseLogin(inputs: Properties, admin: string): void {
  const linux = at(inputs, "osProfile", "linuxConfiguration");
  const keys = listAt(linux, "ssh", "publicKeys");
  const password = textAt(inputs, "osProfile", "adminPassword");
  if (keys.length === 0 && password === undefined) {
    refuse(
      "Authentication using either SSH or by user name and password must be enabled in Linux profile.",
      "linuxConfiguration",
    );
  }
  if (password !== undefined && at(linux, "disablePasswordAuthentication") === true) {
    refuse(
      "The property adminPassword must be null when password authentication is disabled.",
      "adminPassword",
    );
  }
  if (password !== undefined && !isComplex(password)) {
    refuse(
      "The supplied password must be between 6-72 characters long and must satisfy at least 3 of password complexity requirements from the following: 1) Contains an uppercase character 2) Contains a lowercase character 3) Contains a numeric digit 4) Contains a special character 5) Control characters are not allowed.",
      "adminPassword",
    );
  }
  for (const key of keys) {
    const path = `/home/${admin}/.ssh/authorized_keys`;
    if (textAt(key, "path") !== path) {
      refuse(
        `Destination path for SSH public keys is currently limited to its default value ${path} due to a known issue in Linux provisioning agent.`,
        "linuxConfiguration.ssh.publicKeys.path",
      );
    }
    if (
      !/^(ssh-(rsa|ed25519)|ecdsa-sha2-\S+) [A-Za-z0-9+/]+=*/.test(textAt(key, "keyData") ?? "")
    ) {
      refuse(
        "The value of parameter linuxConfiguration.ssh.publicKeys.keyData is invalid.",
        "linuxConfiguration.ssh.publicKeys.keyData",
      );
    }
  }
}

function isBase64(data: string): boolean {
  return data.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(data);
}

function isComplex(password: string): boolean {
  const kinds = [/[A-Z]/, /[a-z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password));
  return password.length >= 6 && password.length <= 72 && kinds.length >= 3;
}

/** Checks size, image and security type against each other. */
export function refuseSize(inputs: Properties): void {
  const size = textAt(inputs, "hardwareProfile", "vmSize") ?? "";
  const form = /^(?:Standard|Basic)_[A-Z]+\d+(?<features>[a-z]*)(?:-\d+[a-z]*)?(?:_v\d+)?$/i.exec(
    size,
  );
  if (form === null) refuse(`The value ${size} provided for the VM size is not valid.`, "vmSize");
  const sku = textAt(inputs, "storageProfile", "imageReference", "sku") ?? "";
  const machine = /p/.test(form?.groups?.["features"] ?? "") ? "Arm64" : "x64";
  const image = /arm64/i.test(sku) ? "Arm64" : "x64";
  if (machine !== image) {
    refuse(
      `Cannot create a VM of size '${size}' because this VM size only supports a CPU Architecture of '${machine}', but an image or disk with CPU Architecture '${image}' was given. Please check that the CPU Architecture of the image or disk is compatible with that of the VM size.`,
      "vmSize",
    );
  }
  if (at(inputs, "securityProfile", "encryptionAtHost") !== undefined) {
    throw new ArmError(
      "InvalidParameter",
      "The property 'securityProfile.encryptionAtHost' is not valid because the 'Microsoft.Compute/EncryptionAtHost' feature is not enabled for this subscription.",
    );
  }
}

/** Refuses what would be another operating system. */
export function refuseImage(inputs: Properties): void {
  const reference = at(inputs, "storageProfile", "imageReference");
  const publisher = textAt(reference, "publisher") ?? "";
  if (/windows/i.test(publisher)) {
    throw new NotSimulated(VIRTUAL_MACHINE, "storageProfile.imageReference", "a Windows image");
  }
  for (const part of ["publisher", "offer", "sku", "version"]) {
    if ((textAt(reference, part) ?? "") !== "") continue;
    throw new ArmError(
      "InvalidParameter",
      `The following list of images referenced from the deployment template are not found: required parameter 'imageReference.${part}' is missing (null).`,
    );
  }
}
