/** Where clients connect. */
import type { Deployed } from "#contract";

/** URLs for people and clients. */
export interface ConnectionUrls {
  /** Explicit TLS: `ftpes` is what FileZilla, WinSCP and lftp call it. */
  readonly explicitTlsUrl: string;
  /** Implicit TLS; undefined when it is off. */
  readonly implicitTlsUrl: string | undefined;
}

/** Plans the URLs: by name where the certificate has one and clients reach Azure's address. */
export function planUrls({
  settings,
  certificateNames,
  advertisedAddress,
}: Deployed): ConnectionUrls {
  const host =
    settings.externalAddress === ""
      ? (certificateNames.find((name) => !name.startsWith("*.")) ?? advertisedAddress)
      : advertisedAddress;
  const { controlPort, implicitTlsPort } = settings;
  return {
    explicitTlsUrl: `ftpes://${host}:${String(controlPort)}`,
    implicitTlsUrl:
      implicitTlsPort === undefined ? undefined : `ftps://${host}:${String(implicitTlsPort)}`,
  };
}
