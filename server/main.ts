/** Entry of the server's process: arguments, adapters, signals. The only user of `process`. */
import { hostname } from "node:os";
import { ContractError, formatRange } from "#contract";
import { DNS_RESOLVER } from "./access/dns-resolver.ts";
import { SYSTEM_CLOCK } from "./access/system-clock.ts";
import { chainAuthenticators } from "./auth/authenticator-chain.ts";
import { createHookSource } from "./auth/hook-source.ts";
import { SettingsAuthenticator } from "./auth/settings-authenticator.ts";
import { planPortSlices } from "./data/port-slices.ts";
import { SharedPassivePorts } from "./data/shared-passive-ports.ts";
import { JsonLogger } from "./logging/json-logger.ts";
import type { Logger } from "./logging/logger.ts";
import { openW3cLog } from "./logging/w3c-log.ts";
import { readInheritedSockets } from "./session/inherited-sockets.ts";
import { parseArguments, UsageError, type StartupArguments } from "./startup/arguments.ts";
import { describeProblem, Reloader } from "./startup/reload.ts";
import { readSettings } from "./startup/settings-files.ts";
import type { Serving } from "./startup/serving.ts";
import { SingleProcess } from "./startup/single-process.ts";
import type { Adapters } from "./startup/views.ts";
import { LocalDisk } from "./storage/local-disk.ts";
import { openTlsContexts } from "./tls/contexts.ts";

const EXIT = { finding: 1, usage: 2 } as const;

function chooseAdapters({ generation }: StartupArguments, logger: Logger): Adapters {
  const openHook = createHookSource();
  return {
    openStorage: openDisk,
    storages: new Map(),
    openAuthenticator: async ({ accounts, authenticationHook }) => {
      const declared = new SettingsAuthenticator(accounts);
      const hook = await openHook(authenticationHook);
      return hook === undefined ? declared : chainAuthenticators(accounts, declared, hook);
    },
    openPassivePorts: ({ passive, listen }) => {
      const { own, borrowed } = planPortSlices(passive.ports, {
        generation,
        worker: 0,
        workers: 1,
      });
      const { addresses } = listen;
      return new SharedPassivePorts({ ranges: own, borrowed, addresses, logger });
    },
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

/** A session may be this silent while a successor serves already; then it is dismissed. */
const HANDOVER_IDLE_MILLISECONDS = 10_000;

async function run(): Promise<void> {
  const args = parseArguments(process.argv.slice(2));
  const logger: Logger = new JsonLogger(process.stdout, {}, "info");
  const serving = await open(args, logger);
  const reloader = new Reloader({ args, serving, logger });
  const { listen, passive } = serving.settings;
  logger.log("info", "listening", {
    addresses: listen.addresses.join(","),
    controlPort: listen.controlPort,
    implicitTlsPort: listen.implicitTlsPort,
    healthProbePort: listen.healthProbePort,
    passivePorts: formatRange(passive.ports),
  });
  handleSignals(args, { serving, reloader, logger });
}

/** Opens what serves, with the sockets that the service manager hands over. */
async function open(args: StartupArguments, logger: Logger): Promise<Serving> {
  const inherited = readInheritedSockets(process.env, process.pid, ({ address, port }) =>
    logger.log("warn", "socketUnused", { address, port }),
  );
  // They are meant for this process, not for its children.
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"])
    Reflect.deleteProperty(process.env, name);
  const settings = await readSettings(args);
  const adapters = chooseAdapters(args, logger);
  const { statusSocket } = args;
  return SingleProcess.open({ adapters, settings, inherited, statusSocket, logger });
}

interface Running {
  readonly serving: Serving;
  readonly reloader: Reloader;
  readonly logger: Logger;
}

function handleSignals(args: StartupArguments, { serving, reloader, logger }: Running): void {
  const deadline = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let leaving: Promise<void> | undefined;
  let stopping = false;
  const leave = async (signal: NodeJS.Signals): Promise<void> => {
    const handedOver = signal === "SIGUSR2";
    // Whoever asks twice does not want to wait.
    if (stopping && !handedOver) process.exit(EXIT.finding);
    if (handedOver && leaving !== undefined) return;
    stopping ||= !handedOver;
    clearTimeout(timer);
    const seconds = handedOver ? args.handoverSeconds : args.drainSeconds;
    timer = setTimeout(() => deadline.abort(), seconds * 1000);
    logger.log("info", "draining", { signal, sessions: serving.sessions });
    const idleMilliseconds = handedOver || serving.outlived ? HANDOVER_IDLE_MILLISECONDS : 0;
    leaving ??= reloader
      .stop()
      .then(() => serving.drain({ deadline: deadline.signal, idleMilliseconds }))
      .then(() => serving.close())
      .then(() => {
        clearTimeout(timer);
        logger.log("info", "stopped");
      });
    await leaving;
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGUSR2"] as const) {
    process.on(signal, (name) => void leave(name));
  }
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
