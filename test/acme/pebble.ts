/** Pebble, the test authority of Let's Encrypt, with a DNS server that it believes. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeSelfSigned } from "../../infra/certificate/self-signed.ts";
import { PEBBLE } from "../../scripts/go-tools.mjs";
import { freePorts } from "../support/free-ports.ts";

export interface PebbleOptions {
  /** Keys of external accounts by id; given: the authority wants one. */
  readonly externalAccounts?: Readonly<Record<string, string>>;
  readonly validSeconds?: number;
}

export interface Pebble extends AsyncDisposable {
  readonly directoryUrl: string;
  /** PEM of what its HTTPS endpoint is trusted by. */
  readonly trustFile: string;
  /** PEM of the root that its certificates lead to. */
  root(): Promise<string>;
  /** Overrides the renewal advice for a certificate (leaf, PEM). */
  setRenewalWindow(leaf: string, start: Date, end: Date): Promise<void>;
  /** `127.0.0.1:PORT` of the DNS server. */
  readonly nameServer: string;
  /** Speaks to the DNS server's management: `set-txt`, `clear-txt`, `set-cname`, … */
  manageDns(action: string, record: object): Promise<void>;
}

const LOOPBACK = "127.0.0.1";
const NINETY_DAYS_SECONDS = 90 * 24 * 60 * 60;

export async function startPebble(options: PebbleOptions = {}): Promise<Pebble> {
  await using started = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "gangway-pebble-"));
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const [port, managementPort, dnsPort, dnsManagementPort] = await freePorts(LOOPBACK, 4);
  const endpoint = await makeSelfSigned({ names: ["localhost", LOOPBACK], validDays: 2 });
  const trustFile = join(folder, "endpoint.pem");
  const keyFile = join(folder, "endpoint.key");
  await writeFile(trustFile, endpoint.certificate);
  await writeFile(keyFile, endpoint.key);
  const configFile = join(folder, "pebble.json");
  const { externalAccounts, validSeconds = NINETY_DAYS_SECONDS } = options;
  await writeFile(
    configFile,
    JSON.stringify({
      pebble: {
        listenAddress: `${LOOPBACK}:${String(port)}`,
        managementListenAddress: `${LOOPBACK}:${String(managementPort)}`,
        certificate: trustFile,
        privateKey: keyFile,
        httpPort: 1,
        tlsPort: 1,
        ocspResponderURL: "",
        externalAccountBindingRequired: externalAccounts !== undefined,
        externalAccountMACKeys: externalAccounts ?? {},
        domainBlocklist: ["blocked.example.net"],
        retryAfter: { authz: 1, order: 1 },
        keyAlgorithm: "ecdsa",
        profiles: { default: { description: "test", validityPeriod: validSeconds } },
      },
    }),
  );
  const nameServer = `${LOOPBACK}:${String(dnsPort)}`;
  const off = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""];
  const management = `${LOOPBACK}:${String(dnsManagementPort)}`;
  started.use(
    run(PEBBLE.nameServer, ["-dnsserver", nameServer, "-management", management, ...off], {}),
  );
  started.use(
    run(PEBBLE.authority, ["-strict", "-config", configFile, "-dnsserver", nameServer], {
      PEBBLE_VA_NOSLEEP: "1",
      // A third of all nonces is refused: clients have to cope.
      PEBBLE_WFE_NONCEREJECT: "33",
      // Every order is validated anew.
      PEBBLE_AUTHZREUSE: "0",
    }),
  );
  const post = async (url: string, body: object): Promise<void> => {
    const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${url}: ${String(response.status)}`);
  };
  await Promise.all([
    answering(LOOPBACK, port),
    answering(LOOPBACK, managementPort),
    answering(LOOPBACK, dnsManagementPort),
  ]);
  const own = started.move();
  return {
    directoryUrl: `https://localhost:${String(port)}/dir`,
    trustFile,
    nameServer,
    root: () => read(managementPort, endpoint.certificate, "/roots/0"),
    setRenewalWindow: (leaf, start, end) =>
      send(managementPort, endpoint.certificate, "/set-renewal-info/", {
        Certificate: leaf,
        ARIResponse: JSON.stringify({
          suggestedWindow: { start: start.toISOString(), end: end.toISOString() },
        }),
      }),
    manageDns: (action, record) => post(`http://${management}/${action}`, record),
    [Symbol.asyncDispose]: () => own.disposeAsync(),
  };
}

function run(program: string, args: readonly string[], env: object): AsyncDisposable {
  const child: ChildProcess = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: "ignore",
  });
  return {
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

async function answering(host: string, port: number | undefined): Promise<void> {
  const { connect } = await import("node:net");
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port ?? 0, host)
        .once("connect", () => {
          socket.destroy();
          resolve(true);
        })
        .once("error", () => {
          resolve(false);
        });
    });
    if (open) return;
    await sleep(20);
  }
}

async function request(
  port: number | undefined,
  trust: string,
  path: string,
  body: string | undefined,
): Promise<string> {
  const { request: open } = await import("node:https");
  return new Promise((resolve, reject) => {
    const asked = open(
      {
        host: LOOPBACK,
        port,
        path,
        ca: trust,
        headers: { "user-agent": "test" },
        method: body === undefined ? "GET" : "POST",
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("end", () => {
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`${path}: ${String(response.statusCode)} ${text}`));
        });
      },
    );
    asked.once("error", reject).end(body);
  });
}

const read = (port: number | undefined, trust: string, path: string) =>
  request(port, trust, path, undefined);

async function send(port: number | undefined, trust: string, path: string, body: object) {
  await request(port, trust, path, JSON.stringify(body));
}
