/**
 * Who may open a connection to which port: the one decision from which the security rules of both
 * network security groups and the guest firewall are made.
 */
import {
  activeDataPort,
  BASTION_RULE,
  controlPorts,
  HIGHEST_PORT,
  LOWEST_UNPRIVILEGED_PORT,
  singlePort,
  SSH_PORT,
  type Channel,
  type PortRange,
  type Settings,
} from "#contract";
import { clientsOf, minimizeCidrs } from "./address-sets.ts";

/** The far end of a connection. */
export type Peers =
  | { readonly kind: "addresses"; readonly cidrs: readonly string[] }
  /** Azure's own health probe: a service tag in a security rule, an address on the machine. */
  | { readonly kind: "azureHealthProbe" };

/** One permission. Everything inbound that no permission names is denied. */
export interface AccessRule {
  /** Unique; the name of the security rule and the comment in the guest firewall. */
  readonly name: string;
  readonly description: string;
  readonly direction: "inbound" | "outbound";
  /** Azure priority: fixed per purpose, so that a new rule never renumbers another. */
  readonly priority: number;
  readonly peers: Peers;
  /** Destination ports, one range at least. */
  readonly ports: readonly PortRange[];
  /** Source ports of active data connections; empty: any. */
  readonly sourcePorts: readonly number[];
}

type ClientPurpose = "Control" | "ImplicitTls" | "PassiveRange";

interface ClientPort {
  readonly purpose: ClientPurpose;
  readonly what: string;
  readonly ports: readonly PortRange[];
}

/** Control ports by the name of their purpose; one of a binding belongs to that of its channel. */
const CONTROL_PURPOSES = [
  { purpose: "Control", channel: "control", what: "control connections" },
  {
    purpose: "ImplicitTls",
    channel: "implicitTls",
    what: "control connections with implicit TLS",
  },
] as const satisfies readonly (Omit<ClientPort, "ports"> & { readonly channel: Channel })[];

/** The purposes that have a port, with all of theirs. */
function controlPurposes(settings: Settings) {
  const all = controlPorts(settings, settings.sites);
  return CONTROL_PURPOSES.map(({ channel, ...purpose }) => ({
    ...purpose,
    control: all.filter((each) => each.channel === channel).map(({ port }) => port),
  })).filter(({ control }) => control.length > 0);
}

/** The ports that clients connect to, each with the name of its purpose. */
function clientPorts(settings: Settings): readonly ClientPort[] {
  return [
    ...controlPurposes(settings).map(({ control, ...rest }) => ({
      ...rest,
      ports: control.map(singlePort),
    })),
    {
      purpose: "PassiveRange",
      what: "passive data connections",
      ports: [settings.passivePorts],
    },
  ];
}

/** Priorities by purpose. Azure takes 100 to 4096; ten apart leaves room for rules by hand. */
const PRIORITY = {
  clients: { Control: 100, ImplicitTls: 110, PassiveRange: 120 },
  probe: { Control: 200, ImplicitTls: 210, PassiveRange: 220 },
  admins: 300,
  healthProbe: 310,
  bastion: 320,
  activeData: { Control: 100, ImplicitTls: 110 },
} as const satisfies Record<string, number | Partial<Record<ClientPurpose, number>>>;

/** Plans every permission of a stack, inbound ones first. */
export function planAccess(settings: Settings): readonly AccessRule[] {
  const clients = clientsOf(settings.clientCidrs);
  const probe = minimizeCidrs(settings.probe.sourceCidrs);
  const admins = minimizeCidrs(settings.adminCidrs);
  const health = [singlePort(settings.healthProbePort)];
  return [
    ...planClientRules(settings, "clients", "Clients", clients),
    ...planClientRules(settings, "probe", "Probe", probe),
    ...(admins.length === 0
      ? []
      : [
          inbound("AllowAdminsToHealth", PRIORITY.admins, health, addresses(admins), {
            description: "Health, metrics and status for adminCidrs.",
          }),
        ]),
    inbound(
      "AllowAzureToHealth",
      PRIORITY.healthProbe,
      health,
      { kind: "azureHealthProbe" },
      { description: "Azure's health probe, which the deny-all below would shut out." },
    ),
    ...planBastion(settings),
    ...planActiveMode(settings, minimizeCidrs([...clients, ...probe])),
  ];
}

/** SSH from the subnet of Bastion, and from nowhere else. */
function planBastion({ bastion }: Settings): readonly AccessRule[] {
  if (bastion.mode === "off") return [];
  return [
    inbound(
      BASTION_RULE,
      PRIORITY.bastion,
      [singlePort(SSH_PORT)],
      addresses([bastion.subnetCidr]),
      {
        description: "Administrators, through Bastion only.",
      },
    ),
  ];
}

function planClientRules(
  settings: Settings,
  audience: "clients" | "probe",
  noun: string,
  cidrs: readonly string[],
): readonly AccessRule[] {
  if (cidrs.length === 0) return [];
  return clientPorts(settings).map(({ purpose, what, ports }) =>
    inbound(`Allow${noun}To${purpose}`, PRIORITY[audience][purpose], ports, addresses(cidrs), {
      description: `${noun}: ${what}.`,
    }),
  );
}

/** Active mode: the machine connects to the client from the port below the control port. */
function planActiveMode(settings: Settings, peers: readonly string[]): readonly AccessRule[] {
  if (!settings.activeMode) return [];
  return controlPurposes(settings).map(({ purpose, control }) => ({
    name: `AllowActiveDataOf${purpose}`,
    description: "Data connections of PORT and EPRT, from the port below the control port.",
    direction: "outbound",
    priority: PRIORITY.activeData[purpose],
    peers: addresses(peers),
    ports: [{ first: LOWEST_UNPRIVILEGED_PORT, last: HIGHEST_PORT }],
    sourcePorts: control.map(activeDataPort),
  }));
}

function inbound(
  name: string,
  priority: number,
  ports: readonly PortRange[],
  peers: Peers,
  { description }: { readonly description: string },
): AccessRule {
  return { name, description, direction: "inbound", priority, peers, ports, sourcePorts: [] };
}

function addresses(cidrs: readonly string[]): Peers {
  return { kind: "addresses", cidrs };
}
