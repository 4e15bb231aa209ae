/** A passive FTP server on Azure: everything between the stack's settings and a proven server. */
import { UserAssignedIdentity } from "@pulumi/azure-native/managedidentity/userAssignedIdentity.js";
import { ResourceGroup } from "@pulumi/azure-native/resources/resourceGroup.js";
import * as pulumi from "@pulumi/pulumi";
import {
  deploy,
  formatRange,
  type Assigned,
  type Deployed,
  type MachineSettings,
  type Settings,
} from "#contract";
import {
  readExposure,
  summarizeExposure,
  type ExposureSummary,
  type NetworkExposure,
} from "../plan/exposure.ts";
import { planDelegations } from "../plan/certificates.ts";
import { planMachineSettings, planSettingsBlob } from "../plan/machine-settings.ts";
import { planBase, planNames } from "../plan/names.ts";
import { planTags } from "../plan/tags.ts";
import { planUrls } from "../plan/urls.ts";
import { admitAdministrators } from "./administrators.ts";
import { createBackup } from "./backup.ts";
import { buildBundle } from "./bundle.ts";
import { createCertificates } from "./certificates.ts";
import { createDelivery } from "./delivery.ts";
import { createDeliveryStore } from "./delivery-store.ts";
import { createDnsRecord } from "./dns-record.ts";
import { createKeyVaultExtension } from "./key-vault-extension.ts";
import { createMachine } from "./machine.ts";
import { createMonitoring, requireAlertReceiver } from "./monitoring.ts";
import { createNetwork, type StackNetwork } from "./network.ts";
import {
  createProbe,
  describeProbe,
  hashProbePassword,
  requireProbePassword,
  type ProbeSummary,
} from "./probe.ts";
import { gatherInto, lockInProduction } from "./production-lock.ts";
import { namesWithin, type StackContext } from "./stack-context.ts";

export interface PassiveFtpServerArgs {
  /** Parsed and consistent settings (`parseSettings` of the contract). */
  readonly settings: Settings;
  /** With the stack the base of all names in Azure; without it, the component's name is. */
  readonly project?: string;
  readonly stack: string;
  /** Azure region. */
  readonly location: pulumi.Input<string>;
  /** Password of the probe's account; required unless `settings.probe.mode` is `off`. */
  readonly probePassword?: pulumi.Output<string> | undefined;
  /** For `settings.acme.externalAccountKeyId`: the MAC key that belongs to it. */
  readonly acmeExternalAccountKey?: pulumi.Output<string> | undefined;
  /** Secret webhook that is told of alerts, beside `settings.monitoring.emailAddresses`. */
  readonly alertWebhookUri?: pulumi.Output<string> | undefined;
  /** For `settings.probe.mode` `runner`: private SSH key. */
  readonly runnerPrivateKey?: pulumi.Output<string> | undefined;
}

export class PassiveFtpServer extends pulumi.ComponentResource {
  readonly publicAddress: pulumi.Output<string>;
  readonly fqdn: pulumi.Output<string | undefined>;
  readonly explicitTlsUrl: pulumi.Output<string>;
  readonly implicitTlsUrl: pulumi.Output<string | undefined>;
  /** SHA-256 of the server's certificate, if it is self-signed. */
  readonly certificateFingerprint: pulumi.Output<string | undefined>;
  /** SHA-256 of every self-signed certificate by its name: `server`, or that of a site. */
  readonly certificateFingerprints: pulumi.Output<Readonly<Record<string, string>>>;
  /** Records that owners of names outside the zone have to add, for certificates of kind acme. */
  readonly challengeDelegations: pulumi.Output<readonly string[]>;
  /** Passive range, `first-last`. */
  readonly passivePorts: pulumi.Output<string>;
  readonly bundleSha256: pulumi.Output<string>;
  readonly runtimeSha256: pulumi.Output<string>;
  readonly exposure: pulumi.Output<readonly ExposureSummary[]>;
  readonly probe: pulumi.Output<ProbeSummary>;

