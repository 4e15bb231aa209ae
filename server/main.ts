/** Entry of the server's process: arguments, adapters, signals. The only user of `process`. */
import { availableParallelism, hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { ContractError, formatRange, type ServerSettings } from "#contract";
import { openBandwidth } from "./access/bandwidth.ts";
import { openConnectionCounts } from "./access/connection-limits.ts";
import { DNS_RESOLVER } from "./access/dns-resolver.ts";
import { openLogonAttempts } from "./access/logon-attempts.ts";
import { SYSTEM_CLOCK } from "./access/system-clock.ts";
import { chainAuthenticators } from "./auth/authenticator-chain.ts";
import { createHookSource } from "./auth/hook-source.ts";
import { SettingsAuthenticator } from "./auth/settings-authenticator.ts";
import { Neighbour } from "./data/neighbour.ts";
import { mostWorkers, planPortSlices, type PortOwner } from "./data/port-slices.ts";
import { sendThreads } from "./data/send-threads.ts";
import { SharedPassivePorts } from "./data/shared-passive-ports.ts";
import { JsonLogger } from "./logging/json-logger.ts";
import type { Logger } from "./logging/logger.ts";
import { openW3cLog, type W3cLog } from "./logging/w3c-log.ts";
import type { ToWorker } from "./processes/messages.ts";
import { keepHeapSmall, releaseStartup } from "./native/memory.ts";
import { isArrival } from "./session/arrival.ts";
import { readInheritedSockets } from "./session/inherited-sockets.ts";
import { parseArguments, UsageError, type StartupArguments } from "./startup/arguments.ts";
import { ExpiryWatch } from "./startup/expiry-watch.ts";
import { describeProblem } from "./startup/problems.ts";
import { Reloader } from "./startup/reload.ts";
import { readSettings } from "./startup/settings-files.ts";
import type { Serving } from "./startup/serving.ts";
import { SingleProcess } from "./startup/single-process.ts";
import type { Adapters, SharedLimits } from "./startup/views.ts";
import { compileEarly, warmUp } from "./startup/warm-up.ts";
import { LocalDisk, type LocalDiskOptions } from "./storage/local-disk.ts";
import { openTlsContexts } from "./tls/contexts.ts";
import type { TicketSecret } from "./tls/ticket-keys.ts";

const EXIT = { finding: 1, usage: 2 } as const;

/** What adapters depend on besides the settings. */
interface AdapterChoice {
  readonly logger: Logger;
  readonly owner: PortOwner;
  /** The other generation. */
  readonly neighbour: Neighbour;
  readonly shared: SharedLimits;
  /** Of several processes; one has its own. */
  readonly ticketSecret?: TicketSecret;
  /** Where another process writes it. */
  readonly openW3cLog?: () => W3cLog;
}

function chooseAdapters(choice: AdapterChoice): Adapters {
  const { logger, owner, neighbour, shared, ticketSecret } = choice;
  const openHook = createHookSource();
  const sharedByProcesses = owner.workers > 1 || owner.generation !== undefined;
  return {
    openStorage: (folder) => openDisk(folder, { sharedByProcesses }),
    storages: new Map(),
    openAuthenticator: async ({ accounts, authenticationHook }) => {
      const declared = new SettingsAuthenticator(accounts);
      const hook = await openHook(authenticationHook);
      return hook === undefined ? declared : chainAuthenticators(accounts, declared, hook);
    },
    openPassivePorts: ({ passive, listen }) => {
      const { own, borrowed } = planPortSlices(passive.ports, owner);
      const { addresses } = listen;
      return new SharedPassivePorts({ ranges: own, borrowed, neighbour, addresses, logger });
    },
    openW3cLog: choice.openW3cLog ?? ((settings) => openW3cFiles(settings, logger)),
    hostNames: DNS_RESOLVER,
    clock: SYSTEM_CLOCK,
    shared,
    openTls: (certificate) =>
      openTlsContexts(ticketSecret === undefined ? certificate : { ...certificate, ticketSecret }),
  };
}

function openW3cFiles(settings: ServerSettings["log"], logger: Logger): W3cLog {
  return openW3cLog({
    settings,
    folder: settings.folder,
    computerName: hostname(),
    onError: ({ message }) => logger.log("error", "w3cLogFailed", { problem: message }),
  });
}

/** @throws ContractError when the folder cannot be used. */
async function openDisk(folder: string, options: LocalDiskOptions): Promise<LocalDisk> {
  try {
    return await LocalDisk.open(folder, options);
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

/** In the environment of a worker: which one it is. */
const WORKER_VARIABLE = "GANGWAY_WORKER";

/** When a process listens, the start is over soon; what sessions use is to stay. */
const STARTUP_MILLISECONDS = 10;

async function run(): Promise<void> {
  await start();
  // Nobody waits for it, not even the end of the process.
  void settle();
}

async function settle(): Promise<void> {
  await pause(STARTUP_MILLISECONDS, undefined, { ref: false });
  await warmUp();
  releaseStartup(process.execPath);
}

async function start(): Promise<void> {
  keepHeapSmall();
  compileEarly();
  // libuv reads it when the pool is used for the first time.
  process.env["UV_THREADPOOL_SIZE"] ??= String(sendThreads.poolThreads);
  const args = parseArguments(process.argv.slice(2));
  const logger: Logger = new JsonLogger(process.stdout, {}, "info");
  // Whoever reads the log may go. To log that it cannot be logged would never end.
  process.stdout.on("error", () => undefined);
  const identity = process.env[WORKER_VARIABLE];
  if (identity !== undefined && process.send !== undefined) {
    handleBugs(logger);
    await runWorker(args, logger, JSON.parse(identity) as Omit<PortOwner, "generation">);
    return;
  }
  const serving = await open(args, logger);
  handleBugs(logger);
  const expiry = new ExpiryWatch(serving, logger);
  const onReloaded = (): void => void expiry.check();
  const reloader = new Reloader({ args, serving, logger, onReloaded });
  handleSignals(args, { serving, reloader, logger });
  const { listen, passive } = serving.settings;
  logger.log("info", "listening", {
    addresses: listen.addresses.join(","),
    controlPort: listen.controlPort,
    implicitTlsPort: listen.implicitTlsPort,
    healthProbePort: listen.healthProbePort,
    passivePorts: formatRange(passive.ports),
    workers: serving.workers,
  });
  await expiry.check();
}

/** Opens what serves, with the sockets that the service manager hands over. */
async function open(args: StartupArguments, logger: Logger): Promise<Serving> {
  const inherited = readInheritedSockets(process.env, process.pid, ({ address, port }) =>
    logger.log("warn", "socketUnused", { address, port }),
  );
  // They are meant for this process, not for its children.
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) {
    Reflect.deleteProperty(process.env, name);
  }
  const settings = await readSettings(args);
  const { generation, statusSocket } = args;
  const workers = countWorkers(args, settings, logger);
  const neighbour = await meetNeighbour(args);
  const common = { settings, inherited, statusSocket, logger };
  if (workers > 1) {
    // Loaded only here: one process needs none of it.
    const { Coordinator } = await import("./processes/coordinator.ts");
    const { fork } = await import("node:child_process");
    return Coordinator.open({
      ...common,
      workers,
      generation,
      neighbour,
      openW3cLog: (log) => openW3cFiles(log, logger),
      spawn: (worker) =>
        fork(process.argv[1] ?? "", process.argv.slice(2), {
          env: { ...process.env, [WORKER_VARIABLE]: JSON.stringify({ worker, workers }) },
        }),
    });
  }
  const connections = openConnectionCounts();
  const shared = { connections, openLogonAttempts, openBandwidth };
  const owner = { generation, worker: 0, workers };
  const adapters = chooseAdapters({ logger, owner, neighbour, shared });
  return SingleProcess.open({ ...common, adapters, connections });
}

/** From now on the other generation, if there is one, leaves us our half of the passive range. */
async function meetNeighbour({ generation, statusSocket }: StartupArguments): Promise<Neighbour> {
  const neighbour = new Neighbour(generation === undefined ? "absent" : "predecessor");
  if (generation !== undefined && statusSocket !== undefined) {
    const { GenerationLink } = await import("./startup/generation-link.ts");
    await GenerationLink.open({ generation, statusSocket, neighbour });
  }
  return neighbour;
}

function countWorkers(args: StartupArguments, settings: ServerSettings, logger: Logger): number {
  const wanted = (args.workers ?? settings.workers) || availableParallelism();
  const most = mostWorkers(settings.passive.ports, args.generation);
  if (wanted <= most) return wanted;
  logger.log("warn", "fewerWorkers", { wanted, workers: most, reason: "too few passive ports" });
  return most;
}

/** Serves what the coordinator hands over; signals are its affair. */
async function runWorker(
  args: StartupArguments,
  logger: Logger,
  identity: Omit<PortOwner, "generation">,
): Promise<void> {
  const { Worker } = await import("./processes/worker.ts");
  const { stopAcknowledging } = await import("./processes/acknowledgements.ts");
  const owner = { ...identity, generation: args.generation };
  sendThreads.shareWith(owner.workers);
  const neighbour = new Neighbour("predecessor");
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR2"] as const) {
    process.on(signal, () => undefined);
  }
  const worker = new Worker({
    workers: owner.workers,
    neighbour,
    logger,
    chooseAdapters: (resources) => chooseAdapters({ logger, owner, neighbour, ...resources }),
    channel: {
      send: (mail) => {
        if (process.connected) process.send?.(mail, undefined, {}, () => undefined);
      },
      stopAcknowledging: (onLost) => stopAcknowledging(process, onLost),
      exit: () => process.exit(),
    },
  });
  process.on("message", (message, beside) =>
    // The coordinator runs the same code: nothing else can be on this channel.
    worker.receive(message as ToWorker, isArrival(beside) ? beside : undefined),
  );
  process.on("disconnect", () => worker.orphaned());
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
}

/** A fault that escaped its session is logged; the other sessions go on. */
function handleBugs(logger: Logger): void {
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
