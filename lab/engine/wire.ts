/**
 * Pulumi's wire form of property values, as plain objects: unknowns are reserved texts; secrets,
 * assets, outputs and resource references are objects with a signature.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { NotSimulated } from "../cloud/errors.ts";
import {
  isAsset,
  isList,
  isRecord,
  UNKNOWN,
  type Properties,
  type Value,
} from "../cloud/values.ts";

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const ASSET = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7";
const RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e";
const OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4";

/** Unknown values by kind; all but the first are relics that an engine may still send. */
const UNKNOWNS = new Set([
  UNKNOWN,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** Plain properties, with the paths of what was secret kept apart. */
export interface Decoded {
  readonly properties: Properties;
  /** For example `protectedParameters[0].value`. */
  readonly secrets: readonly string[];
}

/** Turns wire properties into plain ones. Relative paths of assets start at `folder`. */
export function decodeProperties(wire: unknown, folder: string): Decoded {
  const secrets: string[] = [];
  const properties = decode(wire, "", { secrets, folder });
  return { properties: isRecord(properties) ? properties : {}, secrets };
}

interface Decoding {
  readonly secrets: string[];
  readonly folder: string;
}

function decode(wire: unknown, path: string, decoding: Decoding): Value | undefined {
  if (typeof wire === "string") return UNKNOWNS.has(wire) ? UNKNOWN : wire;
  if (wire === undefined || typeof wire !== "object" || wire === null) return wire as null;
  if (Array.isArray(wire)) {
    return wire.map((item, index) => decode(item, `${path}[${index}]`, decoding) ?? null);
  }
  const record = wire as Readonly<Record<string, unknown>>;
  switch (record[SIGNATURE]) {
    case undefined: {
      const entries = Object.entries(record).flatMap(([key, item]) => {
        const value = decode(item, path === "" ? key : `${path}.${key}`, decoding);
        return value === undefined || value === null ? [] : [[key, value] as const];
      });
      return Object.fromEntries(entries);
    }
    case SECRET:
      decoding.secrets.push(path);
      return decode(record["value"], path, decoding);
    case OUTPUT:
      if (record["secret"] === true) decoding.secrets.push(path);
      return "value" in record ? decode(record["value"], path, decoding) : UNKNOWN;
    case RESOURCE:
      return typeof record["id"] === "string" ? decode(record["id"], path, decoding) : UNKNOWN;
    case ASSET:
      return decodeAsset(record, decoding.folder);
    case ARCHIVE:
      throw new NotSimulated("an archive as a value", path);
    default:
      throw new NotSimulated("a value of unknown kind", path);
  }
}

function decodeAsset(record: Readonly<Record<string, unknown>>, folder: string): Value {
  const { hash, path, text, uri } = record;
  if (typeof uri === "string" && uri !== "") throw new NotSimulated("an asset at a remote address");
  if (typeof text === "string" && text !== "") {
    return { asset: { hash: hashOr(hash, Buffer.from(text)), text } };
  }
  if (typeof path === "string" && path !== "") {
    const file = resolve(folder, path);
    return { asset: { hash: isGiven(hash) ? hash : hashOf(file), file } };
  }
  // An engine sends old assets, and empty texts, by their hash alone.
  return { asset: { hash: hashOr(hash, Buffer.alloc(0)) } };
}

function hashOf(file: string): string {
  return hashOr(undefined, readFileSync(file));
}

function hashOr(hash: unknown, content: Buffer): string {
  if (isGiven(hash)) return hash;
  return createHash("sha256").update(content).digest("hex");
}

function isGiven(hash: unknown): hash is string {
  return typeof hash === "string" && hash !== "";
}

/** A value as JSON has it: what the wire takes. */
export type Wire = null | boolean | number | string | Wire[] | { [key: string]: Wire };

/** Turns plain properties into wire properties; paths in `secrets` become secret values. */
export function encodeProperties(
  properties: Properties,
  secrets: readonly string[] = [],
): { [key: string]: Wire } {
  const wire = encode(properties, "", new Set(secrets));
  return wire as { [key: string]: Wire };
}

function encode(value: Value, path: string, secrets: ReadonlySet<string>): Wire {
  const plain = encodePlain(value, path, secrets);
  return path !== "" && secrets.has(path) ? { [SIGNATURE]: SECRET, value: plain } : plain;
}

function encodePlain(value: Value, path: string, secrets: ReadonlySet<string>): Wire {
  if (isList(value)) return value.map((item, index) => encode(item, `${path}[${index}]`, secrets));
  if (isAsset(value)) {
    const { hash, file, text } = value.asset;
    return {
      [SIGNATURE]: ASSET,
      hash,
      ...(file === undefined ? {} : { path: file }),
      ...(text === undefined ? {} : { text }),
    };
  }
  if (isRecord(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        encode(item, path === "" ? key : `${path}.${key}`, secrets),
      ]),
    );
  }
  return value;
}

/** Paths among `secrets` that exist in other properties too: an answer repeats what was declared. */
export function secretsWithin(
  properties: Properties,
  secrets: readonly string[],
): readonly string[] {
  return secrets.filter((path) => {
    let current: Value | undefined = properties;
    for (const step of path.split(/[.[\]]+/).filter((part) => part !== "")) {
      if (isList(current)) current = current[Number(step)];
      else current = isRecord(current) ? current[step] : undefined;
    }
    return current !== undefined;
  });
}
