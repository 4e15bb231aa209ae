/** Policy 16: nothing secret where whoever can read the machine can read it. */
import { at, eachResource } from "./each-resource.ts";
import { textOf } from "./resource-facts.ts";

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
    "customData, userData, open settings of extensions and open parameters of Run Commands hold no secrets (whoever can read the machine can read them) and stay within Azure's size limit.",
  types: [
    "compute:VirtualMachine",
    "compute:VirtualMachineExtension",
    "compute:VirtualMachineRunCommandByVirtualMachine",
  ],
  judge: (properties, name, type) => {
    if (!type.endsWith(":VirtualMachine")) return judgeOpenValues(properties, name);
    return (
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
    });
  },
});

/** What Azure returns to everybody who may read the machine. */
function judgeOpenValues(
  properties: Readonly<Record<string, unknown>>,
  name: string,
): readonly string[] {
  const open = {
    settings: properties["settings"],
    parameters: properties["parameters"],
    source: properties["source"],
  };
  return Object.entries(open)
    .filter(([, value]) => value !== undefined)
    .map(([where, value]) => [where, JSON.stringify(value)] as const)
    .filter(([, text]) => SECRET_PATTERNS.some((pattern) => pattern.test(text)))
    .map(
      ([where]) =>
        `${name} has what looks like a secret in ${where}, which Azure shows to every reader. Use protectedSettings or protectedParameters, or Key Vault.`,
    );
}
