/** Reads a delivery as the machine's script would: parameters, three blobs and a secret. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import {
  certificateAgentSchema,
  parseWith,
  type DeliveryParameters,
  type MachineSettings,
} from "#contract";
import type { RunCommandInvocation } from "../cloud/effects.ts";
import type { CloudState } from "../cloud/state.ts";

/** Why the machine did not take a delivery; becomes the Run Command's output. */
export class DeliveryRefused extends Error {
  override readonly name = "DeliveryRefused";
}

/** What a machine without systemd has a use for. */
type PlayedSettings = Pick<MachineSettings, "server" | "guestFirewall" | "sysctl">;

/** A delivery whose parts have arrived and match their hashes. */
export interface Delivery {
  readonly runtimeArchive: string;
  readonly runtimeSha256: string;
  readonly serverArchive: string;
  readonly serverSha256: string;
  readonly machineSettings: PlayedSettings;
  /** The `Deployment` as JSON. */
  readonly deployment: string;
  /** PEM by the certificate's name. */
  readonly certificates: ReadonlyMap<string, string>;
}

const PARAMETER_NAMES = [
  "runtimeUrl",
  "runtimeSha256",
  "serverUrl",
  "serverSha256",
  "settingsUrl",
  "settingsSha256",
  "certificates",
  "identityClientId",
  "deploymentSecret",
] as const satisfies readonly (keyof DeliveryParameters)[];

/** True when a Run Command delivers a release of ours, and not something of another program. */
export function isDelivery({ parameters }: RunCommandInvocation): boolean {
  return parameters["serverUrl"] !== undefined && parameters["runtimeUrl"] !== undefined;
}

/** @throws DeliveryRefused naming the part that is missing or not what its hash says. */
export async function receiveDelivery(invocation: RunCommandInvocation): Promise<Delivery> {
  const { state } = invocation;
  const parameters = readParameters(invocation.parameters);
  const [runtimeArchive, serverArchive, settings] = await Promise.all([
    fetchBlob(state, parameters.runtimeUrl, parameters.runtimeSha256),
    fetchBlob(state, parameters.serverUrl, parameters.serverSha256),
    fetchBlob(state, parameters.settingsUrl, parameters.settingsSha256),
  ]);
  return {
    runtimeArchive,
    runtimeSha256: parameters.runtimeSha256,
    serverArchive,
    serverSha256: parameters.serverSha256,
    machineSettings: await readMachineSettings(settings),
    deployment: parameters.deploymentSecret,
    certificates: fetchCertificates(state, parameters.certificates),
  };
}

function readParameters(given: Readonly<Record<string, string>>): DeliveryParameters {
  const missing = PARAMETER_NAMES.filter((name) => given[name] === undefined);
  if (missing.length > 0) {
    throw new DeliveryRefused(`The Run Command lacks the parameters ${missing.join(", ")}.`);
  }
  const entries = PARAMETER_NAMES.map((name) => [name, given[name] ?? ""]);
  return Object.fromEntries(entries) as Record<keyof DeliveryParameters, string>;
}

async function fetchBlob(state: CloudState, url: string, sha256: string): Promise<string> {
  const file = state.blobFile(url);
  if (file === undefined) throw new DeliveryRefused(`BlobNotFound: ${url}`);
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  const actual = hash.digest("hex");
  if (actual !== sha256) {
    throw new DeliveryRefused(`${url} has SHA-256 ${actual}, but ${sha256} was announced.`);
  }
  return file;
}

/** Plays the certificate agent, as far as that needs no authority and no extension. */
function fetchCertificates(state: CloudState, text: string): ReadonlyMap<string, string> {
  const { certificates } = parseWith(certificateAgentSchema, JSON.parse(text));
  return new Map(
    certificates.map(({ name, source }) => {
      if (source.kind === "acme") {
        throw new DeliveryRefused(
          `The certificate ${name} is of kind acme, and this level of the lab has no authority; use certificate.kind selfSigned here.`,
        );
      }
      const pem = state.secretValue(source.secretId);
      if (pem === undefined) {
        throw new DeliveryRefused(`SecretNotFound: the vault has no secret ${source.secretId}`);
      }
      return [name, pem];
    }),
  );
}

/** The server checks its own part when it starts; here only the shape matters. */
async function readMachineSettings(file: string): Promise<PlayedSettings> {
  const value = JSON.parse(await readFile(file, "utf8")) as Partial<MachineSettings>;
  const { server, guestFirewall, sysctl } = value;
  if (server === undefined || guestFirewall === undefined || sysctl === undefined) {
    throw new DeliveryRefused("The settings blob lacks server, guestFirewall or sysctl.");
  }
  return { server, guestFirewall, sysctl };
}
