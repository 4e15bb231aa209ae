/** The probe: the last resource, which fails the deployment when the server cannot be used. */
import { Command } from "@pulumi/command/local/command.js";
import { Command as RemoteCommand } from "@pulumi/command/remote/command.js";
import * as pulumi from "@pulumi/pulumi";
import { PROBE_PASSWORD_VARIABLE, type Deployed, type Settings } from "#contract";
import { missingProbePassword } from "../plan/configuration.ts";
import { joinArguments, planProbeArguments } from "../plan/probe-command.ts";
import type { StackCertificates } from "./certificates.ts";
import type { Delivery } from "./delivery.ts";
import { AUDIBLE, gangway, SILENT } from "./gangway-command.ts";
import type { StackContext } from "./stack-context.ts";

/**
 * The password that the probe logs in with. To be asked for before anything is created.
 *
 * @throws ContractError when there is none though the probe is on, naming the command that sets it.
 */
export function requireProbePassword(
  settings: Settings,
  stack: string,
  password: pulumi.Output<string> | undefined,
): pulumi.Output<string> | undefined {
  if (password === undefined && settings.probe.mode !== "off") throw missingProbePassword(stack);
  return password;
}

/** Hashes the probe's password once; the salt lives in the (encrypted) state. */
export function hashProbePassword(
  { named, parent }: StackContext,
  password: pulumi.Output<string>,
): pulumi.Output<string> {
  return new Command(
    named("probe-password-hash"),
    { ...SILENT, create: gangway(["hash-password", "--stdin"]), stdin: password },
    { parent, additionalSecretOutputs: ["stdout"] },
  ).stdout;
}

/** What someone needs to run the probe by hand; the password is not in it. */
export interface ProbeSummary {
  readonly mode: Settings["probe"]["mode"];
  readonly account: string;
  /** The address that the probe connects to. */
  readonly host: string;
  /** Command line that proves the deployment again. */
  readonly command: string;
}

export function describeProbe(
  settings: Settings,
  deployed: pulumi.Output<Deployed>,
  { fingerprint }: StackCertificates,
): pulumi.Output<ProbeSummary> {
  return pulumi.all([deployed, fingerprint]).apply(([known, sha256]) => ({
    mode: settings.probe.mode,
    account: settings.probe.account,
    host: known.advertisedAddress,
    command: joinArguments(["npx", "gangway", ...planProbeArguments(known, sha256)]),
  }));
}

export interface ProbeParts {
  readonly deployed: pulumi.Output<Deployed>;
  readonly certificate: StackCertificates;
  readonly delivery: Delivery;
  /** Undefined only where the probe is off (`requireProbePassword`). */
  readonly password: pulumi.Output<string> | undefined;
  readonly runnerPrivateKey: pulumi.Output<string> | undefined;
  /** Everything that the proof is about. */
  readonly dependsOn: readonly pulumi.Resource[];
}

/**
 * Runs the probe after each change of what is delivered. Changed environment variables run a
 * command again in place, where changed triggers would replace it.
 */
export function createProbe({ settings, named, parent }: StackContext, parts: ProbeParts): void {
  const { deployed, certificate, delivery, password, runnerPrivateKey } = parts;
  const { mode, runnerHost, runnerUser } = settings.probe;
  if (mode === "off" || password === undefined) {
    void pulumi.log.warn(PROBE_IS_OFF, parent);
    return;
  }
  const words = pulumi
    .all([deployed, certificate.fingerprint])
    .apply(([known, sha256]) => planProbeArguments(known, sha256));
  const options = { parent, dependsOn: [...parts.dependsOn, delivery.runCommand] };
  switch (mode) {
    case "local":
      new Command(
        named("probe"),
        {
          ...AUDIBLE,
          create: words.apply(gangway),
          environment: {
            [PROBE_PASSWORD_VARIABLE]: password,
            [DELIVERED_VARIABLE]: delivery.contentHash,
          },
        },
        options,
      );
      return;
    case "runner":
      new RemoteCommand(
        named("probe"),
        {
          addPreviousOutputInEnv: false,
          connection: {
            host: runnerHost,
            user: runnerUser,
            ...(runnerPrivateKey === undefined ? {} : { privateKey: runnerPrivateKey }),
          },
          // SSH servers pass on few variables, so the password comes on standard input.
          stdin: password,
          create: pulumi
            .all([words, delivery.contentHash])
            .apply(
              ([known, hash]) =>
                `${DELIVERED_VARIABLE}=${hash} ${joinArguments(["gangway", ...known, "--password-stdin"])}`,
            ),
        },
        options,
      );
      return;
  }
}

/** Carries the hash of what was delivered, only so that something new is proved anew. */
const DELIVERED_VARIABLE = "GANGWAY_DELIVERED";

const PROBE_IS_OFF =
  "The probe is off (probe.mode): nothing proves this deployment from outside. Prove it from a machine that may connect, with the command in the output `probe`.";
