/** Rules that involve several settings. Each finding names the setting, the value and the fix. */
import { findBindingViolations } from "./bindings.ts";
import { controlPorts, findPortClashes, LEAVE_OUT } from "./bound-ports.ts";
import { isPublicIpv4 } from "./addresses.ts";
import { AZURE_INVARIANTS } from "./azure-invariants.ts";
import { CERTIFICATE_INVARIANTS } from "./certificate-invariants.ts";
import { PREFIXES_PER_SECURITY_GROUP, WIDEST_PASSIVE_RANGE } from "./budgets.ts";
import {
  activeDataPort,
  containsPort,
  countPorts,
  formatRange,
  LOWEST_UNPRIVILEGED_PORT,
  singlePort,
  SSH_PORT,
} from "./ports.ts";
import type { Finding, Invariant } from "./findings.ts";
import type { Settings } from "./settings.ts";
import { planIdleTimeouts, shortestIdleTimeoutSeconds } from "./timeouts.ts";

const passiveRange: Invariant = ({ passivePorts: range }) => {
  const value = formatRange(range);
  const finding = (problem: string, fix: string): Finding[] => [
    { setting: "passivePorts", value, problem, fix },
  ];
  if (range.first > range.last) {
    const turned = formatRange({ first: range.last, last: range.first });
    return finding("is inverted", `write first-last: ${turned}`);
  }
  if (range.first < LOWEST_UNPRIVILEGED_PORT) {
    return finding(
      `begins below ${String(LOWEST_UNPRIVILEGED_PORT)}`,
      "choose unprivileged ports, for example 50000-50099",
    );
  }
  if (countPorts(range) > WIDEST_PASSIVE_RANGE) {
    const narrower = formatRange({
      first: range.first,
      last: range.first + WIDEST_PASSIVE_RANGE - 1,
    });
    return finding(
      `holds ${String(countPorts(range))} ports, more than the ${String(WIDEST_PASSIVE_RANGE)} that Azure's rule budget allows`,
      `narrow it, for example to ${narrower}; 100 ports already serve 100 pending transfers per client address`,
    );
  }
  return [];
};

/** The fixed ports of a declaration but those of bindings, by the setting that declares them. */
function fixedPorts(settings: Settings): readonly { setting: string; port: number }[] {
  const { healthProbePort, activeMode, bastion, sites } = settings;
  const control = controlPorts(settings, []);
  const active = activeMode
    ? controlPorts(settings, sites).map(({ setting, port }) => ({
        setting: `activeMode (data port of ${setting})`,
        port: activeDataPort(port),
      }))
    : [];
  const ssh = bastion.mode === "off" ? [] : [{ setting: "bastion (SSH)", port: SSH_PORT }];
  return [...ssh, ...control, { setting: "healthProbePort", port: healthProbePort }, ...active];
}

const portsDisjoint: Invariant = (settings) => {
  const fixed = fixedPorts(settings);
  const range = formatRange(settings.passivePorts);
  const inside = fixed
    .filter(({ port }) => containsPort(settings.passivePorts, port))
    .map(({ setting, port }) => ({
      setting: "passivePorts",
      value: range,
      problem: `overlaps ${setting} ${String(port)}`,
      fix: `move the range or ${setting} so that they do not share a port`,
    }));
  const twice = fixed.flatMap((a, index) =>
    fixed
      .slice(index + 1)
      .filter((b) => b.port === a.port)
      .map((b) => ({
        setting: b.setting,
        value: String(b.port),
        problem: `is also ${a.setting}`,
        fix: `give ${b.setting} a port of its own`,
      })),
  );
  return [...inside, ...twice];
};

/** Ports of bindings beside all others. */
const boundPortsFree: Invariant = (settings) => {
  const channels = new Set(controlPorts(settings, []).map(({ setting }) => setting));
  const fixed = fixedPorts(settings).map(({ setting, port }) => ({
    setting,
    ports: singlePort(port),
    ...(channels.has(setting) ? { advice: LEAVE_OUT } : {}),
  }));
  const passive = { setting: "passivePorts", ports: settings.passivePorts };
  return findPortClashes(settings.sites, [...fixed, passive]);
};

const activeDataPorts: Invariant = (settings) =>
  settings.activeMode
    ? controlPorts(settings, settings.sites)
        .filter(({ port }) => port === 1)
        .map(({ setting }) => ({
          setting,
          value: "1",
          problem: "leaves no data port below it for active mode",
          fix: `choose a ${setting} of 2 or more, or set activeMode to false`,
        }))
    : [];

