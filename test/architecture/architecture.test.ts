import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findCycles, readModules } from "./modules.ts";
import { findViolations, RULES } from "./rules.ts";

const ROOT = join(import.meta.dirname, "../..");
const FIXTURES = join(import.meta.dirname, "fixtures");
const FIXTURE_FOLDERS = ["server", "certificates", "infra", "probe", "lab", "acceptance"];
const SOURCES = ["server", "certificates", "infra", "probe", "lab", "acceptance", "cli", "scripts"];

const sources = readModules(ROOT, SOURCES);
const tests = readModules(ROOT, ["test"], ["test/architecture/fixtures/"]);
const all = [...sources, ...tests];

const MOST_LINES = 300;
/** How far above a doubtful cast its reason may stand. */
const REASON_WITHIN_LINES = 6;

describe("dependencies", () => {
  it("follow the rules", () => {
    expect(findViolations(sources)).toEqual([]);
  });

  it("have no cycles", () => {
    expect(findCycles(sources)).toEqual([]);
  });

  it("lead to modules that exist", () => {
    const missing = all.flatMap(({ path, imports }) =>
      imports
        .filter(({ own, target }) => own && !existsSync(join(ROOT, target)))
        .map(({ target }) => `${path} → ${target}`),
    );
    expect(missing).toEqual([]);
  });
});

describe("the check itself", () => {
  it("fails the fixtures, each by the rule that it breaks", () => {
    const found = findViolations(readModules(FIXTURES, FIXTURE_FOLDERS));
    expect(found.map((violation) => violation.replace(/ → .*?: /, ": ")).toSorted()).toEqual(
      [
        `server/contract/looks-outside.ts: ${reasonOf("the contract is a leaf")}`,
        `server/protocol/reads-files.ts: ${reasonOf("the protocol is pure")}`,
        `server/session/knows-pulumi.ts: ${reasonOf("the server imports only")}`,
        `server/commands/opens-sockets.ts: ${reasonOf("commands see")}`,
        `server/session/chooses-adapter.ts: ${reasonOf("only server/main.ts")}`,
        `infra/components/imports-server.ts: ${reasonOf("infra imports the contract")}`,
        `infra/plan/creates.ts: ${reasonOf("plans are pure")}`,
        `infra/policy/trusts-plan.ts: ${reasonOf("policies judge")}`,
        `certificates/imports-server.ts: ${reasonOf("the certificate agent")}`,
        `probe/imports-lab.ts: ${reasonOf("the probe is a client")}`,
        `acceptance/imports-infra.ts: ${reasonOf("the acceptance run")}`,
        `lab/imports-infra.ts: ${reasonOf("the lab runs")}`,
        `lab/imports-command.ts: ${reasonOf("nothing imports the command line")}`,
        `lab/imports-command.ts: ${reasonOf("the lab runs")}`,
        `lab/imports-test.ts: ${reasonOf("nothing but tests")}`,
        `lab/imports-test.ts: ${reasonOf("the lab runs")}`,
      ].toSorted(),
    );
  });

  it("has a fixture for every rule", () => {
    const broken = findViolations(readModules(FIXTURES, FIXTURE_FOLDERS));
    const unproven = RULES.filter(
      ({ reason }) => !broken.some((violation) => violation.endsWith(reason)),
    );
    expect(unproven).toEqual([]);
  });

  it("finds a cycle, also one through three modules, but not one of types", () => {
    expect(findCycles(readModules(FIXTURES, ["cycles"]))).toEqual([
      ["cycles/a.ts", "cycles/b.ts", "cycles/c.ts"],
    ]);
  });
});

describe("modules", () => {
  it.each([
    ["sources", sources],
    ["tests", tests],
  ])("of %s are short enough to be read in one go", (_kind, modules) => {
    const long = modules
      .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
      .filter(({ lines }) => lines > MOST_LINES);
    expect(long).toEqual([]);
  });

  it("are named in kebab-case, after what they are about", () => {
    const vague = /(^|[-/])(utils?|helpers?|managers?|common|misc|base|shared-code)([-./]|$)/;
    const odd = all
      .map(({ path }) => path)
      .filter((path) => !/^[a-z0-9-/.]+$/.test(path) || vague.test(path));
    expect(odd).toEqual([]);
  });

  it("begin with what they are for, where they are sources", () => {
    const silent = sources
      .filter(({ text }) => !/^(#!.*\n)?(\/\/ @ts-check\n)?(\/\*\*|\/\/)/.test(text))
      .map(({ path }) => path);
    expect(silent).toEqual([]);
  });

  it("do not silence the type checker, or say why", () => {
    const silenced = sources
      .filter(({ text }) => /@ts-(ignore|nocheck|expect-error)|\bas any\b/.test(withoutProse(text)))
      .map(({ path }) => path);
    expect(silenced).toEqual([]);
    const unexplained = sources.flatMap(({ path, text }) =>
      text
        .split("\n")
        .flatMap((line, index, lines) =>
          /\bas (unknown as|never)\b/.test(line) &&
          !lines.slice(Math.max(0, index - REASON_WITHIN_LINES), index + 1).some(isComment)
            ? [`${path}:${String(index + 1)}`]
            : [],
        ),
    );
    expect(unexplained).toEqual([]);
  });

  it("leave the process and its signals to the server's entry", () => {
    // `process.kill(pid, 0)` sends nothing: it asks whether a process runs.
    const use = /\bprocess\.(on|once|exit|argv|env|stdout|stderr|kill(?!\(\w+, 0\)))\b/;
    const usesProcess = sources
      .filter(({ path }) => path.startsWith("server/") && path !== "server/main.ts")
      .filter(({ text }) => use.test(text))
      .map(({ path }) => path);
    expect(usesProcess).toEqual([]);
  });

  it("write no port, address or timeout that the contract knows", () => {
    // Examples in texts write the range as a whole, with its dash.
    const literals = /(?<![-\d])(50000|8021)(?![-\d])|168\.63\.129\.16/;
    const found = sources
      .filter(({ path }) => !path.startsWith("server/contract/"))
      .filter(({ text }) => literals.test(withoutProse(text)))
      .map(({ path }) => path);
    expect(found).toEqual([]);
  });
});

function reasonOf(start: string): string {
  const rule = RULES.find(({ reason }) => reason.startsWith(start));
  if (rule === undefined) throw new Error(`No rule begins with "${start}".`);
  return rule.reason;
}

function isComment(line: string): boolean {
  return /^\s*(\/\/|\/\*|\*)/.test(line);
}

/** Comments may mention what code must not do. */
function withoutProse(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/(?! @ts-).*$/gm, "");
}
