/** `gangway exposure`: what a stack opens to whom, layer by layer. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import type { ExposureRow } from "../../infra/plan/exposure.ts";
import { UsageError } from "../errors.ts";

interface Options {
  readonly stack: string;
  readonly set?: readonly string[];
  readonly compare?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command("exposure")
    .description(
      "Print what a stack opens to whom, layer by layer, without deploying anything: each row is read back from the security group, firewall, kernel settings or server settings that the stack would deploy.",
    )
    .option("--stack <name>", "stack whose file Pulumi.<name>.yaml is read", "dev")
    .option(
      "--set <name=value...>",
      "setting on top of the stack's file, for example passivePorts=50000-50199 or tls.dataPolicy=require",
      collect,
    )
    .option("--compare <file>", "print only what differs from a table that --json has written")
    .option("--json", "print JSON: one object per layer")
    .action(run);
}

function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

async function run({ stack, set = [], compare, json }: Options): Promise<void> {
  const earlier = compare === undefined ? undefined : await readTable(compare);
  const { evaluateExposure, PROJECT_FOLDER } = await import("../exposure/evaluate.ts");
  const rows = await evaluateExposure({
    projectFolder: PROJECT_FOLDER,
    stack,
    overrides: set,
    report: (line) => void process.stderr.write(`${line}\n`),
  });
  process.stdout.write(`${await render(rows, earlier, json === true)}\n`);
}

async function render(
  rows: readonly ExposureRow[],
  earlier: readonly ExposureRow[] | undefined,
  json: boolean,
): Promise<string> {
  if (earlier !== undefined) {
    const { compareExposure, formatChanges } = await import("../exposure/difference.ts");
    const changes = compareExposure(earlier, rows);
    if (json) return JSON.stringify(changes);
    return changes.length === 0 ? "The exposure does not change." : formatChanges(changes);
  }
  if (json) return JSON.stringify(rows);
  const { formatExposure } = await import("../../infra/plan/exposure.ts");
  return formatExposure(rows);
}

async function readTable(file: string): Promise<readonly ExposureRow[]> {
  const { isExposureTable } = await import("../exposure/difference.ts");
  const content = await readFile(file, "utf8");
  try {
    const table: unknown = JSON.parse(content);
    if (isExposureTable(table)) return table;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new UsageError(
    `--compare: ${file} holds no exposure table; make one with: npx gangway exposure --json > ${file}`,
  );
}
