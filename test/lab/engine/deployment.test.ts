import { describe, expect, it } from "vitest";
import { differences, type Properties } from "../../../lab/cloud/values.ts";
import { Deployment } from "../../../lab/engine/deployment.ts";
import type { Step } from "../../../lab/engine/evaluate.ts";
import type { Goal } from "../../../lab/engine/goal.ts";
import { PartlyCreated, type ProviderOperations } from "../../../lab/engine/provider-operations.ts";
import type { ResourceOptions } from "../../../lab/engine/resource-options.ts";
import { StackState } from "../../../lab/engine/stack-state.ts";

const OPTIONS: ResourceOptions = {
  protect: false,
  retainOnDelete: false,
  deleteBeforeReplace: undefined,
  ignoreChanges: [],
  replaceOnChanges: [],
  additionalSecretOutputs: [],
  importId: "",
};

const urnOf = (name: string): string => `urn:pulumi:dev::p::thing:x:Thing::${name}`;

function goal(
  name: string,
  inputs: Properties = {},
  more: {
    readonly options?: Partial<ResourceOptions>;
    readonly from?: Readonly<Record<string, string>>;
  } = {},
): Goal {
  const dependencies = Object.entries(more.from ?? {}).map(([input, source]) => [
    input,
    [urnOf(source)],
  ]);
  return {
    urn: urnOf(name),
    type: "thing:x:Thing",
    name,
    parent: undefined,
    custom: true,
    declared: { properties: inputs, secrets: [] },
    dependencies: Object.fromEntries(dependencies) as Goal["dependencies"],
    options: { ...OPTIONS, ...more.options },
  };
}

/** A provider whose things are replaced when their `kind` changes, and fail when told to. */
function scene() {
  const calls: string[] = [];
  let count = 0;
  const outcome = (operation: string, urn: string, inputs: Properties) => {
    const name = urn.slice(urn.lastIndexOf("::") + 2);
    calls.push(`${operation} ${name}`);
    const state = { id: `${name}-${++count}`, outputs: inputs, secrets: [] };
    if (inputs["fails"] === true) throw new PartlyCreated(state, "it is broken");
    return state;
  };
  const provider: ProviderOperations = {
    name: "thing",
    check: ({ inputs }) => ({ inputs, failures: [] }),
    diff: ({ oldInputs, newInputs }) => ({
      differences: differences(oldInputs, newInputs).map((difference) => ({
        ...difference,
        replaces: difference.path === "kind",
      })),
      deleteBeforeReplace: true,
    }),
    create: async ({ urn, inputs }) => outcome("create", urn, inputs),
    update: async ({ urn, inputs }) => outcome("update", urn, inputs),
    delete: async ({ id }) => {
      calls.push(`delete ${id}`);
    },
    read: async () => undefined,
    invoke: async () => ({ outputs: {}, secrets: [] }),
  };
  const state = new StackState(undefined, "p", "dev");
  const run = async (preview: boolean, ...goals: readonly Goal[]) => {
    calls.length = 0;
    const steps: Step[] = [];
    const providers = new Map([[provider.name, provider]]);
    const deployment = new Deployment({
      state,
      providers,
      preview,
      onStep: (step) => steps.push(step),
    });
    for (const each of goals) await deployment.register(each);
    await deployment.finish();
    return steps.map(({ operation, name }) => `${operation} ${name}`);
  };
  return { calls, state, run };
}

