/** `gangway bundle`: the archives that a deployment delivers, with their SHA-256. */
import { Option, type Command } from "commander";
import { bundle, type Bundled } from "../../infra/bundle/index.ts";
import { ARCHITECTURES, type Architecture } from "../../infra/bundle/locked-runtime.ts";

interface Options {
  readonly ifMissing?: boolean;
  readonly json?: boolean;
  readonly architecture: Architecture;
}

export function register(program: Command): void {
  program
    .command("bundle")
    .description("Build the server and runtime archives; print where they are and their SHA-256.")
    .option("--if-missing", "build only what was not built from the same sources before")
    .addOption(
      new Option("--architecture <name>", "processor of the machine")
        .choices(ARCHITECTURES)
        .default("x64"),
    )
    .option("--json", "print JSON: path from the repository's root, sha256 and bytes of each")
    .action(async ({ ifMissing, json, architecture }: Options) => {
      const built = await bundle({
        architecture,
        ifMissing: ifMissing === true,
        report: (line) => process.stderr.write(`${line}\n`),
      });
      if (json === true) {
        process.stdout.write(`${JSON.stringify(built)}\n`);
        return;
      }
      process.stdout.write(describe("server", built.server));
      process.stdout.write(
        describe(`runtime (Node ${built.runtime.version}, ${architecture})`, built.runtime),
      );
    });
}

function describe(title: string, { path, sha256, bytes }: Bundled): string {
  const megabytes = bytes / 1_000_000;
  const size = megabytes < 1 ? `${(bytes / 1000).toFixed(1)} kB` : `${megabytes.toFixed(1)} MB`;
  return `${title}\n  ${path}\n  SHA-256 ${sha256}\n  ${size}\n`;
}
