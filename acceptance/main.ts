/** `npm run acceptance`: proves the stack on a subscription, or in the lab, and leaves nothing. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { Command, Option } from "commander";
import { LabError } from "../lab/lab-error.ts";
import { LEVELS, type Level } from "../lab/levels.ts";
import { AcceptanceError } from "./errors.ts";
import { watchInterrupts } from "./interrupts.ts";
import { openRun, type OpenedRun, type RunRequest } from "./open-run.ts";
import { formatReport } from "./report.ts";
import { CHECKS, isAccepted, removeAll, runChecks } from "./run.ts";
import { DEPLOYMENT } from "./updates.ts";

interface Flags {
  readonly engine: "azure" | "lab";
  readonly location: string;
  readonly level?: Level;
  readonly size?: string;
  readonly only: readonly string[];
  readonly keep?: boolean;
  readonly report?: string;
  readonly yes?: boolean;
  readonly destroy?: string;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const program = new Command("acceptance")
  .description("Deploy a throw-away stack, prove it fact by fact, print a report, destroy it.")
  .addOption(new Option("--engine <name>", "where").choices(["azure", "lab"]).default("azure"))
  .option("--location <region>", "Azure region", "westeurope")
  .addOption(
    new Option("--level <name>", "level of the lab (default: the highest that works here)").choices(
      LEVELS,
    ),
  )
  .option("--size <name>", "size of the machine, instead of the default of machine.size")
  .option(
    "--only <name>",
    "only this check, beside the deployment; may be repeated",
    (name: string, former: readonly string[]) => [...former, name],
    [] as readonly string[],
  )
  .option("--keep", "destroy nothing, and say how to")
  .option("--report <file>", "write the report there too")
  .option("--yes", "do not ask before resources are made that cost money")
  .option("--destroy <run>", "only remove what is left of an earlier run")
  .addHelpText(
    "after",
    () => `\nChecks:\n${CHECKS.map(({ name, fact }) => `  ${name.padEnd(24)}${fact}`).join("\n")}`,
  )
  .action(async (flags: Flags) => {
    process.exitCode = await run(flags);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof AcceptanceError || error instanceof LabError)) throw error;
  say(error.message);
  process.exitCode = 2;
}

/** @returns the exit code: 0 accepted, 1 a finding or something left. */
async function run(flags: Flags): Promise<number> {
  const { engine, location, level, size } = flags;
  const checks = chooseChecks(flags.only);
  const name = flags.destroy ?? `acceptance-${randomBytes(3).toString("hex")}`;
  const request: RunRequest = {
    ...{ name, engine, location, say },
    level,
    size,
    resumed: flags.destroy !== undefined,
  };
  const { leaving, givingUp } = watchInterrupts(say);
  const opened = await openRun(request, givingUp);
  if (flags.destroy !== undefined) return removeEarlier(opened, givingUp);
  if (engine === "azure" && flags.yes !== true) await confirm(location);
  const started = new Date();
  const result = await runChecks({
    ...opened,
    ...{ checks, leaving, givingUp, say },
    keep: flags.keep === true,
  });
  const report = formatReport(
    {
      engine,
      description: opened.engine.description,
      startedAt: started.toISOString(),
      minutes: Math.ceil((Date.now() - started.getTime()) / 60_000),
      revision: opened.revision,
      secrets: [...opened.secrets, ...opened.engine.secrets],
    },
    result,
  );
  process.stdout.write(report);
  if (flags.report !== undefined) writeFileSync(flags.report, report);
  return isAccepted(result) ? 0 : 1;
}

function chooseChecks(only: readonly string[]) {
  const unknown = only.find((name) => CHECKS.every((check) => check.name !== name));
  if (unknown !== undefined) {
    throw new AcceptanceError(
      `There is no check ${unknown}.`,
      `There are: ${CHECKS.map(({ name }) => name).join(", ")}`,
    );
  }
  if (only.length === 0) return CHECKS;
  return CHECKS.filter((check) => check === DEPLOYMENT || only.includes(check.name));
}

const COST =
  "One B-series machine with two disks and a static address for about an hour and a half, two hours of a larger size at most, and for some minutes three load balancers: below 1 EUR at list prices of November 2026.";

async function confirm(location: string): Promise<void> {
  say(`This makes resources in ${location} and removes them again. ${COST}`);
  if (!process.stdin.isTTY) {
    throw new AcceptanceError("Nobody is there to agree.", "Say so with --yes.");
  }
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await asking.question("Go on? [y/N] ");
  asking.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new AcceptanceError("Nothing was made.");
}

async function removeEarlier({ engine, azure }: OpenedRun, givingUp: AbortSignal): Promise<number> {
  const removal = await removeAll({ engine, azure, givingUp, say, keep: false });
  if (removal.kind === "removed") {
    say("Everything of that run is gone.");
    return 0;
  }
  if (removal.kind === "left") say(removal.reason);
  say(`Still there: ${removal.names.join(", ")}`);
  return 1;
}
