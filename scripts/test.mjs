// @ts-check
// `npm test`: format, lint, types, dead code and every test; closes with `N passed, N failed`.
// With arguments (`npm test -- test/unit`) they go to vitest, and only tests run.
//
// Levels of the lab that this machine cannot offer are named and not counted. With
// GANGWAY_REQUIRE_ALL_LEVELS=1, as in CI, whatever does not run has failed.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { withProgress } from "./progress.mjs";
import { runProgram } from "./run-program.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const TOOLS = join(ROOT, "node_modules", ".bin");
const SUMMARY = join(ROOT, ".gangway", `test-summary-${process.pid}.json`);
const MOST_SKIPPED_SHOWN = 20;

/** The checks that are no tests. Each counts as one. */
const CHECKS = [
  { name: "format", program: "prettier", args: ["--check", "."] },
  { name: "lint", program: "eslint", args: ["."] },
  { name: "types", program: "tsc", args: ["--noEmit"] },
  { name: "dead code", program: "knip", args: [] },
];

const filters = process.argv.slice(2);
const allRequired = process.env["GANGWAY_REQUIRE_ALL_LEVELS"] === "1";
const env = {
  ...process.env,
  PATH: [TOOLS, process.env["PATH"] ?? ""].join(delimiter),
  GANGWAY_TEST_SUMMARY: SUMMARY,
};

const checks = filters.length === 0 ? await runChecks() : { passed: 0, failed: 0 };
const tests = await runTests();
const failed = checks.failed + tests.failed;
console.log(`${checks.passed + tests.passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function runChecks() {
  const names = CHECKS.map(({ name }) => name).join(", ");
  const ended = await withProgress(`Checking ${names}`, () =>
    Promise.all(
      CHECKS.map(async ({ name, program, args }) => {
        const { exitCode, output } = await runProgram(join(TOOLS, program), args, {
          cwd: ROOT,
          env,
        });
        if (exitCode !== 0)
          console.log(`failed: ${name} (npx ${program} ${args.join(" ")})\n${output}`);
        return { name, ok: exitCode === 0 };
      }),
    ),
  );
  const passed = ended.filter(({ ok }) => ok);
  if (passed.length > 0) console.log(`passed: ${passed.map(({ name }) => name).join(", ")}`);
  return { passed: passed.length, failed: ended.length - passed.length };
}

async function runTests() {
  mkdirSync(dirname(SUMMARY), { recursive: true });
  const reporters = ["default", join(ROOT, "test", "support", "summary-reporter.ts")];
  const { exitCode } = await runProgram(
    process.execPath,
    [
      join(ROOT, "node_modules", "vitest", "vitest.mjs"),
      "run",
      ...reporters.map((reporter) => `--reporter=${reporter}`),
      ...filters,
    ],
    { cwd: ROOT, env, inherit: true },
  );
  const summary = readSummary();
  if (summary === undefined) {
    console.log("failed: the tests ended without a result");
    return { passed: 0, failed: 1 };
  }
  const { passed, skipped } = summary;
  if (skipped.length > 0) await announceSkipped(skipped);
  const notRun = allRequired ? skipped.length : 0;
  // vitest also fails for reasons that belong to no test.
  const failed = Math.max(summary.failed, exitCode === 0 ? 0 : 1) + notRun;
  return { passed, failed };
}

/** @returns {{passed: number, failed: number, skipped: string[]} | undefined} */
function readSummary() {
  try {
    return JSON.parse(readFileSync(SUMMARY, "utf8"));
  } catch {
    return undefined; // vitest ended before it could write it
  } finally {
    rmSync(SUMMARY, { force: true });
  }
}

/** @param {readonly string[]} skipped */
async function announceSkipped(skipped) {
  console.log(
    allRequired
      ? `failed: ${skipped.length} tests did not run, and all are required:`
      : `not counted: ${skipped.length} tests that this machine cannot run:`,
  );
  for (const name of skipped.slice(0, MOST_SKIPPED_SHOWN)) console.log(`  ${name}`);
  if (skipped.length > MOST_SKIPPED_SHOWN) {
    console.log(`  … and ${skipped.length - MOST_SKIPPED_SHOWN} more`);
  }
  const { networkAbility } = await import("../lab/levels.ts");
  const ability = await networkAbility();
  if (ability.kind === "lacksPrograms") {
    console.log(`  The lab's level network needs ${ability.packages.join(", ")}.`);
  }
  if (ability.kind === "unable") console.log(`  The lab's level network: ${ability.reason}.`);
}
