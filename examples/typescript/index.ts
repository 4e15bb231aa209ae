// The SDK that this imports is made by `pulumi install`, from the schema of the component package.
import { PassiveFtpServer } from "@pulumi/gangway";

const partners = new PassiveFtpServer("partners", {
  location: "westeurope",
  settings: {
    passivePorts: "50000-50049",
    clientCidrs: ["198.51.100.0/24"],
    probe: { mode: "off" },
  },
});

export const url = partners.explicitTlsUrl;
export const exposure = partners.exposure;
