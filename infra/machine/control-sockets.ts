/**
 * The sockets that systemd holds for the server, so that one server can follow another without
 * refusing a connection: connections wait in the socket, whoever accepts them. Passive ports are
 * not among them; each server opens its own.
 */
import { controlPorts, LISTEN_BACKLOG, type Settings } from "#contract";
import { GENERATION_DROP_IN, LAYOUT, SERVICE_NAME, socketUnitName } from "./layout.ts";

/** One unit per port, and the drop-in that hands them to both generations: text by path. */
export function renderControlSockets(
  settings: Settings,
  handoverSeconds: number,
): Readonly<Record<string, string>> {
  const ports = heldPorts(settings);
  return {
    ...Object.fromEntries(
      ports.map((port) => [`${LAYOUT.units}/${socketUnitName(port)}`, renderSocket(port)]),
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
function heldPorts(settings: Settings): readonly number[] {
  const control = controlPorts(settings, settings.sites).map(({ port }) => port);
  return [...control, settings.healthProbePort];
}

/**
 * A port without an address is that port of every one, IPv6 included where the machine has it.
 * `Service=` names the starter and not a generation: systemd starts no socket whose service runs.
 */
function renderSocket(port: number): string {
  return `# Rendered by Gangway from the stack's settings.
[Unit]
Description=Connections to port ${String(port)} of the Gangway FTP server

[Socket]
ListenStream=${String(port)}
BindIPv6Only=both
Backlog=${String(LISTEN_BACKLOG)}
NoDelay=yes
Service=${SERVICE_NAME}

[Install]
WantedBy=sockets.target
`;
}
