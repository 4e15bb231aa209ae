/** Entry of the server's process: arguments, adapters, signals. The only user of `process`. */
import { hostname } from "node:os";
import { ContractError, formatRange, sliceRange } from "#contract";
import { DNS_RESOLVER } from "./access/dns-resolver.ts";
import { SYSTEM_CLOCK } from "./access/system-clock.ts";
import { chainAuthenticators } from "./auth/authenticator-chain.ts";
import { createHookSource } from "./auth/hook-source.ts";
import { SettingsAuthenticator } from "./auth/settings-authenticator.ts";
import { SharedPassivePorts } from "./data/shared-passive-ports.ts";
import { JsonLogger } from "./logging/json-logger.ts";
import type { Logger } from "./logging/logger.ts";
import { openW3cLog } from "./logging/w3c-log.ts";
import { BOUNDS } from "./session/limits.ts";
import { FtpServer } from "./session/server.ts";
import { parseArguments, UsageError } from "./startup/arguments.ts";
import { describeProblem, Reloader } from "./startup/reload.ts";
import { readSettings } from "./startup/settings-files.ts";
import { StatusPort } from "./startup/status-port.ts";
import { openView, type Adapters } from "./startup/views.ts";
import { LocalDisk } from "./storage/local-disk.ts";
import { openTlsContexts } from "./tls/contexts.ts";

const EXIT = { finding: 1, usage: 2 } as const;

function chooseAdapters(logger: Logger): Adapters {
  const openHook = createHookSource();
  return {
    openStorage: openDisk,
    storages: new Map(),
    openAuthenticator: async ({ accounts, authenticationHook }) => {
      const declared = new SettingsAuthenticator(accounts);
      const hook = await openHook(authenticationHook);
      return hook === undefined ? declared : chainAuthenticators(accounts, declared, hook);
    },
    openPassivePorts: ({ passive, listen }) =>
      new SharedPassivePorts({
        // One process serves the whole range; several will own a slice each.
        ranges: sliceRange(passive.ports, 1),
        addresses: listen.addresses,
        logger,
      }),
    openW3cLog: (settings) =>
      openW3cLog({
        settings,
        folder: settings.folder,
        computerName: hostname(),
        onError: ({ message }) => logger.log("error", "w3cLogFailed", { problem: message }),
      }),
    hostNames: DNS_RESOLVER,
    clock: SYSTEM_CLOCK,
    openTls: openTlsContexts,
  };
}

/** @throws ContractError when the folder cannot be used. */
async function openDisk(folder: string): Promise<LocalDisk> {
  try {
    return await LocalDisk.open(folder);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown reason";
    const problem = `cannot be opened or made (${code})`;
    const fix = "name a folder that the user of the server may write to";
    const error = new ContractError([{ setting: "dataFolder", value: folder, problem, fix }]);
    error.cause = cause;
    throw error;
  }
}

async function run(): Promise<void> {
  const args = parseArguments(process.argv.slice(2));
  const logger: Logger = new JsonLogger(process.stdout, {}, "info");
  const adapters = chooseAdapters(logger);
  const view = await openView(adapters, await readSettings(args));
  const server = new FtpServer(view, logger);
  await server.listen();
  const statusPort = new StatusPort(server);
  await statusPort.follow(view.settings);
  const reloader = new Reloader({ args, adapters, server, statusPort, logger });
  const { listen, passive } = view.settings;
  logger.log("info", "listening", {
    addresses: listen.addresses.join(","),
    controlPort: listen.controlPort,
    implicitTlsPort: listen.implicitTlsPort,
    healthProbePort: listen.healthProbePort,
    passivePorts: formatRange(passive.ports),
  });

  let leaving = false;
  const leave = async (signal: NodeJS.Signals): Promise<void> => {
    // Whoever asks twice does not want to wait.
    if (leaving) process.exit(EXIT.finding);
    leaving = true;
    logger.log("info", "draining", { signal, sessions: server.gauges().sessions });
    reloader[Symbol.dispose]();
    await server.drain(AbortSignal.timeout(BOUNDS.drainSeconds * 1000));
    await statusPort[Symbol.asyncDispose]();
    await server.view().passivePorts[Symbol.asyncDispose]();
    server.view().w3cLog?.[Symbol.dispose]();
    logger.log("info", "stopped");
  };
  process.on("SIGTERM", (signal) => void leave(signal));
  process.on("SIGINT", (signal) => void leave(signal));
  process.on("SIGHUP", () => void reloader.reload());
  // A fault that escaped its session is logged; the other sessions go on.
  const onBug = (error: unknown): void =>
    logger.log("error", "bug", { error: error instanceof Error ? error.stack : String(error) });
  process.on("uncaughtException", onBug);
  process.on("unhandledRejection", onBug);
}

try {
  await run();
} catch (error) {
  const message = error instanceof UsageError ? error.message : describeProblem(error);
  if (message === undefined) throw error;
  process.stderr.write(`${message}\n`);
  process.exitCode = EXIT.usage;
}
