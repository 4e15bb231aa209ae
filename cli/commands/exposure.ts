/** `gangway exposure`: what a stack opens to whom, layer by layer. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import type { ExposureRow } from "../../infra/plan/exposure.ts";
import { UsageError } from "../errors.ts";

interface Options {
  readonly stack: string;
  readonly set?: readonly string[];
  readonly compare?: string;
  readonly against?: string;
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
    .option("--against <ref>", "print only what differs from the same stack at a git revision")
    .option("--json", "print JSON: one object per layer")
    .action(run);
}

function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

async function run({ stack, set = [], compare, against, json }: Options): Promise<void> {
  if (compare !== undefined && against !== undefined) {
    throw new UsageError("--compare and --against exclude each other; give one of them");
  }
  const { evaluateExposure, PROJECT_FOLDER } = await import("../exposure/evaluate.ts");
  const earlier =
    against !== undefined
      ? await readRevision(PROJECT_FOLDER, against, stack)
      : compare !== undefined
        ? await readTable(compare)
        : undefined;
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

/** The settings of the other revision stand in its own stack file: --set is about this one. */
async function readRevision(
  projectFolder: string,
  ref: string,
  stack: string,
): Promise<readonly ExposureRow[]> {
  const { exposureAt } = await import("../exposure/revision.ts");
  const table = await parseTable(await exposureAt(projectFolder, ref, stack));
  if (table !== undefined) return table;
  throw new UsageError(`--against: ${ref} is too old to print an exposure table`);
}

async function readTable(file: string): Promise<readonly ExposureRow[]> {
  const table = await parseTable(await readFile(file, "utf8"));
  if (table !== undefined) return table;
  throw new UsageError(
    `--compare: ${file} holds no exposure table; make one with: npx gangway exposure --json > ${file}`,
  );
}

async function parseTable(content: string): Promise<readonly ExposureRow[] | undefined> {
  const { isExposureTable } = await import("../exposure/difference.ts");
  try {
    const table: unknown = JSON.parse(content);
    return isExposureTable(table) ? table : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
