import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UNKNOWN, type Properties, type Value } from "../../../lab/cloud/values.ts";
import { decodeProperties, encodeProperties, secretsWithin } from "../../../lab/engine/wire.ts";

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const secret = (value: unknown) => ({ [SIGNATURE]: SECRET, value });

const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.boolean(),
    fc.integer(),
    fc.string(),
    fc.constant(UNKNOWN),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), tie("value"), { maxKeys: 3 }),
  ),
}));

describe("wire properties", () => {
  it("come back as they went", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), value), (properties) => {
        expect(decodeProperties(encodeProperties(properties), "/").properties).toEqual({
          ...properties,
        });
      }),
    );
  });

  it("carry secrets at any depth, by path", () => {
    const wire = { list: [{ value: secret("hidden") }], whole: secret({ inner: 1 }) };
    const decoded = decodeProperties(wire, "/");
    expect(decoded).toEqual({
      properties: { list: [{ value: "hidden" }], whole: { inner: 1 } },
      secrets: ["list[0].value", "whole"],
    });
    expect(encodeProperties(decoded.properties, decoded.secrets)).toEqual(wire);
  });

  it("read outputs, resource references and old unknowns", () => {
    const output = { [SIGNATURE]: "d0e6a833031e9bbcd3f4e8bde6ca49a4" };
    const resource = {
      [SIGNATURE]: "5cf8f73096256a8f31e491e813e4eb8e",
      urn: "urn:x",
      id: "the-id",
    };
    const { properties, secrets } = decodeProperties(
      {
        known: { ...output, value: 1, secret: true },
        unknown: output,
        resource,
        number: "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
      },
      "/",
    );
    expect(properties).toEqual({ known: 1, unknown: UNKNOWN, resource: "the-id", number: UNKNOWN });
    expect(secrets).toEqual(["known"]);
  });

  it("find relative files from the program's folder", () => {
    const asset = { [SIGNATURE]: "c44067f5952c0a294b673a41bacd8c17", hash: "aa", path: "../x.txt" };
    const { properties } = decodeProperties({ asset }, "/project/infra");
    expect(properties).toEqual({ asset: { asset: { hash: "aa", file: "/project/x.txt" } } });
  });

  it("refuse archives and remote assets", () => {
    const archive = { [SIGNATURE]: "0def7320c3a5731c473e5ecbe6d01bc7", path: "x" };
    const remote = {
      [SIGNATURE]: "c44067f5952c0a294b673a41bacd8c17",
      uri: "https://example.invalid/",
    };
    expect(() => decodeProperties({ archive }, "/")).toThrow("NotSimulated");
    expect(() => decodeProperties({ remote }, "/")).toThrow("NotSimulated");
  });

  it("keep the secrets that an answer repeats", () => {
    const answer: Properties = { list: [{ value: "hidden" }] };
    expect(secretsWithin(answer, ["list[0].value", "list[1].value", "other"])).toEqual([
      "list[0].value",
    ]);
  });
});