describe("a deployment", () => {
  it("creates, leaves, updates and deletes", async () => {
    const { run, calls } = scene();
    expect(await run(false, goal("a", { size: 1 }), goal("b"))).toEqual(["create a", "create b"]);
    expect(await run(false, goal("a", { size: 1 }), goal("b"))).toEqual(["same a", "same b"]);
    expect(calls).toEqual([]);
    expect(await run(false, goal("a", { size: 2 }))).toEqual(["update a", "delete b"]);
    expect(calls).toEqual(["update a", "delete b-2"]);
  });

  it("deletes the last first", async () => {
    const { run, calls } = scene();
    await run(false, goal("a"), goal("b"), goal("c"));
    await run(false);
    expect(calls).toEqual(["delete c-3", "delete b-2", "delete a-1"]);
  });

  it("deletes before it replaces, with what cannot stand without it", async () => {
    const { run, calls } = scene();
    const things = (kind: string) => [
      goal("base", { kind }),
      goal("part", { kind: `of ${kind}` }, { from: { kind: "base" } }),
      goal("loose", { note: kind }, { from: { note: "base" } }),
    ];
    await run(false, ...things("one"));
    expect(await run(false, ...things("two"))).toEqual([
      "replace base",
      "create part",
      "update loose",
    ]);
    expect(calls).toEqual([
      "delete part-2",
      "delete base-1",
      "create base",
      "create part",
      "update loose",
    ]);
  });

  it("replaces first and deletes at the end when told so", async () => {
    const { run, calls } = scene();
    const options = { deleteBeforeReplace: false };
    await run(false, goal("a", { kind: "one" }, { options }));
    await run(false, goal("a", { kind: "two" }, { options }));
    expect(calls).toEqual(["create a", "delete a-1"]);
  });

  it("honours what the program says of changes", async () => {
    const { run } = scene();
    const before = goal("a", { size: 1, tags: { owner: "x" } });
    await run(false, before);
    const ignoring = goal(
      "a",
      { size: 1, tags: { owner: "y" } },
      { options: { ignoreChanges: ["tags.owner"] } },
    );
    expect(await run(false, ignoring)).toEqual(["same a"]);
    const replacing = goal(
      "a",
      { size: 2, tags: { owner: "x" } },
      { options: { replaceOnChanges: ["size"] } },
    );
    expect(await run(false, replacing)).toEqual(["replace a"]);
  });

  it("neither deletes nor replaces what is protected", async () => {
    const { run } = scene();
    const options = { protect: true };
    await run(false, goal("a", { kind: "one" }, { options }));
    await expect(run(false, goal("a", { kind: "two" }, { options }))).rejects.toThrow(
      "protected: kind changed",
    );
    await expect(run(false)).rejects.toThrow("protected");
    const { state, run: other } = scene();
    await other(false, goal("a"));
    expect(state.resources).toHaveLength(1);
  });

  it("leaves behind what is retained", async () => {
    const { run, calls, state } = scene();
    await run(false, goal("a", {}, { options: { retainOnDelete: true } }));
    expect(await run(false)).toEqual(["delete a"]);
    expect(calls).toEqual([]);
    expect(state.resources).toEqual([]);
  });

  it("tries again what exists but failed", async () => {
    const { run, calls, state } = scene();
    await expect(run(false, goal("a", { fails: true }))).rejects.toThrow(
      "thing:x:Thing (a): it is broken",
    );
    expect(state.find(urnOf("a"))).toMatchObject({ id: "a-1", failed: "it is broken" });
    await expect(run(false, goal("a", { fails: true }))).rejects.toThrow("broken");
    expect(calls).toEqual(["update a"]);
    expect(await run(false, goal("a", { fails: false }))).toEqual(["update a"]);
    expect(state.find(urnOf("a"))?.failed).toBeUndefined();
  });

  it("changes nothing in a preview", async () => {
    const { run, state } = scene();
    await run(false, goal("a", { size: 1 }), goal("b"));
    const before = state.resources;
    expect(await run(true, goal("a", { size: 2 }), goal("c"))).toEqual([
      "update a",
      "create c",
      "delete b",
    ]);
    expect(state.resources).toEqual(before);
  });

  it("refuses two resources with one name, and providers that the lab does not have", async () => {
    const { run } = scene();
    await expect(run(false, goal("a"), goal("a"))).rejects.toThrow("Duplicate resource URN");
    const foreign = { ...goal("a"), type: "aws:s3:Bucket" };
    await expect(run(false, foreign)).rejects.toThrow(
      "NotSimulated: the lab does not simulate type aws:s3:Bucket",
    );
  });
});
