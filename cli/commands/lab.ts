/** `gangway lab`: the stack in a simulated Azure on this machine. `npm start` is `gangway lab up`. */
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Option, type Command } from "commander";
import { LEVELS, type Level } from "../../lab/levels.ts";
import { UsageError } from "../errors.ts";

/** Folder of `Pulumi.yaml`. */
const PROJECT_FOLDER = fileURLToPath(new URL("../..", import.meta.url));
const PROJECT = "gangway";
const DEFAULT_FOLDER = join(".gangway", "lab");

interface UpFlags {
  readonly check?: boolean;
  readonly level?: Level;
  readonly install: boolean;
  readonly stack: string;
  readonly labFolder: string;
  readonly idleTimeoutScale: number;
}

export function register(program: Command): void {
  // Options after the name of another program belong to that program.
  program.enablePositionalOptions();
  const lab = program
    .command("lab")
    .description("Run the stack in a simulated Azure on this machine.")
    .enablePositionalOptions();
  registerUp(lab);
  registerExec(lab);
  registerPulumi(lab);
  lab
    .command("evidence")
    .description("Print what each layer lets through now, for gangway verify --evidence.")
    .addOption(folderOption())
    .action(async ({ labFolder }: { readonly labFolder: string }) => {
      const { readEvidence } = await import("../../lab/evidence.ts");
      process.stdout.write(`${JSON.stringify(await readEvidence(labFolder))}\n`);
    });
  lab
    .command("down")
    .description("Stop whatever runs of a lab and remove it.")
    .addOption(folderOption())
    .action(async ({ labFolder }: { readonly labFolder: string }) => {
      const { stopLab } = await import("../../lab/down.ts");
      await stopLab(labFolder);
    });
}

function registerUp(lab: Command): void {
  lab
    .command("up")
    .description("Bring the stack up, have the probe prove it, and stay until Ctrl-C.")
    .option("--check", "leave after the probe: exit code 0 when it was content, else 1")
    .addOption(levelOption("the highest that this computer offers"))
    .option("--no-install", "install no system packages, stay at the level that works without")
    .option("--stack <name>", "stack file to copy, Pulumi.<name>.yaml", "dev")
    .addOption(folderOption())
    .addOption(
      new Option(
        "--idle-timeout-scale <factor>",
        "real seconds per second of Azure's idle timeouts",
      )
        .argParser(parseScale)
        .default(1),
    )
    .action(async ({ check, level, ...flags }: UpFlags) => {
      const [{ runUp }, { hashPassword }] = await Promise.all([
        import("../../lab/up.ts"),
        import("../../server/auth/password-hash.ts"),
      ]);
      const leaving = new AbortController();
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
        process.on(signal, () => leaving.abort());
      }
      // When nobody reads the output any more (`| head`), the lab still has to be taken down.
      process.stdout.removeAllListeners("error").on("error", () => leaving.abort());
      process.exitCode = await runUp({
        ...flags,
        level,
        check: check === true,
        projectFolder: PROJECT_FOLDER,
        project: PROJECT,
        hashPassword,
        say: (line) => void process.stdout.write(`${line}\n`),
        signal: leaving.signal,
      });
    });
}

function registerExec(lab: Command): void {
  lab
    .command("exec")
    .description("Run a command where the lab's clients are, for example: lab exec -- curl …")
    .argument("<command...>", "the command and its arguments, after --")
    .addOption(folderOption())
    .passThroughOptions()
    .action(async (command: readonly string[], flags: { readonly labFolder: string }) => {
      const { runInLab } = await import("../../lab/exec.ts");
      process.exit(await runInLab(flags.labFolder, command));
    });
}

function registerPulumi(lab: Command): void {
  lab
    .command("pulumi")
    .description("Run the real Pulumi CLI, found on PATH, against the lab's cloud.")
    .argument("[arguments...]", "arguments of pulumi, for example: preview, up --yes, destroy")
    .addOption(folderOption())
    .addOption(levelOption("that of the lab, or the highest that this computer offers"))
    .passThroughOptions()
    .allowUnknownOption()
    .action(
      async (
        args: readonly string[],
        flags: { readonly labFolder: string; readonly level?: Level },
      ) => {
        const [{ runPulumiInLab }, { hashPassword }] = await Promise.all([
          import("../../lab/pulumi.ts"),
          import("../../server/auth/password-hash.ts"),
        ]);
        process.exit(
          await runPulumiInLab({
            args,
            labFolder: flags.labFolder,
            level: flags.level,
            projectFolder: PROJECT_FOLDER,
            project: PROJECT,
            hashPassword,
            say: (line) => void process.stderr.write(`${line}\n`),
          }),
        );
      },
    );
}

function folderOption(): Option {
  return new Option("--lab-folder <folder>", "folder of the lab's state")
    .argParser((folder: string) => resolve(folder))
    .default(join(PROJECT_FOLDER, DEFAULT_FOLDER), DEFAULT_FOLDER);
}

function levelOption(byDefault: string): Option {
  return new Option("--level <level>", `level of the lab (default: ${byDefault})`).choices(LEVELS);
}

function parseScale(text: string): number {
  const scale = Number(text);
  if (!Number.isFinite(scale) || scale <= 0 || scale > 1) {
    throw new UsageError(`idle-timeout-scale: ${text} is not a number above 0 and up to 1.`);
  }
  return scale;
}
