import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planUploadAllowance } from "../../../server/access/upload-allowance.ts";

const bytes = fc.nat(1000);
const limit = fc.option(bytes, { nil: undefined });

describe("upload allowance", () => {
  it("keeps file and home within every limit, and stops no byte too early", () => {
    const place = fc
      .record({ others: bytes, existingBytes: bytes, startOffset: bytes })
      .filter(({ existingBytes, startOffset }) => startOffset <= existingBytes);
    fc.assert(
      fc.property(limit, limit, limit, place, (ofSite, ofAccount, storage, where) => {
        const { others, existingBytes, startOffset } = where;
        const allowance = planUploadAllowance(
          { uploadBytes: ofSite },
          { uploadBytes: ofAccount, storageBytes: storage },
          { usedBytes: others + existingBytes, existingBytes, startOffset },
        );
        const fits = (written: number): boolean => {
          const size = startOffset + written;
          return (
            size <= (ofSite ?? Infinity) &&
            size <= (ofAccount ?? Infinity) &&
            others + size <= (storage ?? Infinity)
          );
        };
        if (allowance.kind === "unlimited") {
          expect([ofSite, ofAccount, storage]).toEqual([undefined, undefined, undefined]);
        } else {
          if (allowance.bytes > 0) expect(fits(allowance.bytes)).toBe(true);
          expect(fits(allowance.bytes + 1)).toBe(false);
        }
      }),
    );
  });

  it("names the limit that is reached first", () => {
    const place = { usedBytes: 90, existingBytes: 0, startOffset: 0 };
    expect(planUploadAllowance({ uploadBytes: 50 }, { storageBytes: 100 }, place)).toEqual({
      kind: "limited",
      bytes: 10,
      by: "account storageBytes",
    });
  });
});
