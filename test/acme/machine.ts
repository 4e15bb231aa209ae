/** A machine for the agent: folders, its settings file, and runs of the real program. */
import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { CertificateAgentFile } from "#contract";
import { CLIENT_ID, type AzureDouble } from "./azure-double.ts";
import type { Pebble } from "./pebble.ts";

const AGENT = join(import.meta.dirname, "../../certificates/main.ts");

export const ZONE = "gangway.example.com";
const ZONE_ID = `/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/dns/providers/Microsoft.Network/dnszones/${ZONE}`;

export const recordSetId = (relativeName: string): string => `${ZONE_ID}/TXT/${relativeName}`;
export const recordName = (id: string): string => `${id.slice(id.lastIndexOf("/") + 1)}.${ZONE}`;

export interface RunResult {
  readonly exitCode: number;
  readonly records: readonly Readonly<Record<string, unknown>>[];
  readonly errors: string;
}

export interface Machine extends AsyncDisposable {
  readonly folder: string;
  readonly stateFolder: string;
  /** Runs the agent once. */
  run(certificates: CertificateAgentFile["certificates"], ...args: string[]): Promise<RunResult>;
  read(name: string): Promise<string>;
}

export interface MachineOptions {
  readonly azure: AzureDouble;
  readonly pebble?: Pebble;
  readonly externalAccountKeyId?: string;
}

/** An ACME certificate whose names lie in the zone. */
export function ordered(
  azure: AzureDouble,
  name: string,
  hostNames: readonly string[],
): CertificateAgentFile["certificates"][number] {
  const single = [...new Set(hostNames.map((hostName) => hostName.replace(/^\*\./, "")))];
  return {
    name,
    source: {
      kind: "acme",
      hostNames: [...hostNames],
      vaultCertificateId: `${azure.url}/certificates/acme-${name}`,
      challenges: single.map((hostName) => {
        const inside = hostName === ZONE || hostName.endsWith(`.${ZONE}`);
        const label = inside
          ? `_acme-challenge.${hostName}`.slice(0, -ZONE.length - 1)
          : `_acme-challenge.${hostName}`;
        return { hostName, recordName: `${label}.${ZONE}`, recordSetId: recordSetId(label) };
      }),
    },
  };
}

export async function makeMachine(options: MachineOptions): Promise<Machine> {
  const { azure, pebble, externalAccountKeyId } = options;
  const root = await mkdtemp(join(tmpdir(), "gangway-agent-"));
  const folder = join(root, "certificates");
  const stateFolder = join(root, "state");
  await mkdir(folder);
  await mkdir(stateFolder);
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  azure.secrets.set("acme-account", {
    value: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  });
  const settingsFile = join(root, "certificates.json");
  const run: Machine["run"] = async (certificates, ...args) => {
    const settings: CertificateAgentFile = {
      identityClientId: CLIENT_ID,
      certificates,
      ...(pebble === undefined
        ? {}
        : {
            acme: {
              directoryUrl: pebble.directoryUrl,
              contactEmail: "ftp@example.org",
              keyType: "ecdsaP256",
              accountKeySecretId: `${azure.url}/secrets/acme-account`,
              zoneName: ZONE,
              ...(externalAccountKeyId === undefined
                ? {}
                : {
                    externalAccount: {
                      keyId: externalAccountKeyId,
                      keySecretId: `${azure.url}/secrets/external-account`,
                    },
                  }),
            },
          }),
      endpoints: {
        metadata: azure.url,
        management: azure.url,
        nameServers: pebble === undefined ? [] : [pebble.nameServer],
      },
    };
    await writeFile(settingsFile, JSON.stringify(settings));
    const child = spawn(
      process.execPath,
      [AGENT, "--settings", settingsFile, "--state", stateFolder, "--patience", "4", ...args],
      {
        env: { ...process.env, ...(pebble && { NODE_EXTRA_CA_CERTS: pebble.trustFile }) },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const exit = new Promise<number>((resolve) => {
      child.once("close", (code) => {
        resolve(code ?? -1);
      });
    });
    const [output, errors, exitCode] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      exit,
    ]);
    const lines = output.split("\n").filter((line) => line !== "");
    return {
      exitCode,
      errors,
      records: lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>),
    };
  };
  return {
    folder,
    stateFolder,
    run,
    read: (name) => readFile(join(folder, `${name}.pem`), "utf8"),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}
