/** `gangway config`: whether settings hold, and what would change. */
import type { Command } from "commander";

interface Options {
  readonly stack?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const config = program
    .command("config")
    .description("Check settings before they are put in force, and tell what would change.");
  config
    .command("check")
    .description("Validate a whole settings file, or a stack's settings; lists every problem.")
    .argument("[file]", "a server's settings file, JSON or YAML")
    .option("--stack <name>", "stack whose file Pulumi.<name>.yaml is read")
    .action(check);
  config
    .command("diff")
    .description(
      "Tell in words what changes from one settings file to another. Exit code 0: nothing; 1: something.",
    )
    .argument("<file>", "the settings in force")
    .argument("<newfile>", "the settings to come")
    .option("--json", "print JSON")
    .action(diff);
}

async function check(file: string | undefined, { stack }: Options): Promise<void> {
  const { loadSettings } = await import("../settings/source.ts");
  const { sites, accounts } = await loadSettings({ file, stack });
  const count = (number: number, noun: string): string =>
    `${String(number)} ${noun}${number === 1 ? "" : "s"}`;
  process.stdout.write(
    `The settings hold: ${count(sites.length, "site")}, ${count(accounts.length, "account")}.\n`,
  );
}

async function diff(file: string, newFile: string, { json }: Options): Promise<void> {
  const { loadSettings } = await import("../settings/source.ts");
  const { compareSettings, formatSettingChanges, withoutSecrets } =
    await import("../settings/difference.ts");
  const [before, after] = await Promise.all([
    loadSettings({ file }),
    loadSettings({ file: newFile }),
  ]);
  const changes = compareSettings(before, after);
  const text = changes.length === 0 ? "Nothing changes." : formatSettingChanges(changes);
  process.stdout.write(`${json === true ? JSON.stringify(withoutSecrets(changes)) : text}\n`);
  if (changes.length > 0) process.exitCode = 1;
}
