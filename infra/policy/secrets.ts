/** Policy 16: nothing secret where whoever can read the machine can read it. */
import { gunzipSync } from "node:zlib";
import { at, eachResource, machineWithin } from "./each-resource.ts";
import { objectsIn, textOf } from "./resource-facts.ts";

/** What a secret looks like in plain text; a variable's name in its place is none. */
const SECRET_PATTERNS = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\$(?:scrypt|argon2id?|2[aby]|6|y)\$/,
  /AccountKey=|SharedAccessSignature|[?&]sig=[A-Za-z0-9%]{20}/,
  /passw(?:or)?d\\?["']?\s*[:=]\s*\\?["']?(?!(?:true|false|yes|no|null|none)\b)[^\s"'\\$<{[]/i,
  /(?:api|access|secret|client)[-_]?(?:key|secret|token)\\?["']?\s*[:=]\s*\\?["']?[A-Za-z0-9+/_-]{16}/i,
];
/** What a parameter of a Run Command is called that holds a secret, whatever its value looks like. */
const SECRET_NAME =
  /(?:passw(?:or)?d|passphrase|secret|token|(?:access|account|api|private)[-_]?key)$/i;
const LARGEST_USER_DATA_BYTES = 65_536;

export const userDataHoldsNoSecrets = eachResource({
  name: "user-data-holds-no-secrets",
  description:
    "customData, userData, open settings of extensions and open parameters of Run Commands hold no secrets (whoever can read the machine can read them) and stay within Azure's size limit.",
  types: [
    "compute:VirtualMachine",
    "compute:VirtualMachineScaleSet",
    "compute:VirtualMachineExtension",
    "compute:VirtualMachineScaleSetExtension",
    "compute:VirtualMachineRunCommandByVirtualMachine",
    "compute:VirtualMachineScaleSetVMRunCommand",
  ],
  judge: (declared, name, type) => {
    if (!/:VirtualMachine(?:ScaleSet)?$/.test(type)) return judgeOpenValues(declared, name);
    const properties = machineWithin(declared);
    return (
      [
        ["osProfile.customData", at(properties, "osProfile")["customData"]],
        ["userData", properties["userData"]],
      ] as const
    ).flatMap(([where, value]) => {
      const encoded = textOf(value);
      if (encoded === undefined) return [];
      return [
        ...([encoded, ...layersOf(unpacked(Buffer.from(encoded, "base64")))].some(holdsSecret)
          ? [`${name} has what looks like a secret in ${where}. Deliver it through Key Vault.`]
          : []),
        ...(Buffer.from(encoded, "base64").length > LARGEST_USER_DATA_BYTES
          ? [`${name} has more than 64 KiB in ${where}; Azure refuses it. Deliver a blob instead.`]
          : []),
      ];
    });
  },
});

const holdsSecret = (text: string): boolean =>
  SECRET_PATTERNS.some((pattern) => pattern.test(text));

/** How many wrappings are looked into: a file in base64 in a document that is packed, and in base64. */
const DEEPEST_LAYER = 3;
const LARGEST_LAYER_BYTES = 4 * 2 ** 20;
/** Words that could be something in base64; shorter ones hold no secret. */
const ENCODED = /[A-Za-z0-9+/]{24,}={0,2}/g;

/** A text, and what base64 and gzip hide in it: cloud-init takes both. */
function layersOf(text: string, depth = 0): readonly string[] {
  if (depth === DEEPEST_LAYER) return [text];
  const inner = (text.replaceAll("\n", "").match(ENCODED) ?? []).map((word) =>
    unpacked(Buffer.from(word, "base64")),
  );
  return [text, ...inner.flatMap((layer) => layersOf(layer, depth + 1))];
}

function unpacked(bytes: Buffer): string {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isPacked) return bytes.toString("utf8");
  try {
    return gunzipSync(bytes, { maxOutputLength: LARGEST_LAYER_BYTES }).toString("utf8");
  } catch {
    return ""; // It only looked packed.
  }
}

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
    .filter(
      ([where, text]) =>
        holdsSecret(text) || (where === "parameters" && namesSecret(properties["parameters"])),
    )
    .map(
      ([where]) =>
        `${name} has what looks like a secret in ${where}, which Azure shows to every reader. Use protectedSettings or protectedParameters, or Key Vault.`,
    );
}

/** Run Commands have a list of parameters, each with its name beside its value. */
function namesSecret(parameters: unknown): boolean {
  return objectsIn(parameters).some(
    ({ name, value }) => SECRET_NAME.test(textOf(name) ?? "") && (textOf(value) ?? "") !== "",
  );
}
