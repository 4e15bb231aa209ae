/** The name server of a machine. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answerQuery } from "../../../lab/booted/name-server.ts";
import { BLOB_HOST } from "./cloud-fixture.ts";

describe("the name server", () => {
  /** A query as resolvers send it: one question, recursion desired. */
  function query(name: string, type: number): Buffer {
    const labels = name
      .split(".")
      .map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
    return Buffer.concat([
      Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
      ...labels,
      Buffer.from([0, 0, type, 0, 1]),
    ]);
  }
  const lookup = (name: string) => (name === BLOB_HOST ? "192.0.2.7" : undefined);

  it("answers with the address of a name that exists", () => {
    const answer = answerQuery(query(BLOB_HOST.toUpperCase(), 1), lookup);
    expect(answer?.subarray(0, 2).toString("hex")).toBe("1234");
    expect((answer?.readUInt16BE(2) ?? 0) & 0xf).toBe(0);
    expect(answer?.readUInt16BE(6)).toBe(1);
    expect([...(answer?.subarray(-4) ?? [])]).toEqual([192, 0, 2, 7]);
  });

  it("has no other records of it, and denies every other name", () => {
    const ipv6 = answerQuery(query(BLOB_HOST, 28), lookup);
    expect((ipv6?.readUInt16BE(2) ?? 0) & 0xf).toBe(0);
    expect(ipv6?.readUInt16BE(6)).toBe(0);
    const other = answerQuery(query("example.org", 1), lookup);
    expect((other?.readUInt16BE(2) ?? 0) & 0xf).toBe(3);
  });

  it("survives whatever is sent to it, and never answers an answer", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const answer = answerQuery(Buffer.from(bytes), lookup);
        if (answer !== undefined) expect(answerQuery(answer, lookup)).toBeUndefined();
      }),
    );
  });
});
