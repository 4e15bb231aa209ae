/** The server inside the test's own process, where limits can be smaller than any setting allows. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseWith, serverSettingsSchema, type ServerSettingsFile } from "#contract";
import { openBandwidth, type Clock } from "../../server/access/bandwidth.ts";
import { openConnectionCounts } from "../../server/access/connection-limits.ts";
import { openLogonAttempts } from "../../server/access/logon-attempts.ts";
import type { HostNameResolver } from "../../server/access/client-names.ts";
import { SYSTEM_CLOCK } from "../../server/access/system-clock.ts";
import { SettingsAuthenticator } from "../../server/auth/settings-authenticator.ts";
import { hashPassword } from "../../server/auth/password-hash.ts";
import { SharedPassivePorts } from "../../server/data/shared-passive-ports.ts";
import type { LogFields, Logger } from "../../server/logging/logger.ts";
import type { SessionLimits } from "../../server/session/limits.ts";
import { Door } from "../../server/session/door.ts";
import { Listeners, planListeners } from "../../server/session/listeners.ts";
import { FtpServer } from "../../server/session/server.ts";
import type { ServerView, SiteView } from "../../server/session/view.ts";
import { openView } from "../../server/startup/views.ts";
import type { StorageAdapter } from "../../server/storage/storage.ts";
import { freePorts, giveBackPorts } from "./free-ports.ts";

export interface InProcessServer extends AsyncDisposable {
  readonly host: string;
  readonly controlPort: number;
  readonly dataFolder: string;
  readonly server: FtpServer;
  readonly records: readonly ({ readonly event: string } & LogFields)[];
}

export interface InProcessOptions {
  readonly limits?: Partial<SessionLimits>;
  /** Merged over the defaults below. */
  readonly settings?: Partial<ServerSettingsFile>;
  /** Names of clients; none by default. */
  readonly hostNames?: HostNameResolver;
  /** The process' own by default. */
  readonly clock?: Clock;
  /** Opens the storage at an absolute folder. */
  readonly openStorage: (folder: string) => Promise<StorageAdapter>;
}

/** Nobody has a name. */
const NAMELESS: HostNameResolver = {
  reverse: () => Promise.resolve([]),
  forward: () => Promise.resolve([]),
};

export async function startInProcess(options: InProcessOptions): Promise<InProcessServer> {
  const host = "127.0.0.1";
  const dataFolder = await mkdtemp(join(tmpdir(), "gangway-test-"));
  const ports = await freePorts(host, 12);
  const [controlPort = 0, ...passive] = ports;
  const range = { first: passive[0] ?? 0, last: passive.at(-1) ?? 0 };
  const cheap = { logCost: 4, blockSize: 8, parallelism: 1 };
  const settings = parseWith(serverSettingsSchema, {
    listen: { addresses: [host], controlPort },
    passive: { ports: `${String(range.first)}-${String(range.last)}` },
    tls: { controlPolicy: "allow" },
    dataFolder,
    accounts: [{ name: "alice", passwordHash: await hashPassword("secret", cheap) }],
    ...options.settings,
  });
  const records: ({ readonly event: string } & LogFields)[] = [];
  const logger: Logger = {
    log: (_level, event, fields) => void records.push({ ...fields, event }),
    with: () => logger,
  };
  const connections = openConnectionCounts();
  const opened = await openView(
    {
      openStorage: options.openStorage,
      storages: new Map(),
      openAuthenticator: ({ accounts }) => new SettingsAuthenticator(accounts),
      openPassivePorts: () =>
        new SharedPassivePorts({ ranges: [range], addresses: [host], logger }),
      openW3cLog: () => {
        throw new Error("this server keeps no log");
      },
      hostNames: options.hostNames ?? NAMELESS,
      clock: options.clock ?? SYSTEM_CLOCK,
      shared: { connections, openLogonAttempts, openBandwidth },
      openTls: () => Promise.reject(new Error("this server has no certificate")),
    },
    settings,
  );
  const view = withLimits(opened.view, options.limits ?? {});
  const server = new FtpServer(view, logger);
  const door = new Door({
    view: () => server.view(),
    connections,
    metrics: server.metrics,
    logger,
    onAdmitted: (socket, client) => server.open(socket, client),
  });
  const listeners = new Listeners({
    onConnection: (socket, purpose) => {
      if (purpose !== "health") door.accept(socket, purpose);
    },
  });
  (await listeners.prepare(planListeners(settings))).commit();
  return {
    host,
    controlPort,
    dataFolder,
    server,
    records,
    async [Symbol.asyncDispose]() {
      await listeners[Symbol.asyncDispose]();
      await server.drain({ deadline: AbortSignal.timeout(100), idleMilliseconds: 0 });
      await view.passivePorts[Symbol.asyncDispose]();
      giveBackPorts(ports);
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}

/** A view whose sites all have some limits that no settings have. */
function withLimits(view: ServerView, changed: Partial<SessionLimits>): ServerView {
  const change = (site: SiteView): SiteView => ({
    ...site,
    limits: { ...site.limits, ...changed },
  });
  const [first, ...others] = view.sites;
  return {
    ...view,
    limits: { ...view.limits, ...changed },
    sites: [change(first), ...others.map(change)],
  };
}
