import { describe, expect, it } from "vitest";
import {
  NO_EFFECTS,
  type CloudEffects,
  type RunCommandInvocation,
} from "../../../lab/cloud/effects.ts";
import { ProvisioningFailed } from "../../../lab/cloud/errors.ts";
import type { Properties } from "../../../lab/cloud/values.ts";
import { create, idOf, refusal, sceneUpTo, update } from "./scene.ts";

const MACHINE_ID = idOf("Microsoft.Compute/virtualMachines", "vm");

describe("Run Commands", () => {
  const recording = (exitCode = 0, output = "done") => {
    const runs: RunCommandInvocation[] = [];
    const effects: CloudEffects = {
      ...NO_EFFECTS,
      runCommand: async (invocation) => {
        runs.push(invocation);
        return { exitCode, output };
      },
    };
    return { runs, effects };
  };
  const NAME = "VirtualMachineRunCommandByVirtualMachine";

  it("run with their parameters on their machine", async () => {
    const { runs, effects } = recording();
    const cloud = await sceneUpTo(NAME, { effects });
    const { outputs } = await create(cloud, NAME);
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({
      machine: { id: MACHINE_ID },
      script: "echo delivered",
      parameters: { url: "https://example.invalid/", token: "hidden" },
      protectedNames: ["token"],
    });
    expect(outputs["instanceView"]).toMatchObject({
      executionState: "Succeeded",
      exitCode: 0,
      output: "done",
    });
    expect(outputs).not.toHaveProperty("protectedParameters");
  });

  it("run again only when the script differs", async () => {
    const { runs, effects } = recording();
    const cloud = await sceneUpTo(NAME, { effects });
    await create(cloud, NAME);
    await update(cloud, NAME, { parameters: [{ name: "url", value: "https://other.invalid/" }] });
    expect(runs).toHaveLength(1);
    const { outputs } = await update(cloud, NAME, { source: { script: "echo again" } });
    expect(runs).toHaveLength(2);
    expect(outputs["instanceView"]).toMatchObject({ exitCode: 0 });
  });

  it("fail the deployment when told to, keep the end of the output, and run again", async () => {
    const { runs, effects } = recording(3, `${"x".repeat(5000)}the end`);
    const cloud = await sceneUpTo(NAME, { effects });
    const failed = create(cloud, NAME);
    await expect(failed).rejects.toBeInstanceOf(ProvisioningFailed);
    await expect(failed).rejects.toThrow("exit code 3");
    const view = cloud.read(`${MACHINE_ID}/runCommands/deliver`)?.outputs[
      "instanceView"
    ] as Properties;
    expect(view["executionState"]).toBe("Failed");
    expect(Buffer.byteLength(String(view["output"]))).toBe(4096);
    expect(String(view["output"]).endsWith("the end")).toBe(true);
    await expect(update(cloud, NAME)).rejects.toBeInstanceOf(ProvisioningFailed);
    expect(runs).toHaveLength(2);
  });

  it("only note a failure when not told to fail", async () => {
    const { effects } = recording(3);
    const cloud = await sceneUpTo(NAME, { effects });
    const { outputs } = await create(cloud, NAME, { treatFailureAsDeploymentFailure: false });
    expect(outputs).toMatchObject({
      provisioningState: "Succeeded",
      instanceView: { executionState: "Failed", exitCode: 3 },
    });
  });

  it.each([
    ["without a machine", { vmName: "none" }, "ParentResourceNotFound"],
    ["in another region", { location: "northeurope" }, "InvalidResourceLocation"],
    ["from a URL", { source: { scriptUri: "https://x" } }, "NotSimulated source.scriptUri"],
    ["as another user", { runAsUser: "operator" }, "InvalidRequestFormat"],
  ])("are refused %s", async (_, changes, expected) => {
    expect(await refusal(create(await sceneUpTo(NAME), NAME, changes))).toBe(expected);
  });
});
