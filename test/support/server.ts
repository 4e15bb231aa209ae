/** Starts `server/main.ts` as a process of its own on loopback, for tests. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { formatRange, type Permission, type PortRange, type ServerSettingsFile } from "#contract";
import { hashPassword } from "../../server/auth/password-hash.ts";
import { makeTestCertificate } from "./certificate.ts";
import { freePorts, giveBackPorts } from "./free-ports.ts";

export interface TestServerOptions {
  /** Merged over the defaults below; nested objects are replaced. */
  readonly settings?: Partial<ServerSettingsFile>;
  /** Certificate, implicit TLS port, control policy `allow`. */
  readonly tls?: boolean;
  /** Address to listen on and connect to. */
  readonly host?: string;
  /** Name → password. `anonymous` exists besides, with the right to read. */
  readonly accounts?: Readonly<Record<string, string>>;
  /** Name → what the account may do; everything by default. */
  readonly permissions?: Readonly<Record<string, readonly Permission[]>>;
  /** Name → home; `/` by default. */
  readonly homes?: Readonly<Record<string, string>>;
  /** Name → its client certificates. */
  readonly certificates?: Readonly<Record<string, readonly string[]>>;
  /** Over the policy `allow`; the certificate stands beside. */
  readonly tlsPolicy?: Omit<NonNullable<ServerSettingsFile["tls"]>, "certificateFile" | "keyFile">;
  readonly advertisedAddress?: string;
  /** How many passive ports. */
  readonly passivePorts?: number;
  /** Entry to run instead of the sources, such as a bundle. */
  readonly entry?: string;
}

export type LogRecord = Readonly<Record<string, unknown>>;

/** A running server. `await using` stops it and removes its folder. */
export interface TestServer extends AsyncDisposable {
  readonly host: string;
  readonly controlPort: number;
  readonly implicitTlsPort: number;
  readonly passivePorts: PortRange;
  /** Settings, certificate and data lie here. */
  readonly folder: string;
  readonly dataFolder: string;
  readonly settingsFile: string;
  readonly certificateFile: string;
  readonly settings: ServerSettingsFile;
  readonly process: ChildProcess;
  /** Everything logged so far. */
  readonly records: readonly LogRecord[];
  /** Resolves with the next record of that event, also one that was logged already. */
  logged(event: string): Promise<LogRecord>;
}

/** Cheap, so that tests do not wait: ln=4 is no protection. */
const TEST_COST = { logCost: 4, blockSize: 8, parallelism: 1 };
const ENTRY = fileURLToPath(new URL("../../server/main.ts", import.meta.url));
const ATTEMPTS = 5;

export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  for (let attempt = 1; ; attempt++) {
    const server = await tryStart(options);
    if (typeof server !== "string") return server;
    // Another process took one of the ports in between.
    if (attempt === ATTEMPTS || !server.includes("is in use")) throw new Error(server);
  }
}

async function tryStart(options: TestServerOptions): Promise<TestServer | string> {
  const host = options.host ?? "127.0.0.1";
  const folder = await mkdtemp(join(tmpdir(), "gangway-test-"));
  const dataFolder = join(folder, "data");
  const settingsFile = join(folder, "settings.json");
  const certificateFile = join(folder, "certificate.pem");
  await mkdir(dataFolder);
  const passiveCount = options.passivePorts ?? 20;
  // Nobody else gets the data port of active mode, just below, nor the one behind the range.
  const ports = await freePorts(host, 1 + 2 + passiveCount + 1);
  const [, controlPort = 0, implicitTlsPort = 0] = ports;
  const passivePorts = { first: controlPort + 2, last: controlPort + 1 + passiveCount };
  if (options.tls === true) await writeFile(certificateFile, (await makeTestCertificate()).pem);
  const accounts = await Promise.all(
    Object.entries(options.accounts ?? { alice: "secret" }).map(async ([name, password]) => ({
      name,
      passwordHash: await hashPassword(password, TEST_COST),
      home: options.homes?.[name] ?? "/",
      certificates: [...(options.certificates?.[name] ?? [])],
      permissions: [...(options.permissions?.[name] ?? (["read", "write"] as const))],
    })),
  );
  const anonymous = { name: "anonymous", anonymous: true, permissions: ["read" as const] };
  const settings: ServerSettingsFile = {
    listen: {
      addresses: [host],
      controlPort,
      ...(options.tls === true ? { implicitTlsPort } : {}),
    },
    passive: {
      ports: formatRange(passivePorts),
      ...(options.advertisedAddress === undefined
        ? {}
        : { advertisedAddress: options.advertisedAddress }),
    },
    tls: {
      controlPolicy: "allow",
      ...options.tlsPolicy,
      ...(options.tls === true ? { certificateFile } : {}),
    },
    dataFolder,
    accounts: [...accounts, anonymous],
    ...options.settings,
  };
  await writeFile(settingsFile, JSON.stringify(settings));
  const child = spawn(process.execPath, [options.entry ?? ENTRY, "--settings", settingsFile], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const records: LogRecord[] = [];
  const waiting: (() => void)[] = [];
  const wake = (): void => waiting.splice(0).forEach((resolve) => resolve());
  createInterface({ input: child.stdout }).on("line", (line) => {
    records.push(JSON.parse(line) as LogRecord);
    wake();
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  child.once("close", wake);
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;

  const logged = async (event: string): Promise<LogRecord> => {
    for (;;) {
      const found = records.find((record) => record["event"] === event);
      if (found !== undefined) return found;
      if (ended()) throw new Error(`the server ended: ${errors}`);
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  const stop = async (): Promise<void> => {
    if (!ended()) {
      child.kill("SIGKILL");
      await once(child, "close");
    }
    giveBackPorts(ports);
    await rm(folder, { recursive: true, force: true });
  };

  try {
    await logged("listening");
  } catch (error) {
    await stop();
    return error instanceof Error ? error.message : String(error);
  }
  return {
    host,
    controlPort,
    implicitTlsPort,
    passivePorts,
    folder,
    dataFolder,
    settingsFile,
    certificateFile,
    settings,
    process: child,
    records,
    logged,
    [Symbol.asyncDispose]: stop,
  };
}
