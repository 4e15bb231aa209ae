/** `gangway access`: what an account may do at a path, and which rule decides. */
import type { Command } from "commander";

interface Options {
  readonly settings?: string;
  readonly stack?: string;
  readonly site?: string;
  readonly address?: string;
  readonly hostName?: string[];
  readonly command?: string;
  readonly groups?: string[];
  readonly home?: string;
  readonly permissions?: string[];
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command("access")
    .description(
      "Explain what an account may do at a path, as the account sees it, and which rule decides each right. Exit code 1 when nothing is allowed. Rights of the file system come on top.",
    )
    .argument("<user>", "name of an account")
    .argument(
      "<path>",
      "path as the client sees it, for example /incoming/a.txt; a folder ends in a slash",
    )
    .option("--settings <file>", "a server's settings file, JSON or YAML")
    .option("--stack <name>", "stack whose file Pulumi.<name>.yaml is read")
    .option("--site <name>", "site; the first one when left out")
    .option("--address <address>", "IP address of the client, to ask the rules about addresses")
    .option("--host-name <name...>", "names of that address, for rules that use names")
    .option("--command <verb>", 'command to put to the request filter, for example "SITE CHMOD"')
    .option("--groups <name...>", "groups that the authentication hook would answer for the user")
    .option("--home <path>", "home that the authentication hook would answer")
    .option("--permissions <permission...>", "permissions that the hook would answer")
    .option("--json", "print JSON")
    .action(run);
}

async function run(user: string, path: string, options: Options): Promise<void> {
  const { loadSettings } = await import("../settings/source.ts");
  const { formatAccess, reportAccess } = await import("../settings/explain.ts");
  const settings = await loadSettings({ file: options.settings, stack: options.stack });
  const { site, address, hostName: hostNames, command, groups, home, permissions } = options;
  const answers = [groups, home, permissions].some((answer) => answer !== undefined);
  const hookAnswer = answers ? { groups, home, permissions } : undefined;
  const request = { user, path, site, address, hostNames, command, hookAnswer };
  const report = reportAccess(settings, request);
  const text = options.json === true ? JSON.stringify(report) : formatAccess(report);
  process.stdout.write(`${text}\n`);
  if (!report.rights.some(({ allowed }) => allowed)) process.exitCode = 1;
}
