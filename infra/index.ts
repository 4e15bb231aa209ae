/** The stack: configuration → component → outputs. Everything else is decided elsewhere. */
import "./lean-sdk.ts";
import * as pulumi from "@pulumi/pulumi";
import { ContractError } from "#contract";
import { PassiveFtpServer } from "./components/passive-ftp-server.ts";
import { parseConfiguration } from "./plan/configuration.ts";

const project = pulumi.getProject();
const config = new pulumi.Config();

const server = explained(
  () =>
    new PassiveFtpServer("server", {
      settings: parseConfiguration(pulumi.runtime.allConfig(), project),
      project,
      stack: pulumi.getStack(),
      location: new pulumi.Config("azure-native").require("location"),
      probePassword: config.getSecret("probePassword"),
      acmeExternalAccountKey: config.getSecret("acmeExternalAccountKey"),
      alertWebhookUri: config.getSecret("alertWebhookUri"),
      runnerPrivateKey: config.getSecret("runnerPrivateKey"),
    }),
);

/** What is wrong with the configuration is for people: its text, without a stack trace. */
function explained<T>(create: () => T): T {
  try {
    return create();
  } catch (error) {
    throw error instanceof ContractError ? new pulumi.RunError(error.message) : error;
  }
}

/** Pulumi warns of outputs that are undefined; what a stack does not have is null. */
const orNull = (output: pulumi.Output<string | undefined>) => output.apply((text) => text ?? null);

export const publicAddress = server.publicAddress;
export const fqdn = orNull(server.fqdn);
export const explicitTlsUrl = server.explicitTlsUrl;
export const implicitTlsUrl = orNull(server.implicitTlsUrl);
export const certificateFingerprint = orNull(server.certificateFingerprint);
export const certificateFingerprints = server.certificateFingerprints;
export const challengeDelegations = server.challengeDelegations;
export const passivePorts = server.passivePorts;
export const bundleSha256 = server.bundleSha256;
export const runtimeSha256 = server.runtimeSha256;
export const exposure = server.exposure;
export const probe = server.probe;
