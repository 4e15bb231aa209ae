import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { AzureAccess } from "../../../acceptance/azure/access.ts";
import type { Check } from "../../../acceptance/checks.ts";
import { stepsOf, type Change } from "../../../acceptance/engine.ts";
import { formatReport, type ReportHeader } from "../../../acceptance/report.ts";
import { CHECKS, isAccepted, runChecks, type RunResult } from "../../../acceptance/run.ts";
import { DEPLOYMENT } from "../../../acceptance/updates.ts";
import { CREATED, FakeEngine, probeReport, type FakeEngineOptions } from "./fake-engine.ts";

const checkNamed = (name: string): Check => {
  const check = CHECKS.find((each) => each.name === name);
  if (check === undefined) throw new Error(`no check ${name}`);
  return check;
};

interface Surroundings {
  readonly only?: readonly string[];
  readonly keep?: boolean;
  readonly azure?: AzureAccess;
  readonly leaving?: AbortController;
  readonly givingUp?: AbortController;
}

async function run(
  fake: FakeEngineOptions,
  { only = [], keep = false, azure, leaving, givingUp }: Surroundings = {},
) {
  const engine = new FakeEngine(fake);
  const result = await runChecks({
    engine,
    azure,
    keep,
    settings: { environment: "dev" },
    checks: [DEPLOYMENT, ...only.map(checkNamed)],
    changeServer: () => Promise.resolve(),
    leaving: (leaving ?? new AbortController()).signal,
    givingUp: (givingUp ?? new AbortController()).signal,
    patienceSeconds: 0,
    say: () => undefined,
  });
  return { engine, result };
}

const verdicts = ({ results }: RunResult) =>
  Object.fromEntries(results.map(({ check, verdict }) => [check.name, verdict.kind]));

const HEADER: ReportHeader = {
  engine: "lab",
  description: ["A fake."],
  startedAt: "2026-01-01T00:00:00Z",
  minutes: 1,
  revision: "abc1234",
  secrets: ["secret-of-the-engine"],
};

const IDLE: readonly Change[] = [
  { operation: "update", name: "network" },
  { operation: "update", name: "address" },
];