  constructor(name: string, args: PassiveFtpServerArgs, options?: pulumi.ComponentResourceOptions) {
    const made: pulumi.Resource[] = [];
    super("gangway:index:PassiveFtpServer", name, {}, gatherInto(made, options));
    const { settings, stack, location } = args;
    const probePassword = requireProbePassword(settings, stack, args.probePassword);
    requireAlertReceiver(settings, stack, args.alertWebhookUri);
    const base = planBase(args.project ?? name, stack);
    const tags = planTags(settings, stack);
    const names = planNames(base);
    const machineSettings = planMachineSettings(settings);
    const named = namesWithin(name);

    const resourceGroup = new ResourceGroup(
      named("group"),
      { resourceGroupName: names.resourceGroup, location, tags },
      { parent: this },
    );
    const { name: resourceGroupName, id: resourceGroupId } = resourceGroup;
    const plain = { settings, base, names, tags, location, named };
    const context: StackContext = { ...plain, resourceGroupName, resourceGroupId, parent: this };
    const identity = new UserAssignedIdentity(
      named("identity"),
      { resourceGroupName, location, tags, resourceName: names.identity },
      { parent: this },
    );
    const network = createNetwork(context);
    const deployed = joinStages(settings, network);

    const bundle = buildBundle(settings, { parent: this });
    const store = createDeliveryStore(context, identity, bundle, planSettingsBlob(machineSettings));
    const certificates = createCertificates(context, {
      identity,
      deployed,
      externalAccountKey: args.acmeExternalAccountKey,
    });
    const machine = createMachine(context, network, identity);
    const probePasswordHash =
      probePassword === undefined ? undefined : hashProbePassword(context, probePassword);
    const delivery = createDelivery(context, {
      machine,
      identity,
      store,
      certificates,
      deployed,
      probePasswordHash,
    });
    createBackup(context, machine.dataDisk);
    createDnsRecord(context, network.publicIpAddress);
    const extensions = createKeyVaultExtension(context, machine, identity, [
      ...certificates.access,
      delivery.runCommand,
    ]);
    admitAdministrators(context, machine, delivery);
    createMonitoring(context, {
      machine,
      identity,
      delivery,
      after: extensions,
      webhookUri: args.alertWebhookUri,
    });
    createProbe(context, {
      deployed,
      certificate: certificates,
      delivery,
      password: probePassword,
      runnerPrivateKey: args.runnerPrivateKey,
      dependsOn: network.resources,
    });
    lockInProduction(context, made);

    this.publicAddress = deployed.publicAddress;
    this.fqdn = deployed.fqdn;
    const urls = deployed.apply(planUrls);
    this.explicitTlsUrl = urls.explicitTlsUrl;
    this.implicitTlsUrl = urls.implicitTlsUrl;
    this.certificateFingerprint = certificates.fingerprint;
    this.certificateFingerprints = certificates.fingerprints;
    this.challengeDelegations = pulumi.output(planDelegations(settings));
    this.passivePorts = pulumi.output(formatRange(settings.passivePorts));
    this.bundleSha256 = store.server.sha256;
    this.runtimeSha256 = store.runtime.sha256;
    this.exposure = exposureOf(network, machineSettings);
    this.probe = describeProbe(settings, deployed, certificates);
    this.registerOutputs({});
  }
}

/** The one place where the contract's two stages meet: settings, and what Azure assigned. */
function joinStages(settings: Settings, { publicIpAddress }: StackNetwork) {
  return pulumi
    .all([publicIpAddress.ipAddress, publicIpAddress.dnsSettings])
    .apply(([publicAddress, dnsSettings]): Deployed & Assigned => {
      if (publicAddress === undefined) throw new Error("Azure assigned no public address.");
      const assigned = { publicAddress, fqdn: dnsSettings?.fqdn };
      return { ...deploy(settings, assigned), ...assigned };
    });
}

/**
 * The table, from the resources as the cloud has them and the files as they are delivered. A
 * preview does not know what the cloud will add to a resource; there, the rows are read from the
 * same resources as they are declared.
 */
function exposureOf(
  { virtualNetwork, subnetNsg, nicNsg, publicIpAddress, declared }: StackNetwork,
  { guestFirewall, sysctl, server }: MachineSettings,
): pulumi.Output<readonly ExposureSummary[]> {
  const live: pulumi.Output<NetworkExposure> = pulumi.runtime.isDryRun()
    ? pulumi.output(declared)
    : pulumi
        .all([
          pulumi.output(subnetNsg?.securityRules),
          nicNsg.securityRules,
          pulumi.output(virtualNetwork?.flowTimeoutInMinutes),
          publicIpAddress.idleTimeoutInMinutes,
        ])
        .apply(([subnetRules, nicRules, flowTimeoutInMinutes, idleTimeoutInMinutes]) => ({
          subnetNsg: subnetNsg === undefined ? undefined : { securityRules: subnetRules },
          nicNsg: { securityRules: nicRules },
          virtualNetwork: { flowTimeoutInMinutes },
          publicIpAddress: { idleTimeoutInMinutes },
        }));
  return live.apply((network) =>
    summarizeExposure(readExposure({ ...network, guestFirewall, sysctl, serverSettings: server })),
  );
}
