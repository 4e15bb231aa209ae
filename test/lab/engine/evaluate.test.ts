import { mkdtempDisposable, readdir, readFile, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { NO_EFFECTS, type CloudEffects } from "../../../lab/cloud/effects.ts";
import { UNKNOWN } from "../../../lab/cloud/values.ts";
import {
  destroyInProcess,
  evaluateInProcess,
  type EvaluationResult,
  type InProcessEvaluation,
} from "../../../lab/engine/evaluate.ts";
import { evaluateInWorker, Evaluator } from "../../../lab/engine/evaluator.ts";

const projectFolder = fileURLToPath(new URL("../fixtures/small", import.meta.url));
const SMALL = { projectFolder, stack: "dev" };
const evaluator = new Evaluator();
afterAll(() => evaluator[Symbol.asyncDispose]());

const labFolder = () => mkdtempDisposable(join(tmpdir(), "lab-evaluate-"));
const changed = ({ steps }: EvaluationResult): readonly string[] =>
  steps
    .filter(({ operation }) => operation !== "same")
    .map(({ operation, name }) => `${operation} ${name}`);

describe("an evaluation", () => {
  it("registers everything the program declares, with defaults, settings and secrets", async () => {
    const result = await evaluator.evaluate({
      ...SMALL,
      stackFile: join(projectFolder, "Pulumi.dev.yaml"),
      secretConfig: { password: "Correct-Horse-2" },
      config: { passivePorts: "50000-50019" },
    });
    expect(result.engine).toBe("in-process");
    expect(result.outputs).toMatchObject({
      address: "203.0.113.4",
      noted: "from the stack file",
      blobUrl: "https://smallsite.blob.core.windows.net/releases/release.txt",
    });
    expect(result.secretOutputs).toEqual(["keyText"]);
    const rules = result.resources.find(({ name }) => name === "nsg")?.inputs["securityRules"];
    expect(rules).toMatchObject([
      { destinationPortRange: "21" },
      { destinationPortRange: "990" },
      { destinationPortRange: "50000-50019" },
    ]);
    const machine = result.resources.find(({ name }) => name === "vm");
    expect(machine?.urn).toBe(
      "urn:pulumi:dev::small::small:index:Site$azure-native:compute:VirtualMachine::vm",
    );
    expect(machine?.secrets).toContain("inputs.osProfile.adminPassword");
    expect(result.resources.find(({ type }) => type === "small:index:Site")?.custom).toBe(false);
  });

  it("runs commands where the real engine runs them, after what they depend on", async () => {
    const order: string[] = [];
    const effects: CloudEffects = {
      ...NO_EFFECTS,
      machineChanged: async (_, { name }) => void order.push(`boot ${name}`),
      runCommand: async ({ name, parameters }) => {
        order.push(`run ${name} ${Object.keys(parameters).join()}`);
        return { exitCode: 0, output: "" };
      },
    };
    const { outputs } = await evaluateInProcess({
      ...SMALL,
      effects,
      onStep: ({ name }) => void (name === "probe" && order.push("probe")),
    });
    expect(order).toEqual(["boot vm", "run deliver url,password", "probe"]);
    expect(outputs["probed"]).toBe(`probed 203.0.113.4 from ${join(projectFolder, "program")}`);
    expect(process.cwd()).not.toContain("fixtures");
  });

  it("previews without running anything but functions", async () => {
    await using folder = await labFolder();
    const { outputs, steps, log } = await evaluator.evaluate({
      ...SMALL,
      operation: "preview",
      labFolder: folder.path,
    });
    expect(outputs).toMatchObject({ address: UNKNOWN, probed: UNKNOWN, noted: "first" });
    expect(new Set(steps.map(({ operation }) => operation))).toEqual(new Set(["create"]));
    expect(log).toEqual(["built-42"]);
    expect(await readdir(folder.path)).toEqual([]);
  });

  it.each([
    [
      "what Azure refuses",
      { openPorts: [70000] },
      /NetworkSecurityGroup \(nsg\).*SecurityRuleInvalidPortRange/,
    ],
    ["a setting of the wrong form", { openPorts: "many" }, /openPorts/],
  ])("fails with the resource or the setting for %s", async (_, config, expected) => {
    await expect(evaluator.evaluate({ ...SMALL, config })).rejects.toThrow(expected);
  });

  it("works again after a failure", async () => {
    await expect(
      evaluator.evaluate({ ...SMALL, config: { openPorts: [70000] } }),
    ).rejects.toThrow();
    expect((await evaluator.evaluate(SMALL)).outputs["address"]).toBe("203.0.113.4");
  });

  it("is the same in each process", async () => {
    const [one, other] = [await evaluateInWorker(SMALL), await evaluateInProcess(SMALL)];
    const stable = ({ resources }: EvaluationResult) =>
      resources
        .filter(({ type }) => type.startsWith("azure-native:") && !type.endsWith(":Secret"))
        .map(({ urn, id, outputs }) => ({ urn, id, outputs }))
        .toSorted((first, second) => first.urn.localeCompare(second.urn));
    expect(stable(one)).toEqual(stable(other));
  });
});

describe("a stack over time", () => {
  it("keeps what is unchanged, secrets and commands included", async () => {
    await using folder = await labFolder();
    const evaluation = { ...SMALL, labFolder: folder.path };
    const first = await evaluator.evaluate(evaluation);
    const second = await evaluator.evaluate(evaluation);
    expect(changed(second)).toEqual([]);
    expect(second.outputs).toEqual(first.outputs);
    expect(String(first.outputs["keyText"])).toMatch(/^key-[0-9a-f]{16}$/);
    const file = join(folder.path, "stacks", "small-dev.json");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("changes in place what can be changed in place", async () => {
    await using folder = await labFolder();
    const evaluation = { ...SMALL, labFolder: folder.path };
    await evaluator.evaluate(evaluation);
    const wider = await evaluator.evaluate({
      ...evaluation,
      config: { passivePorts: "50000-50019" },
    });
    expect(changed(wider)).toEqual(["update nsg"]);
    expect(wider.steps.find(({ name }) => name === "nsg")?.differences).toEqual([
      "securityRules[2].destinationPortRange",
    ]);
    const noted = await evaluator.evaluate({
      ...evaluation,
      config: { passivePorts: "50000-50019", note: "second" },
    });
    expect(changed(noted)).toEqual(["update deliver", "update probe"]);
  });

  it("replaces a command with other triggers, and what took its output follows", async () => {
    await using folder = await labFolder();
    const evaluation = { ...SMALL, labFolder: folder.path };
    const first = await evaluator.evaluate(evaluation);
    const second = await evaluator.evaluate({ ...evaluation, config: { keyTrigger: "two" } });
    expect(changed(second)).toEqual(["replace key", "update secret"]);
    expect(second.outputs["keyText"]).not.toBe(first.outputs["keyText"]);
  });

  it("replaces a machine whose custom data changed, and delivers to the new one", async () => {
    await using folder = await labFolder();
    const deliveries: string[] = [];
    const effects: CloudEffects = {
      ...NO_EFFECTS,
      machineDeleted: async (_, { name }) => void deliveries.push(`gone ${name}`),
      runCommand: async ({ name }) => {
        deliveries.push(`run ${name}`);
        return { exitCode: 0, output: "" };
      },
    };
    const evaluation: InProcessEvaluation = { ...SMALL, labFolder: folder.path, effects };
    await evaluateInProcess(evaluation);
    const result = await evaluateInProcess({
      ...evaluation,
      config: { cloudInit: "#cloud-config\n# two\n" },
    });
    expect(changed(result)).toEqual(["replace vm", "create deliver"]);
    expect(deliveries).toEqual(["run deliver", "gone vm", "run deliver"]);
  });

  it("deletes what the program no longer declares", async () => {
    await using folder = await labFolder();
    const evaluation = { ...SMALL, labFolder: folder.path };
    await evaluator.evaluate(evaluation);
    const without = await evaluator.evaluate({ ...evaluation, config: { withoutReadme: true } });
    expect(changed(without)).toEqual(["delete readme"]);
  });

  it("is destroyed to the last resource", async () => {
    await using folder = await labFolder();
    const evaluation = { ...SMALL, labFolder: folder.path };
    const { resources } = await evaluator.evaluate(evaluation);
    const steps = await destroyInProcess(evaluation);
    // Every resource and the stack itself.
    expect(steps).toHaveLength(resources.length + 1);
    const cloud = JSON.parse(await readFile(join(folder.path, "cloud.json"), "utf8")) as {
      resources: unknown;
    };
    expect(cloud.resources).toEqual([]);
    expect(await readdir(join(folder.path, "blobs"))).toEqual([]);
    expect(await destroyInProcess(evaluation)).toEqual([]);
    // And comes back, under a vault name that is not taken.
    expect(changed(await evaluator.evaluate(evaluation))).toHaveLength(resources.length + 1);
  });
});
