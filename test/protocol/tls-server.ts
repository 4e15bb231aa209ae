/** Servers with a certificate, by their policies. */
import type { ServerSettingsFile } from "#contract";
import { startServer, type TestServer } from "../support/server.ts";

type TlsPolicy = Pick<NonNullable<ServerSettingsFile["tls"]>, "controlPolicy" | "dataPolicy">;

export function startWith(policy: TlsPolicy): Promise<TestServer> {
  return startServer({ tls: true, tlsPolicy: policy });
}
