/** What the workflows tell the policy pack about each stack. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { createPolicies } from "../../infra/policy/policies.ts";
import { policyConfiguration } from "../support/policy-judge.ts";

const WORKFLOWS = join(import.meta.dirname, "../../.github/workflows");

interface Workflow {
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly strategy?: { readonly matrix: { readonly stack?: readonly string[] } };
        readonly with?: { readonly stack?: string };
        readonly env?: { readonly STACK?: string };
        readonly steps?: readonly { readonly run?: string }[];
      }
    >
  >;
}

const jobs = readdirSync(WORKFLOWS)
  .map((name) => parse(readFileSync(join(WORKFLOWS, name), "utf8")) as Workflow)
  .flatMap((workflow) => Object.values(workflow.jobs));

it("every run of the pack is given the configuration of its stack", () => {
  const runs = jobs.flatMap(({ steps = [], env }) =>
    steps
      .map(({ run = "" }) => run)
      .filter((run) => run.includes("--policy-pack"))
      .map((run) => ({ run, stack: env?.STACK })),
  );
  expect(runs).toHaveLength(2);
  for (const { run, stack } of runs) {
    expect(run).toContain('--policy-pack-config "infra/policy/policy.$STACK.json"');
    expect(run).toContain('--stack "$STACK"');
    expect(stack).toMatch(/matrix\.stack|inputs\.stack/);
  }
});

const stacks = new Set(
  jobs.flatMap((job) => [...(job.strategy?.matrix.stack ?? []), job.with?.stack ?? []].flat()),
);

describe.each([...stacks])("the configuration of %s", (stack) => {
  const policies = createPolicies();
  const configuration = policyConfiguration(stack);

  it("says the environment to each policy that asks for it", () => {
    const asking = policies
      .filter(({ configSchema }) => "environment" in (configSchema?.properties ?? {}))
      .map(({ name }) => name);
    expect(asking).toContain("images-are-known");
    for (const name of asking) {
      expect(configuration[name]).toMatchObject({ environment: stack });
    }
  });

  it("names policies and settings that there are", () => {
    for (const [name, given] of Object.entries(configuration)) {
      const schema = policies.find((policy) => policy.name === name)?.configSchema;
      expect(Object.keys(schema?.properties ?? {})).toEqual(
        expect.arrayContaining(Object.keys(given)),
      );
    }
  });
});

it("there are both stacks to configure", () => {
  expect([...stacks].toSorted()).toEqual(["dev", "prod"]);
});
