/** Key Vault secrets. A changed value is a new version; the value itself never comes back. */
import { ArmError } from "../errors.ts";
import { guidOf } from "../identifiers.ts";
import { secretName } from "../names.ts";
import { inside } from "../placement.ts";
import type { ResourceType } from "../resource-type.ts";
import { flag, map, object, recorded, required, text, whole } from "../shapes.ts";
import { compact, textAt } from "../values.ts";
import { vault, vaultUri } from "./vault.ts";

/** Largest value of a secret, in bytes. */
const LARGEST_VALUE = 25 * 1024;

export const secret: ResourceType = {
  token: "azure-native:keyvault:Secret",
  ...inside(vault, "secrets", { property: "secretName", auto: "random", rule: secretName }),
  apiVersion: "2024-11-01",
  properties: {
    resourceGroupName: required(text()),
    vaultName: required(text()),
    secretName: text(),
    tags: map(),
    properties: required(
      object({
        value: text(),
        contentType: recorded(text()),
        attributes: recorded(object({ enabled: flag(), expires: whole(), notBefore: whole() })),
      }),
    ),
  },
  replacedBy: [],
  network: false,
  computed: ["properties.secretUri", "properties.secretUriWithVersion"],
  put: ({ id, name, inputs, state }) => {
    const value = textAt(inputs, "properties", "value") ?? "";
    if (Buffer.byteLength(value) > LARGEST_VALUE) {
      throw new ArmError(
        "BadParameter",
        `Secret value of ${Buffer.byteLength(value)} bytes is too large: at most ${LARGEST_VALUE} bytes are allowed.`,
      );
    }
    const holder = state.find(vault.id(inputs));
    const uri = `${vaultUri(textAt(inputs, "vaultName") ?? "")}secrets/${name}`;
    const version = guidOf(`${id} ${value}`).replaceAll("-", "");
    return {
      location: textAt(holder?.inputs, "location"),
      properties: compact({
        contentType: textAt(inputs, "properties", "contentType"),
        attributes: { enabled: true },
        secretUri: uri,
        secretUriWithVersion: `${uri}/${version}`,
      }),
    };
  },
};
