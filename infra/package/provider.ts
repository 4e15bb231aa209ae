/**
 * The component package: `PassiveFtpServer` for programs in any language that Pulumi knows
 * (https://www.pulumi.com/docs/iac/guides/building-extending/components/). The component is the
 * same class that `infra/index.ts` makes; here its arguments come over the wire.
 */
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { ContractError } from "#contract";
import { PassiveFtpServer } from "../components/passive-ftp-server.ts";
import { readArguments } from "./arguments.ts";
import { COMPONENT, VERSION } from "./names.ts";

const SCHEMA = new URL("../../component/schema.json", import.meta.url);

export class GangwayPackage implements pulumi.provider.Provider {
  readonly version = VERSION;
  readonly schema: string = readFileSync(SCHEMA, "utf8");

  /** @throws an error whose text names setting, value and fix of everything that is wrong. */
  construct(
    name: string,
    type: string,
    inputs: pulumi.Inputs,
    options: pulumi.ComponentResourceOptions,
  ): Promise<pulumi.provider.ConstructResult> {
    if (type !== COMPONENT) throw new Error(`${type}: not a component of this package.`);
    const server = explained(
      () => new PassiveFtpServer(name, readArguments(name, inputs), options),
    );
    return Promise.resolve({ urn: server.urn, state: publicOutputs(server) });
  }
}

/** What the schema promises; the rest of the class is the SDK's own. */
function publicOutputs({
  publicAddress,
  fqdn,
  explicitTlsUrl,
  implicitTlsUrl,
  certificateFingerprint,
  certificateFingerprints,
  challengeDelegations,
  passivePorts,
  bundleSha256,
  runtimeSha256,
  exposure,
  probe,
}: PassiveFtpServer): pulumi.Inputs {
  return {
    ...{ publicAddress, fqdn, explicitTlsUrl, implicitTlsUrl, certificateFingerprint },
    ...{ certificateFingerprints, challengeDelegations },
    ...{ passivePorts, bundleSha256, runtimeSha256, exposure, probe },
  };
}

/** What is wrong with the arguments is for people: its text, without a stack trace. */
function explained<T>(create: () => T): T {
  try {
    return create();
  } catch (error) {
    throw error instanceof ContractError ? new pulumi.RunError(error.message) : error;
  }
}