describe("an acceptance run", () => {
  it("accepts a stack that does what is documented, and leaves nothing", async () => {
    const { engine, result } = await run(
      { ups: [CREATED, [], IDLE] },
      { only: ["unchanged", "idle-timeout", "custom-data"] },
    );
    expect(verdicts(result)).toEqual({
      deployment: "proven",
      unchanged: "proven",
      "idle-timeout": "proven",
      "custom-data": "notProvable",
    });
    expect(result.removal).toEqual({ kind: "removed" });
    expect(isAccepted(result)).toBe(true);
    expect(engine.isForgotten).toBe(true);
  });

  it("never calls a fact proven that only Azure can prove", async () => {
    const facts = CHECKS.filter(({ name }) => !["deployment", "unchanged"].includes(name))
      .map(({ name }) => name)
      .filter((name) => /run-command|disk|custom|flow|keys|port|pools|rules/.test(name));
    expect(facts.length).toBe(8);
    const { result } = await run({}, { only: facts });
    const kinds = result.results.slice(1).map(({ verdict }) => verdict.kind);
    expect(new Set(kinds)).toEqual(new Set(["notProvable"]));
  });

  it("destroys a stack that did not come up, and says what was in the way", async () => {
    const { engine, result } = await run(
      {
        onCall: (method) => {
          if (method === "up") throw new Error("SkuNotAvailable: secret-of-the-engine");
        },
      },
      { only: ["unchanged"] },
    );
    expect(verdicts(result)).toEqual({ deployment: "undecided" });
    expect(engine.calls).toEqual(["up", "destroy"]);
    expect(isAccepted(result)).toBe(false);
    const report = formatReport(HEADER, result);
    expect(report).toContain("not accepted");
    expect(report).toContain("SkuNotAvailable: [redacted]");
    expect(report).toContain("nothing is left");
  });

  it("goes on after a check that fails, and names steps that nobody documented", async () => {
    const machine: Change = { operation: "replace", name: "machine" };
    const { engine, result } = await run(
      { ups: [CREATED, [...IDLE, machine], []], previews: [IDLE, []] },
      { only: ["idle-timeout", "unchanged"] },
    );
    expect(verdicts(result)).toEqual({
      deployment: "proven",
      "idle-timeout": "refuted",
      unchanged: "proven",
    });
    const report = formatReport(HEADER, result);
    expect(report).toContain("Taken, but not documented: replace machine.");
    expect(report).toContain("Not shown by the preview: replace machine.");
    expect(engine.calls.at(-1)).toBe("destroy");
  });

  it("refutes an update after which no client gets in", async () => {
    const { result } = await run(
      { ups: [CREATED, IDLE], probe: (count) => probeReport(count === 1 ? "passed" : "failed") },
      { only: ["idle-timeout"] },
    );
    expect(verdicts(result)["idle-timeout"]).toBe("refuted");
    expect(formatReport(HEADER, result)).toContain("login: as ordered");
  });

  it("says what is left, and the command that removes it, when destroying fails", async () => {
    const { engine, result } = await run({
      onCall: (method) => {
        if (method === "destroy") throw new Error("InUseSubnetCannotBeDeleted");
      },
    });
    expect(result.removal).toMatchObject({ kind: "left", names: ["machine"] });
    expect(isAccepted(result)).toBe(false);
    expect(engine.isForgotten).toBe(false);
    const report = formatReport(HEADER, result);
    expect(report).toContain("InUseSubnetCannotBeDeleted");
    expect(report).toContain("`remove it`");
  });

  it("writes its report even when nobody can tell what is left", async () => {
    const { result } = await run({
      onCall: (method) => {
        if (method === "leftovers") throw new Error("the state cannot be read");
      },
    });
    expect(result.removal).toMatchObject({ kind: "left", command: "remove it" });
    expect(formatReport(HEADER, result)).toContain("the state cannot be read");
    expect(isAccepted(result)).toBe(false);
  });

  it("has removed everything when only its own folder stays", async () => {
    const { result } = await run({
      onCall: (method) => {
        if (method === "forget") throw new Error("EBUSY");
      },
    });
    expect(result.removal).toEqual({ kind: "removed" });
  });

  it("removes the facts' own group even when destroying the stack fails", async () => {
    let scratch: string | undefined = "gangway-facts";
    const azure = {
      removeScratch: () => {
        scratch = undefined;
        return Promise.resolve();
      },
      get scratch() {
        return scratch;
      },
    } as AzureAccess;
    const { result } = await run(
      {
        onCall: (method) => {
          if (method === "destroy") throw new Error("no");
        },
      },
      { azure },
    );
    expect(scratch).toBeUndefined();
    expect(result.removal).toMatchObject({ kind: "left", command: "remove it" });
  });

  it("stops at Ctrl-C and removes everything", async () => {
    const leaving = new AbortController();
    const { engine, result } = await run(
      {
        onCall: (method, count) => {
          if (method !== "up" || count !== 2) return;
          leaving.abort(new Error("interrupted"));
          leaving.signal.throwIfAborted();
        },
      },
      { leaving, only: ["unchanged", "idle-timeout"] },
    );
    expect(verdicts(result)).toEqual({ deployment: "proven", unchanged: "undecided" });
    expect(engine.calls.at(-1)).toBe("destroy");
    expect(result.removal).toEqual({ kind: "removed" });
    expect(isAccepted(result)).toBe(false);
    expect(formatReport(HEADER, result)).toContain("Interrupted before the end.");
  });

  it("gives up at the second Ctrl-C, with what is left and how to remove it", async () => {
    const leaving = new AbortController();
    const givingUp = new AbortController();
    const { engine, result } = await run(
      {
        onCall: (method) => {
          if (method === "up") {
            leaving.abort(new Error("interrupted"));
            leaving.signal.throwIfAborted();
          }
          if (method === "destroy") {
            givingUp.abort(new Error("interrupted twice"));
            givingUp.signal.throwIfAborted();
          }
        },
      },
      { leaving, givingUp },
    );
    expect(engine.isUp).toBe(true);
    expect(result.removal).toEqual({
      kind: "left",
      reason: "Interrupted a second time.",
      names: ["machine"],
      command: "remove it",
    });
  });

  it("keeps the stack when asked, and says how to remove it", async () => {
    const { engine, result } = await run({}, { keep: true });
    expect(engine.calls).not.toContain("destroy");
    expect(result.removal).toMatchObject({ kind: "kept", command: "remove it" });
    expect(isAccepted(result)).toBe(true);
  });
});

describe("the page on acceptance", () => {
  it("names every check", async () => {
    const page = await readFile(new URL("../../../docs/acceptance.md", import.meta.url), "utf8");
    const names = CHECKS.map(({ name }) => name);
    expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});

describe("steps", () => {
  it("are named without the hash of the settings, and sorted", () => {
    expect(
      stepsOf([
        { operation: "update", name: "delivery" },
        { operation: "create", name: "settings-0123abcd" },
      ]),
    ).toEqual(["create settings", "update delivery"]);
  });
});
