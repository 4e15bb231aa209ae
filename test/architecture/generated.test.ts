import { describe, expect, it } from "vitest";
import { GENERATED, regenerate } from "../../scripts/generate.ts";

describe("generated files are what the sources give; otherwise run: npm run generate", () => {
  it.each(GENERATED)("$path", async (generated) => {
    const { current, wanted } = await regenerate(generated);
    expect(current).toBe(wanted);
  });
});
