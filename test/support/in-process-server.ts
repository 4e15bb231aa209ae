/** The server inside the test's own process, where limits can be smaller than any setting allows. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseWith, serverSettingsSchema } from "#contract";
import { SettingsAuthenticator } from "../../server/auth/settings-authenticator.ts";
import { hashPassword } from "../../server/auth/password-hash.ts";
import { SharedPassivePorts } from "../../server/data/shared-passive-ports.ts";
import type { LogFields, Logger } from "../../server/logging/logger.ts";
import { DEFAULT_LIMITS, type SessionLimits } from "../../server/session/limits.ts";
import { FtpServer } from "../../server/session/server.ts";
import type { ServerView } from "../../server/session/view.ts";
import { openView } from "../../server/startup/views.ts";
import type { Storage } from "../../server/storage/storage.ts";
import { freePorts } from "./server.ts";

export interface InProcessServer extends AsyncDisposable {
  readonly host: string;
  readonly controlPort: number;
  readonly dataFolder: string;
  readonly server: FtpServer;
  readonly records: readonly ({ readonly event: string } & LogFields)[];
}

export interface InProcessOptions {
  readonly limits?: Partial<SessionLimits>;
  /** Opens the storage at an absolute folder. */
  readonly openStorage: (folder: string) => Promise<Storage>;
}

export async function startInProcess(options: InProcessOptions): Promise<InProcessServer> {
  const host = "127.0.0.1";
  const dataFolder = await mkdtemp(join(tmpdir(), "gangway-test-"));
  const [controlPort = 0, ...passive] = await freePorts(host, 12);
  const range = { first: passive[0] ?? 0, last: passive.at(-1) ?? 0 };
  const cheap = { logCost: 4, blockSize: 8, parallelism: 1 };
  const settings = parseWith(serverSettingsSchema, {
    listen: { addresses: [host], controlPort },
    passive: { ports: `${String(range.first)}-${String(range.last)}` },
    tls: { controlPolicy: "allow" },
    dataFolder,
    accounts: [{ name: "alice", passwordHash: await hashPassword("secret", cheap) }],
  });
  const records: ({ readonly event: string } & LogFields)[] = [];
  const logger: Logger = {
    log: (_level, event, fields) => void records.push({ ...fields, event }),
    with: () => logger,
  };
  const opened = await openView(
    {
      openStorage: options.openStorage,
      storages: new Map(),
      openAuthenticator: ({ accounts }) => new SettingsAuthenticator(accounts),
      openPassivePorts: () =>
        new SharedPassivePorts({ ranges: [range], addresses: [host], logger }),
      openTls: () => Promise.reject(new Error("this server has no certificate")),
    },
    settings,
  );
  const view: ServerView = { ...opened, limits: { ...DEFAULT_LIMITS, ...options.limits } };
  const server = new FtpServer(view, logger);
  await server.listen();
  return {
    host,
    controlPort,
    dataFolder,
    server,
    records,
    async [Symbol.asyncDispose]() {
      await server.drain(AbortSignal.timeout(100));
      await view.passivePorts[Symbol.asyncDispose]();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}
