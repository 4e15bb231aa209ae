// @ts-check
// What a change opens or closes: compares the exposure tables of two checkouts, stack by stack, and
// prints Markdown. node scripts/report-exposure.mjs BASE HEAD STACK …
import { readdirSync, rmSync, writeFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "./run-program.mjs";

const [base, head, ...named] = process.argv.slice(2);
if (base === undefined || head === undefined) {
  console.error("Usage: node scripts/report-exposure.mjs BASE HEAD [STACK …]; both are checkouts.");
  process.exit(2);
}

const stacks = named.length > 0 ? named : stacksOf(head);
const before = new Set(stacksOf(base));
const scratch = mkdtempSync(join(tmpdir(), "gangway-exposure-"));
try {
  console.log("### What this change opens or closes\n");
  for (const stack of stacks) await reportStack(base, head, stack);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/**
 * @param {string} base
 * @param {string} head
 * @param {string} stack
 */
async function reportStack(base, head, stack) {
  const table = join(scratch, `${stack}.json`);
  const earlier = before.has(stack)
    ? await exposure(base, ["--stack", stack, "--json"])
    : { exitCode: 0, stdout: "[]" };
  console.log(`**${stack}**${before.has(stack) ? "" : " (new)"}\n`);
  if (earlier.exitCode !== 0) {
    console.log("The base has no exposure table to compare with; this is the whole table.\n");
  }
  writeFileSync(table, earlier.exitCode === 0 ? earlier.stdout : "[]");
  const changes = await exposure(head, ["--stack", stack, "--compare", table]);
  const failed = changes.exitCode !== 0;
  if (failed) process.exitCode = 1;
  console.log(`\`\`\`diff\n${(failed ? changes.output : changes.stdout).trimEnd()}\n\`\`\`\n`);
}

/**
 * @param {string} checkout
 * @param {readonly string[]} args
 */
function exposure(checkout, args) {
  return runProgram(process.execPath, [join("cli", "gangway.mjs"), "exposure", ...args], {
    cwd: checkout,
  });
}

/** @param {string} checkout */
function stacksOf(checkout) {
  return readdirSync(checkout).flatMap((name) => /^Pulumi\.(.+)\.yaml$/.exec(name)?.[1] ?? []);
}
