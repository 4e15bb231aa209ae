/** Ports that drop or refuse: which layer, by exposure rows or by likelihood. Pure. */
import { containsPort, formatRange } from "#contract";
import { allows, type ExposureRow } from "./exposure.ts";
import type { Expectations } from "./options.ts";
import type { Diagnosis, Layer } from "./report.ts";
import type { PortRole } from "./symptoms.ts";

/** What the diagnosis knows besides the symptom. */
export interface Circumstances {
  readonly expected: Expectations;
  readonly address: string | undefined;
  /** Rows of the exposure table, live ones when there are any. */
  readonly rows: readonly ExposureRow[];
  /** Whether `rows` were read back from the layers, or are what was declared. */
  readonly rowsAreLive: boolean;
}

const SETTINGS = {
  control: "controlPort",
  implicit: "implicitTlsPort",
  bound: "sites[].bindings[].port",
  passive: "passivePorts",
} as const satisfies Record<PortRole, string>;

/** The layers that drop packets silently, in the order in which packets meet them. */
export const FILTERS = ["subnetNsg", "nicNsg", "guestFirewall"] as const;

/** A diagnosis; `setting` is empty when none would help. */
export function blame(
  suspect: Layer,
  setting: string,
  advice: readonly string[],
  alternatives: readonly Layer[] = [],
): Diagnosis {
  return { suspect, alternatives, setting, advice };
}

/** A SYN that nobody answered: one of the filters, or the way there. */
export function diagnoseDrop(
  { port, role }: { readonly port: number; readonly role: PortRole },
  { rows, rowsAreLive, address, expected }: Circumstances,
): Diagnosis {
  const setting = SETTINGS[role];
  const lacking = FILTERS.filter((layer) => allows(rows, layer, port) === false);
  const source = rowsAreLive ? "as it is now" : "as declared";
  const [first, ...others] = lacking;
  if (first !== undefined) {
    return blame(
      first,
      setting,
      [
        `${first} (${source}) does not let port ${String(port)} through; change ${setting}, or run pulumi up to restore the rule`,
      ],
      others,
    );
  }
  const host = address ?? expected.host;
  const known = FILTERS.filter((layer) => allows(rows, layer, port) === true);
  const unknown = FILTERS.filter((layer) => !known.includes(layer));
  const clients =
    "the rules admit clientCidrs and probe.sourceCidrs only: this machine's public address must be among them, and its own network must let it out";
  if (unknown.length === 0 && rowsAreLive) {
    return blame("publicAddress", "clientCidrs", [
      `every layer lets port ${String(port)} through, as it is now`,
      clients,
    ]);
  }
  // Declared rows say what should be there, not what is: they rule nothing out.
  const [suspect = "subnetNsg", ...alternatives] = rowsAreLive ? unknown : FILTERS;
  return blame(
    suspect,
    setting,
    [
      "from outside these layers look the same; tell them apart with:",
      "az network nic list-effective-nsg --resource-group GROUP --name NIC",
      `az network watcher test-ip-flow --direction Inbound --protocol TCP --vm VM --resource-group GROUP --local PRIVATE-ADDRESS:${String(port)} --remote CLIENT-ADDRESS:60000`,
      "az vm run-command invoke --resource-group GROUP --name VM --command-id RunShellScript --scripts 'nft list ruleset'",
      `or hand over the layers' ranges with --exposure or --evidence; ${host} was tried`,
      clients,
    ],
    alternatives,
  );
}

/** RST: the filters let the packet through, and nothing listens. */
export function diagnoseRefusal(
  port: number,
  role: PortRole,
  { rows, expected }: Circumstances,
): Diagnosis {
  const setting = SETTINGS[role];
  if (role === "passive") {
    const served = allows(rows, "server", port);
    return blame(
      "serverRange",
      setting,
      [
        `packets reach the host, so the filters let port ${String(port)} through, but the server does not listen on it`,
        ...(served === false
          ? ["the server's own range lacks the port"]
          : [
              `declared: ${formatRange(expected.passivePorts)}; compare with passive.ports in the server's settings file`,
            ]),
      ],
      containsPort(expected.passivePorts, port) ? ["reservedPorts", "guestFirewall"] : [],
    );
  }
  return blame(
    "server",
    setting,
    [
      "packets reach the host, so the filters let them through; the server is not running or listens elsewhere: systemctl status gangway",
    ],
    ["guestFirewall"],
  );
}
