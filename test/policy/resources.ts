/** Resources as programs of others declare them, for the tests of policies. */
import type { Properties, Seen } from "../support/policy-judge.ts";

export const resource = (type: string, properties: Properties): Seen => ({
  type: type.startsWith("azure-native") ? type : `azure-native:${type}`,
  name: "subject",
  urn: "urn:subject",
  inputs: properties,
  outputs: properties,
});

export const rule = (more: Properties): Properties => ({
  name: "Disguised",
  priority: 100,
  direction: "Inbound",
  access: "Allow",
  protocol: "Tcp",
  sourcePortRange: "*",
  sourceAddressPrefix: "*",
  destinationAddressPrefix: "*",
  ...more,
});

export const without = (key: string, properties: Properties): Properties =>
  Object.fromEntries(Object.entries(properties).filter(([name]) => name !== key));

export const group = (...rules: readonly Properties[]) =>
  resource("network:NetworkSecurityGroup", { securityRules: rules });

export const DENY_SSH = rule({
  name: "NoSsh",
  priority: 90,
  access: "Deny",
  destinationPortRange: "22",
});

export const SSH = rule({ destinationPortRange: "22" });
export const base64 = (content: string | Buffer): string => Buffer.from(content).toString("base64");

/** A machine that no policy objects to, whatever its image. */
export const HARDENED: Properties = {
  osProfile: {
    linuxConfiguration: {
      disablePasswordAuthentication: true,
      patchSettings: { patchMode: "AutomaticByPlatform" },
    },
  },
  securityProfile: { securityType: "TrustedLaunch" },
  diagnosticsProfile: { bootDiagnostics: { enabled: true } },
};

export const machine = (more: Properties): Properties => ({
  ...HARDENED,
  storageProfile: {
    imageReference: { publisher: "Canonical", offer: "o", sku: "s", version: "1.2.3" },
  },
  ...more,
});

export const withUserData = (userData: string) =>
  resource("compute:VirtualMachine", machine({ userData }));
export const balancer = (more: Properties) => resource("network:LoadBalancer", more);
export const assignment = (role: string, scope: string) =>
  resource("authorization:RoleAssignment", { roleDefinitionId: `/x/${role}`, scope });
export const READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
