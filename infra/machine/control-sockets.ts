/**
 * The sockets that systemd holds for the server, so that one server can follow another without
 * refusing a connection: connections wait in the socket, whoever accepts them. Passive ports are
 * not among them; each server opens its own.
 */
import { LISTEN_BACKLOG, type ServerSettingsFile } from "#contract";
import { GENERATION_DROP_IN, LAYOUT, SERVICE_NAME, socketUnitName } from "./layout.ts";

type Listen = ServerSettingsFile["listen"];

/** Every local address; the kernel leaves IPv6 out where the machine has none. */
const ANY_ADDRESS = "::";

/** One unit per port, and the drop-in that hands them to both generations: text by path. */
export function renderControlSockets(
  listen: Listen,
  handoverSeconds: number,
): Readonly<Record<string, string>> {
  const ports = heldPorts(listen);
  const addresses = listen.addresses ?? [ANY_ADDRESS];
  return {
    ...Object.fromEntries(
      ports.map((port) => [
        `${LAYOUT.units}/${socketUnitName(port)}`,
        renderSocket(port, addresses),
      ]),
    ),
    [`${LAYOUT.units}/${GENERATION_DROP_IN}`]: `# Rendered by Gangway from the stack's settings.
[Service]
Sockets=${ports.map(socketUnitName).join(" ")}
Environment=HANDOVER_SECONDS=${String(handoverSeconds)}
`,
  };
}

/**
 * Control ports, and the port of health: Azure's health probe then always meets the server that
 * stays, and no server has to wait for another to let go of it.
 */
function heldPorts({ controlPort, implicitTlsPort, healthProbePort }: Listen): readonly number[] {
  return [controlPort, implicitTlsPort, healthProbePort].filter((port) => port !== undefined);
}

/**
 * `Service=` names the starter and not a generation: systemd starts no socket whose service runs.
 */
function renderSocket(port: number, addresses: readonly string[]): string {
  return `# Rendered by Gangway from the stack's settings.
[Unit]
Description=Connections to port ${String(port)} of the Gangway FTP server

[Socket]
${addresses.map((address) => `ListenStream=${formatStream(address, port)}`).join("\n")}
BindIPv6Only=both
Backlog=${String(LISTEN_BACKLOG)}
NoDelay=yes
Service=${SERVICE_NAME}

[Install]
WantedBy=sockets.target
`;
}

function formatStream(address: string, port: number): string {
  if (address === ANY_ADDRESS) return String(port);
  return `${address.includes(":") ? `[${address}]` : address}:${String(port)}`;
}
