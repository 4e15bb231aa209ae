/** Runs the real Pulumi CLI against the lab's cloud, on a backend and home folder of its own. */
import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath, pathToFileURL } from "node:url";
import { copyProject } from "./lab-project.ts";
import { readProjectName } from "./project.ts";

/** The lab that a command runs against. */
export interface PulumiLab {
  readonly labFolder: string;
  /** Whose effects the plugin brings about: `none`, `process`, `network`. */
  readonly level: string;
  /** Folder of `Pulumi.yaml`; `-C` and `--cwd` among the arguments win over it. */
  readonly projectFolder: string;
  /** Absent: what `--stack` says, otherwise `dev`. */
  readonly stack?: string;
  /** Stack file to use instead of the project's own. */
  readonly stackFile?: string;
}

/** How a command ended; the texts are empty when it wrote to the terminal itself. */
export interface PulumiResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The Pulumi CLI is not on the PATH. */
export class PulumiNotFound extends Error {
  override readonly name = "PulumiNotFound";
  constructor() {
    super(
      "The Pulumi CLI is not on the PATH. Install it from https://www.pulumi.com/docs/iac/download-install/, or run the lab without it: npm start.",
    );
  }
}

const PLUGIN_FOLDER = fileURLToPath(new URL("bin", import.meta.url));
/** The pinned Node comes first, so that the language host runs the program natively. */
const NODE_FOLDER = fileURLToPath(new URL("../../node_modules/.bin", import.meta.url));
const DEFAULT_STACK = "dev";
/** Protects nothing but the lab's own throw-away state. */
const PASSPHRASE = "gangway-lab";
/** Commands that may run the program: in its own folder, with the lab's stack file. */
const PROGRAM_COMMANDS = new Set(
  "up update preview pre destroy down dn refresh import watch".split(" "),
);
/** Other commands that work on a stack, which must exist then. */
const STACK_COMMANDS = new Set(["config", "stack", "state", "cancel"]);
/** What makes `stack` a command about stacks rather than on one. */
const ABOUT_STACKS = new Set(["init", "ls", "select", "rm"]);

