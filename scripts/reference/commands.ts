/** The reference page of the command, from what each command registers. */
import type { Command } from "commander";
import { loadEveryCommand } from "../../cli/main.ts";

/** Renders Markdown: one section for each command, with its options. */
export async function renderCommandReference(): Promise<string> {
  const program = await loadEveryCommand();
  return `# Commands

Generated from \`cli/commands/\` by \`npm run generate\`.

\`npx gangway COMMAND\` in the clone. Exit codes: 0 ok, 1 something was found wrong, 2 the command line was not understood. Errors go to stderr without stack traces; \`GANGWAY_DEBUG=1\` shows them.

${program.commands.flatMap((command) => renderCommand(command, "gangway")).join("\n")}`;
}

function renderCommand(command: Command, parent: string): readonly string[] {
  const path = `${parent} ${command.name()}`;
  const help = command.createHelp();
  const inner = command.commands.flatMap((nested) => renderCommand(nested, path));
  const options = help
    .visibleOptions(command)
    .filter(({ long }) => long !== "--help")
    .map((option) => `| \`${option.flags}\` | ${escape(help.optionDescription(option))} |`);
  const table =
    options.length === 0
      ? ""
      : ["| Option | Meaning |", "| --- | --- |", ...options, ""].join("\n");
  const usage =
    command.commands.length > 0 ? "" : `    ${parent} ${help.subcommandTerm(command)}\n`;
  return [`## ${path}\n\n${command.description()}\n\n${usage}\n${table}`, ...inner];
}

/** A bar would end the cell, and `<name>` would be taken for HTML. */
function escape(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "\\<");
}