const slicesDivide: Invariant = ({ passivePorts, passiveSlices }) => {
  const count = countPorts(passivePorts);
  if (count < 1 || count % passiveSlices === 0) return [];
  const fitting = count - (count % passiveSlices);
  return [
    {
      setting: "passiveSlices",
      value: String(passiveSlices),
      problem: `does not divide the ${String(count)} ports of passivePorts ${formatRange(passivePorts)}`,
      fix:
        fitting > 0
          ? `choose a divisor of ${String(count)}, or a range of ${String(fitting)} ports: ${formatRange({ first: passivePorts.first, last: passivePorts.first + fitting - 1 })}`
          : `choose a divisor of ${String(count)}, or a wider range`,
    },
  ];
};

const keepaliveInTime: Invariant = ({ keepaliveSeconds, idleTimeoutMinutes }) => {
  const shortest = shortestIdleTimeoutSeconds(planIdleTimeouts(idleTimeoutMinutes));
  return keepaliveSeconds < shortest
    ? []
    : [
        {
          setting: "keepaliveSeconds",
          value: String(keepaliveSeconds),
          problem: `is not below every idle timeout; the shortest is ${String(shortest)} s (idleTimeoutMinutes ${String(idleTimeoutMinutes)})`,
          fix: "set it to 0 to derive it, or below the idle timeout",
        },
      ];
};

const externalAddressPublic = ({
  externalAddress,
  allowPrivateExternalAddress,
}: Pick<Settings, "externalAddress" | "allowPrivateExternalAddress">): readonly Finding[] =>
  externalAddress === "" || allowPrivateExternalAddress || isPublicIpv4(externalAddress)
    ? []
    : [
        {
          setting: "externalAddress",
          value: externalAddress,
          problem: "is not a public IPv4 address; clients on the internet cannot connect to it",
          fix: "leave it empty to advertise the address that Azure assigns, or set allowPrivateExternalAddress to true for a private deployment",
        },
      ];

const siteAddressesPublic: Invariant = ({ sites, allowPrivateExternalAddress }) =>
  sites.flatMap(({ name, externalAddress = "" }) =>
    externalAddressPublic({ externalAddress, allowPrivateExternalAddress }).map((finding) => ({
      ...finding,
      setting: `sites (${name}).externalAddress`,
    })),
  );

const prefixesWithinBudget: Invariant = ({ clientCidrs, adminCidrs, probe }) => {
  const count = clientCidrs.length + adminCidrs.length + probe.sourceCidrs.length;
  return count <= PREFIXES_PER_SECURITY_GROUP
    ? []
    : [
        {
          setting: "clientCidrs",
          value: `${String(count)} blocks together with adminCidrs and probe.sourceCidrs`,
          problem: `are more than the ${String(PREFIXES_PER_SECURITY_GROUP)} that a network security group takes`,
          fix: "join neighbouring blocks into larger ones",
        },
      ];
};

const namesUnique: Invariant = ({ accounts, sites, probe }) => [
  ...repeated(
    "accounts",
    accounts.map(({ name }) => name),
  ),
  ...repeated(
    "sites",
    sites.map(({ name }) => name),
  ),
  ...accounts
    .filter(({ name }) => name === probe.account)
    .map(({ name }) => ({
      setting: "accounts",
      value: name,
      problem: "is the account of the probe, which the stack makes itself",
      fix: "rename the account, or set probe.account to another name",
    })),
];

function repeated(setting: string, names: readonly string[]): Finding[] {
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  return [...new Set(twice)].map((name) => ({
    setting,
    value: name,
    problem: "is declared more than once",
    fix: "give each one a name of its own",
  }));
}

const accountsComplete: Invariant = ({ accounts }) =>
  accounts
    .filter(
      ({ anonymous, passwordHash, disabled, certificates }) =>
        !anonymous && !disabled && passwordHash === undefined && certificates.length === 0,
    )
    .map(({ name }) => ({
      setting: `accounts (${name})`,
      value: "no passwordHash",
      problem: "could never log in",
      fix: "add the output of: npx gangway hash-password, name its certificates, or set anonymous or disabled to true",
    }));

const INVARIANTS: readonly Invariant[] = [
  passiveRange,
  portsDisjoint,
  boundPortsFree,
  activeDataPorts,
  slicesDivide,
  keepaliveInTime,
  externalAddressPublic,
  prefixesWithinBudget,
  namesUnique,
  accountsComplete,
  findBindingViolations,
  ...CERTIFICATE_INVARIANTS,
  siteAddressesPublic,
  ...AZURE_INVARIANTS,
];

/** Everything that is wrong with the combination of settings; empty when all invariants hold. */
export function findViolations(settings: Settings): readonly Finding[] {
  return INVARIANTS.flatMap((invariant) => invariant(settings));
}
