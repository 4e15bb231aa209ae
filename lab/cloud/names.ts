/** Azure's rules for resource names, and the error that each resource provider answers with. */
import { ArmError } from "./errors.ts";

/** Refuses a name that Azure would refuse. */
export type NameRule = (name: string) => void;

/** Microsoft.Network: networks, groups, addresses, interfaces, and rules and subnets inside them. */
export const networkName: NameRule = (name) => {
  if (/^[A-Za-z0-9]([\w.-]{0,78}\w)?$/.test(name)) return;
  throw new ArmError(
    "InvalidResourceName",
    `Resource name ${name} is invalid. The name can be up to 80 characters long. It must begin with a word character, and it must end with a word character or with '_'. The name may contain word characters or '.', '-', '_'.`,
  );
};

export const resourceGroupName: NameRule = (name) => {
  if (/^[\p{L}\p{N}_.()-]{1,90}$/u.test(name) && !name.endsWith(".")) return;
  throw new ArmError(
    "InvalidResourceGroupName",
    `The provided resource group name '${name}' has these invalid characters or length. The name can only be a letter, digit, '-', '.', '(', ')' or '_', up to 90 characters, and cannot end with '.'.`,
  );
};

export const virtualMachineName: NameRule = (name) => {
  if (/^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?$/.test(name)) return;
  throw new ArmError(
    "InvalidParameter",
    `Linux virtual machine name '${name}' is invalid: it may have 1 to 64 letters, digits, '.', '_' and '-', begins with a letter or digit and does not end with '.' or '-'. Target: vmName.`,
  );
};

export const diskName: NameRule = (name) => {
  if (/^[A-Za-z0-9]([A-Za-z0-9._-]{0,78}[A-Za-z0-9_])?$/.test(name)) return;
  throw new ArmError(
    "InvalidParameter",
    `The entity name '${name}' is invalid according to its validation rule: ^[^_\\W][\\w-._]{0,79}(?<![-.])$. Target: diskName.`,
  );
};

export const runCommandName: NameRule = (name) => {
  if (/^[A-Za-z0-9][\w-]{0,79}$/.test(name)) return;
  throw new ArmError(
    "InvalidParameter",
    `The value '${name}' of parameter runCommandName is invalid: letters, digits, '_' and '-', up to 80 characters.`,
  );
};

export const identityName: NameRule = (name) => {
  if (/^[A-Za-z0-9][\w-]{2,127}$/.test(name)) return;
  throw new ArmError(
    "BadRequest",
    `The resource name '${name}' is not valid: 3 to 128 letters, digits, '-' and '_', beginning with a letter or digit.`,
  );
};

export const storageAccountName: NameRule = (name) => {
  if (/^[a-z0-9]{3,24}$/.test(name)) return;
  throw new ArmError(
    "AccountNameInvalid",
    `${name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only.`,
  );
};

export const containerName: NameRule = (name) => {
  if (
    name === "$web" ||
    (/^[a-z0-9]([a-z0-9-]{1,61})[a-z0-9]$/.test(name) && !name.includes("--"))
  ) {
    return;
  }
  throw new ArmError(
    "ContainerOperationFailure",
    `The specified resource name contains invalid characters: ${name}. A container name has 3 to 63 lower-case letters, digits and single '-'.`,
  );
};

export const blobName: NameRule = (name) => {
  if (name.length >= 1 && name.length <= 1024 && !/[./]$/.test(name)) return;
  throw new ArmError(
    "InvalidResourceName",
    `The specified resource name contains invalid characters or has an invalid length: ${name}.`,
  );
};

export const vaultName: NameRule = (name) => {
  if (/^[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]$/.test(name) && !name.includes("--")) return;
  throw new ArmError(
    "VaultNameNotValid",
    `The vault name '${name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens.`,
  );
};

export const secretName: NameRule = (name) => {
  if (/^[A-Za-z0-9-]{1,127}$/.test(name)) return;
  throw new ArmError(
    "BadRequest",
    `The request URI contains an invalid name: ${name}. A secret's name has 1 to 127 letters, digits and '-'.`,
  );
};

/** A rule of one pattern, as most resource providers have it. */
const patterned =
  (pattern: RegExp, code: string, words: string): NameRule =>
  (name) => {
    if (pattern.test(name)) return;
    throw new ArmError(code, `The resource name '${name}' is invalid: ${words}.`);
  };

export const workspaceName = patterned(
  /^[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]$/,
  "InvalidResourceName",
  "4 to 63 letters, digits and '-', beginning and ending with a letter or digit",
);

export const dataCollectionRuleName = patterned(
  /^[A-Za-z0-9][\w-]{1,62}[A-Za-z0-9]$/,
  "InvalidResourceName",
  "3 to 64 letters, digits, '-' and '_', beginning and ending with a letter or digit",
);

/** Alerts and action groups. */
export const alertName = patterned(
  /^(?!.*[ .]$)[^*#&+:<>?@%{}\\/\p{Cc}]{1,260}$/u,
  "BadRequest",
  "1 to 260 characters without * # & + : < > ? @ % { } \\ /, not ending with a space or full stop",
);

export const backupVaultName = patterned(
  /^[A-Za-z][A-Za-z0-9-]{1,49}$/,
  "InvalidResourceName",
  "2 to 50 letters, digits and '-', beginning with a letter",
);

export const backupItemName = patterned(
  /^[A-Za-z0-9][\w-]{2,149}$/,
  "InvalidResourceName",
  "3 to 150 letters, digits, '-' and '_'",
);

export const extensionName = patterned(
  /^[A-Za-z0-9][\w.-]{0,79}$/,
  "InvalidParameter",
  "1 to 80 letters, digits, '.', '_' and '-'",
);

export const dnsZoneName = patterned(
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)+$/i,
  "BadRequest",
  "2 or more labels of a DNS name",
);

export const recordSetName = patterned(
  /^(?:@|\*|[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*)$/i,
  "BadRequest",
  "a DNS name relative to its zone, or @",
);
