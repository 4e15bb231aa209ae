import { describe, expect, it } from "vitest";
import { describeCoverage } from "../../../lab/cloud/coverage.ts";

describe("the coverage ledger", () => {
  it("lists nested properties with what is refused of them", () => {
    const { types } = describeCoverage();
    const machine = types.find(({ token }) => token === "azure-native:compute:VirtualMachine");
    const priority = machine?.properties.find(({ path }) => path === "priority");
    expect(priority).toEqual({ path: "priority", depth: "recorded", unsimulated: ["Low", "Spot"] });
    expect(machine?.properties.map(({ path }) => path)).toContain(
      "osProfile.linuxConfiguration.ssh.publicKeys[].keyData",
    );
  });
});
