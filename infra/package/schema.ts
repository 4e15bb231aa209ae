/**
 * The schema of the component package, from which Pulumi makes an SDK for each language
 * (https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/). Its settings are
 * those of the contract, so that no language knows others than a stack does.
 */
import { settingsSchema } from "#contract";
import { COMPONENT, PACKAGE, VERSION } from "./names.ts";

/** The parts of a contract's schema that its type needs; valibot's types differ by kind. */
interface SchemaShape {
  readonly type: string;
  readonly wrapped?: SchemaShape;
  readonly entries?: Readonly<Record<string, SchemaShape>>;
  readonly item?: SchemaShape;
  readonly value?: SchemaShape;
  readonly pipe?: readonly unknown[];
}

interface PropertyType {
  readonly type?: string;
  readonly $ref?: string;
  readonly items?: PropertyType;
  readonly additionalProperties?: PropertyType;
  readonly plain?: true;
}

interface ObjectType {
  readonly type: "object";
  readonly description?: string;
  readonly properties: Readonly<Record<string, PropertyType & { readonly description?: string }>>;
  readonly required: readonly string[];
}

const TEXT = { type: "string" } as const;

const OUTPUTS = {
  publicAddress: { ...TEXT, description: "Public IPv4 address of the server." },
  fqdn: { ...TEXT, description: "Name that Azure gives the address, with `dnsLabel`." },
  explicitTlsUrl: { ...TEXT, description: "Where clients connect: plain, or explicit TLS." },
  implicitTlsUrl: { ...TEXT, description: "Where clients connect with implicit TLS." },
  certificateFingerprint: { ...TEXT, description: "SHA-256 of a self-signed certificate." },
  certificateFingerprints: {
    type: "object",
    additionalProperties: TEXT,
    description: "SHA-256 of every self-signed certificate by its name.",
  },
  challengeDelegations: {
    type: "array",
    items: TEXT,
    description: "CNAME records that names outside the zone need, for certificates of kind acme.",
  },
  passivePorts: { ...TEXT, description: "Passive range, first-last." },
  bundleSha256: { ...TEXT, description: "SHA-256 of the server's archive." },
  runtimeSha256: { ...TEXT, description: "SHA-256 of the runtime's archive." },
  exposure: {
    type: "array",
    items: { $ref: "pulumi.json#/Any" },
    description: "Which ports are open, for whom, at which layer.",
  },
  probe: {
    $ref: "pulumi.json#/Any",
    description: "How to prove the deployment again from outside.",
  },
} as const;

const ALWAYS_THERE = [
  "publicAddress",
  "explicitTlsUrl",
  "certificateFingerprints",
  "challengeDelegations",
  "passivePorts",
  "bundleSha256",
  "runtimeSha256",
  "exposure",
  "probe",
];

/** Renders the schema: JSON that ends in a line break. */
export function renderPackageSchema(): string {
  const types: Record<string, ObjectType> = {};
  const settings = declareObject(types, "Settings", settingsSchema);
  const schema = {
    name: PACKAGE,
    displayName: "Gangway",
    version: VERSION,
    description: "A passive FTP and FTPS server on Azure, declared once and proven from outside.",
    license: "Apache-2.0",
    types,
    resources: {
      [COMPONENT]: {
        isComponent: true,
        description: "A passive FTP server on Azure, with everything that belongs to it.",
        inputProperties: {
          settings: { ...settings, plain: true, description: "What a stack would declare." },
          location: { ...TEXT, description: "Azure region; absent: azure-native:location." },
          probePassword: {
            ...TEXT,
            secret: true,
            description: "Password of the probe's account; needed unless probe.mode is off.",
          },
          runnerPrivateKey: {
            ...TEXT,
            secret: true,
            description: "For probe.mode runner: private SSH key.",
          },
          acmeExternalAccountKey: {
            ...TEXT,
            secret: true,
            description: "MAC key of acme.externalAccountKeyId, as the authority gave it.",
          },
          alertWebhookUri: {
            ...TEXT,
            secret: true,
            description: "Webhook that is told of alerts, beside monitoring.emailAddresses.",
          },
        },
        requiredInputs: [],
        properties: OUTPUTS,
        required: ALWAYS_THERE,
      },
    },
    language: { nodejs: { respectSchemaVersion: true }, python: { respectSchemaVersion: true } },
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** Adds the type of an object, and those inside it, to `types`. */
function declareObject(
  types: Record<string, ObjectType>,
  name: string,
  schema: SchemaShape,
): PropertyType {
  const entries = Object.entries(schema.entries ?? {});
  const token = `${PACKAGE}:index:${name}`;
  types[token] = {
    type: "object",
    properties: Object.fromEntries(
      entries.map(([key, entry]) => [
        key,
        {
          ...declareType(types, `${name}${capitalize(key)}`, unwrap(entry)),
          ...describe(entry),
        },
      ]),
    ),
    required: entries.filter(([, entry]) => entry.type !== "optional").map(([key]) => key),
  };
  return { $ref: `#/types/${token}` };
}

function declareType(
  types: Record<string, ObjectType>,
  name: string,
  schema: SchemaShape,
): PropertyType {
  switch (schema.type) {
    case "string":
    case "picklist":
      return { ...TEXT, plain: true };
    case "number":
      return { type: "integer", plain: true };
    case "boolean":
      return { type: "boolean", plain: true };
    case "array":
      return {
        type: "array",
        items: declareType(types, name, unwrap(schema.item ?? { type: "unknown" })),
        plain: true,
      };
    case "record":
      return {
        type: "object",
        additionalProperties: declareType(types, name, unwrap(schema.value ?? { type: "unknown" })),
        plain: true,
      };
    case "strict_object":
      return { ...declareObject(types, name, schema), plain: true };
    default:
      throw new TypeError(`no type of Pulumi stands for a schema of type ${schema.type}`);
  }
}

function unwrap(schema: SchemaShape): SchemaShape {
  return schema.wrapped === undefined ? schema : unwrap(schema.wrapped);
}

/** Pipes nest; the outermost description is the last one. */
function describe(schema: SchemaShape): { readonly description?: string } {
  const own = (schema.pipe ?? []).findLast(
    (step): step is { readonly description: string } =>
      typeof step === "object" &&
      step !== null &&
      "description" in step &&
      typeof step.description === "string",
  );
  if (own !== undefined) return { description: own.description };
  return schema.wrapped === undefined ? {} : describe(schema.wrapped);
}

function capitalize(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}