/** Path of a program on the PATH. */
export function findOnPath(name: string, path = process.env["PATH"] ?? ""): string | undefined {
  return path
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Whether the real CLI can be used. */
export function hasPulumi(): boolean {
  return findOnPath("pulumi") !== undefined;
}

/**
 * Runs `pulumi` with the given arguments and waits for it. With `capture` its output is returned
 * rather than shown.
 *
 * @throws PulumiNotFound
 */
export async function runPulumi(
  args: readonly string[],
  lab: PulumiLab,
  options: { readonly capture?: boolean } = {},
): Promise<PulumiResult> {
  const pulumi = findOnPath("pulumi");
  if (pulumi === undefined) throw new PulumiNotFound();
  const { cwd, rest } = withoutCwd(args);
  const projectFolder = resolve(cwd ?? lab.projectFolder);
  const project = readProjectName(projectFolder);
  const named = optionOf(rest, ["-s", "--stack"]);
  const stack = lab.stack ?? named ?? DEFAULT_STACK;
  const folder = join(lab.labFolder, "projects", project);
  const configFile = copyProject({
    ...{ projectFolder, folder, stack },
    ...(lab.stackFile === undefined ? {} : { stackFile: lab.stackFile }),
  });
  const env = environmentOf(lab);
  const aside = ["--cwd", resolve(folder)];
  const command = rest.find((arg) => !arg.startsWith("-")) ?? "";
  const runsProgram = PROGRAM_COMMANDS.has(command);
  const isAboutStacks = command === "stack" && rest.some((word) => ABOUT_STACKS.has(word));
  const isOnStack = runsProgram || (STACK_COMMANDS.has(command) && !isAboutStacks);
  if (isOnStack && !stackExists(lab.labFolder, project, stack)) {
    const init = ["stack", "init", stack, "--non-interactive", ...aside];
    const made = await execute(pulumi, init, env, true);
    if (made.exitCode !== 0) return made;
  }
  const where = runsProgram
    ? ["--cwd", projectFolder, "--config-file", resolve(configFile)]
    : aside;
  const which = isOnStack && named === undefined ? ["--stack", stack] : [];
  return execute(pulumi, [...rest, ...where, ...which], env, options.capture ?? false);
}

function stackExists(labFolder: string, project: string, stack: string): boolean {
  return existsSync(join(backendFolder(labFolder), ".pulumi", "stacks", project, `${stack}.json`));
}

const backendFolder = (labFolder: string): string => join(resolve(labFolder), "pulumi", "backend");
const homeFolder = (labFolder: string): string => join(resolve(labFolder), "pulumi", "home");

/** Environment of the CLI and, through it, of the plugin and of the program's commands. */
function environmentOf(lab: PulumiLab): NodeJS.ProcessEnv {
  const home = homeFolder(lab.labFolder);
  const backend = backendFolder(lab.labFolder);
  mkdirSync(backend, { recursive: true });
  borrowPlugins(home);
  const {
    PULUMI_IGNORE_AMBIENT_PLUGINS: _,
    PULUMI_CONFIG_PASSPHRASE_FILE: __,
    ...inherited
  } = process.env;
  return {
    ...inherited,
    PATH: [PLUGIN_FOLDER, NODE_FOLDER, process.env["PATH"] ?? ""].join(delimiter),
    PULUMI_BACKEND_URL: pathToFileURL(backend).href,
    PULUMI_HOME: home,
    PULUMI_CONFIG_PASSPHRASE: PASSPHRASE,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    GANGWAY_LAB_FOLDER: resolve(lab.labFolder),
    GANGWAY_LAB_LEVEL: lab.level,
  };
}

/**
 * Makes the command plugin of the user's own Pulumi home visible in the lab's. Where there is none,
 * and none on the PATH, the CLI downloads it.
 */
function borrowPlugins(home: string): void {
  const plugins = join(home, "plugins");
  mkdirSync(plugins, { recursive: true });
  const own = join(process.env["PULUMI_HOME"] ?? join(homedir(), ".pulumi"), "plugins");
  if (!existsSync(own) || own === plugins) return;
  for (const name of readdirSync(own)) {
    const isPlugin = name.startsWith("resource-command-v") && !name.endsWith(".lock");
    if (isPlugin && !existsSync(join(plugins, name)))
      symlinkSync(join(own, name), join(plugins, name));
  }
}

async function execute(
  pulumi: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  capture: boolean,
): Promise<PulumiResult> {
  const child = spawn(pulumi, args, {
    env,
    stdio: capture ? ["ignore", "pipe", "pipe"] : "inherit",
  });
  // Ctrl-C reaches the CLI as well, which ends in its own time; this process waits for it.
  const onInterrupt = (): void => undefined;
  process.on("SIGINT", onInterrupt);
  try {
    const [exitCode, stdout, stderr] = await Promise.all([
      new Promise<number>((done, fail) => {
        child.once("error", fail);
        child.once("close", (code) => done(code ?? 1));
      }),
      child.stdout === null ? "" : text(child.stdout),
      child.stderr === null ? "" : text(child.stderr),
    ]);
    return { exitCode, stdout, stderr };
  } finally {
    process.off("SIGINT", onInterrupt);
  }
}

function optionOf(args: readonly string[], names: readonly string[]): string | undefined {
  for (const [index, arg] of args.entries()) {
    if (names.includes(arg)) return args[index + 1];
    const assigned = names.find((name) => arg.startsWith(`${name}=`));
    if (assigned !== undefined) return arg.slice(assigned.length + 1);
  }
  return undefined;
}

function withoutCwd(args: readonly string[]): {
  readonly cwd: string | undefined;
  readonly rest: readonly string[];
} {
  const names = ["-C", "--cwd"];
  const rest = args.filter(
    (arg, index) =>
      !names.includes(arg) &&
      !names.includes(args[index - 1] ?? "") &&
      !names.some((name) => arg.startsWith(`${name}=`)),
  );
  return { cwd: optionOf(args, names), rest };
}
