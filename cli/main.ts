/** The `gangway` command: finds the module of the command that was asked for, and runs it. */
import { readFile } from "node:fs/promises";
import { Command, CommanderError } from "commander";
import { nearestName } from "#contract";
import { explainError } from "./errors.ts";

/** What every module in `commands/` exports. */
interface CommandModule {
  readonly register: (program: Command) => void;
}

interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

/** Every command. Only the one that runs is loaded, so that each starts fast. */
const COMMANDS: ReadonlyMap<string, CommandEntry> = new Map([
  [
    "exposure",
    {
      summary: "print what a stack opens to whom, layer by layer, without deploying anything",
      load: () => import("./commands/exposure.ts"),
    },
  ],
  [
    "lab",
    {
      summary: "run the stack in a simulated Azure on this machine",
      load: () => import("./commands/lab.ts"),
    },
  ],
  [
    "verify",
    {
      summary: "log in to a server from outside and prove that it can be used",
      load: () => import("./commands/verify.ts"),
    },
  ],
  [
    "access",
    {
      summary: "explain what an account may do at a path, and which rule decides",
      load: () => import("./commands/access.ts"),
    },
  ],
  [
    "config",
    {
      summary: "check settings, and tell what would change",
      load: () => import("./commands/config.ts"),
    },
  ],
  ["serve", { summary: "run the FTP server alone", load: () => import("./commands/serve.ts") }],
  [
    "bundle",
    {
      summary: "build the archives that a deployment delivers",
      load: () => import("./commands/bundle.ts"),
    },
  ],
  [
    "hash-password",
    {
      summary: "hash a password for an account",
      load: () => import("./commands/hash-password.ts"),
    },
  ],
  [
    "make-certificate",
    {
      summary: "make a self-signed certificate for a server",
      load: () => import("./commands/make-certificate.ts"),
    },
  ],
  [
    "make-account-key",
    {
      summary: "make the key of an account with a certificate authority",
      load: () => import("./commands/make-account-key.ts"),
    },
  ],
]);

/** Flags of the program itself that may stand before the command. */
const HELP_WORDS: ReadonlySet<string> = new Set(["help", "--help", "-h"]);

/**
 * Runs one command line. Errors go to stderr as lines, never as a stack trace.
 *
 * @returns the exit code: 0 ok, 1 finding, 2 usage. A command that finds something sets
 *   `process.exitCode`; so does one that passes on the code of a program it runs.
 */
export async function main(args: readonly string[]): Promise<number> {
  process.stdout.on("error", exitOnClosedPipe);
  process.on("uncaughtException", (error) => {
    process.exit(report(error));
  });
  try {
    const program = await buildProgram(args);
    await program.parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has printed its own message already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return report(error);
  }
}

/** Prints an error as a person should see it; returns the exit code that it stands for. */
function report(error: unknown): number {
  const { lines, exitCode } = explainError(error, process.env["GANGWAY_DEBUG"] === "1");
  for (const line of lines) process.stderr.write(`${line}\n`);
  return exitCode;
}

/** The whole program with the options of every command, for the reference page. */
export async function loadEveryCommand(): Promise<Command> {
  const program = await describeProgram();
  for (const { load } of COMMANDS.values()) (await load()).register(program);
  return program;
}

async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = await describeProgram();
  const asked = askedCommand(args);
  for (const [name, { summary, load }] of COMMANDS) {
    if (name === asked) (await load()).register(program);
    else program.command(name).description(summary);
  }
  if (args.length === 0) program.help();
  if (asked !== undefined && !COMMANDS.has(asked)) refuseUnknown(program, asked);
  return program;
}

async function describeProgram(): Promise<Command> {
  return new Command("gangway")
    .description("Passive FTP and FTPS on Azure, declared once.")
    .version(await readVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .exitOverride()
    .showHelpAfterError("Run it with --help to see what it takes.")
    .addHelpText(
      "after",
      "\nExit codes: 0 ok, 1 something was found wrong, 2 the command line was not understood.",
    );
}

/** The command that the line names: its first word, or the second after `help`. */
function askedCommand(args: readonly string[]): string | undefined {
  const [first, second] = args;
  const word = first === "help" ? second : first;
  return word === undefined || word.startsWith("-") || HELP_WORDS.has(word) ? undefined : word;
}

function refuseUnknown(program: Command, asked: string): never {
  const nearest = nearestName(asked, [...COMMANDS.keys()]);
  program.error(
    nearest === undefined
      ? `"${asked}" is not a command of gangway; it knows ${[...COMMANDS.keys()].join(", ")}.`
      : `"${asked}" is not a command of gangway; did you mean ${nearest}?`,
    { exitCode: 2 },
  );
}

async function readVersion(): Promise<string> {
  const manifest: unknown = JSON.parse(
    await readFile(new URL("../package.json", import.meta.url), "utf8"),
  );
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "unknown";
}

/** `gangway … | head` closes the pipe early; that is no error. */
function exitOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
}
