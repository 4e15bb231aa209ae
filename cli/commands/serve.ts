/** `gangway serve`: the FTP server alone, without a stack around it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";

interface Options {
  readonly settings: string;
  readonly deployment?: string;
  readonly data?: string;
  readonly host?: string;
}

const SERVER = fileURLToPath(new URL("../../server/main.ts", import.meta.url));

export function register(program: Command): void {
  program
    .command("serve")
    .description("Run the FTP server alone. It reloads when its settings change.")
    .requiredOption("--settings <file>", "the server's settings, JSON")
    .option("--deployment <file>", "what a deployment adds: advertised address, accounts")
    .option("--data <folder>", "folder of the sites' files, instead of the settings' dataFolder")
    .option("--host <address>", "listen on this address only")
    .action(async (options: Options) => {
      process.exitCode = await runServer([
        ...flag("--settings", options.settings),
        ...flag("--deployment", options.deployment),
        ...flag("--data", options.data),
        ...flag("--host", options.host),
      ]);
    });
}

function flag(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [name, value];
}

/** Runs the server as a process of its own, which alone handles its signals, and passes them on. */
async function runServer(args: readonly string[]): Promise<number> {
  const server = spawn(process.execPath, [SERVER, ...args], { stdio: "inherit" });
  // A terminal sends Ctrl-C to the server as well.
  process.on("SIGINT", () => process.stdin.isTTY || server.kill("SIGINT"));
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => server.kill(signal));
  }
  await once(server, "close");
  return server.exitCode ?? 1;
}
