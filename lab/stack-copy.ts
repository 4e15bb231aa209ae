/** The lab's copy of a stack file: the tree stays clean, and generated credentials stay in the lab. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { boundPorts, formatRange, parseSettings, SECRET_SETTINGS, type Settings } from "#contract";
import { writeWhole } from "./cloud/state.ts";
import { isList, isRecord, type Value } from "./cloud/values.ts";
import type { Credentials } from "./credentials.ts";
import { LabError } from "./lab-error.ts";
import type { Level } from "./levels.ts";
import { findFreePorts, LOOPBACK, type WantedPorts } from "./process/free-ports.ts";

/** One setting that the level changes, for people to see. */
export interface Override {
  readonly setting: string;
  readonly value: Value;
  readonly reason: string;
}

/** The overrides of a level, with what they were planned for. */
export interface OverridePlan {
  /** Settings that they stand in for, as declared. */
  readonly declared: string;
  readonly list: readonly Override[];
  /** Ports of bindings that others stand in for; absent: none. */
  readonly standIns?: Readonly<Record<string, number>>;
}

export interface StackCopy {
  readonly file: string;
  readonly settings: Settings;
  readonly overrides: OverridePlan;
  /** Settings that only the owner of the stack's key can read, which the lab does without. */
  readonly left: readonly string[];
}

export interface StackCopyRequest {
  /** Folder of `Pulumi.yaml`. */
  readonly projectFolder: string;
  readonly project: string;
  readonly stack: string;
  readonly labFolder: string;
  readonly level: Level;
  readonly credentials: Credentials;
  /** Settings on top of the stack file's, by name. */
  readonly more?: Readonly<Record<string, Value>>;
  /** Overrides of a stack that is up; they stay while what they were planned for stays. */
  readonly planned?: OverridePlan | undefined;
}

/**
 * Writes the copy and returns what it says.
 *
 * @throws LabError when there is no such stack file, ContractError when its settings do not hold.
 */
export async function copyStackFile(request: StackCopyRequest): Promise<StackCopy> {
  const { labFolder, stack, project, credentials, more = {} } = request;
  const read = readConfig(request);
  const name = (setting: string) => `${project}:${setting}`;
  const entries = Object.entries(more).map(([setting, value]) => [name(setting), value]);
  const config: Record<string, Value> = { ...read.config, ...Object.fromEntries(entries) };
  const declared = config[name("accounts")];
  const accounts = isList(declared) ? declared : [];
  const account = { name: credentials.account, passwordHash: credentials.passwordHash };
  const withAccount: Record<string, Value> = {
    ...config,
    [name("accounts")]: [
      ...accounts.filter((each) => !isRecord(each) || each["name"] !== account.name),
      account,
    ],
  };
  const overrides = await planOverrides(request, settingsOf(withAccount, project));
  const copied: Record<string, Value> = {
    ...withAccount,
    ...Object.fromEntries(overrides.list.map(({ setting, value }) => [name(setting), value])),
    [name("probePassword")]: credentials.probePassword,
  };
  const file = join(labFolder, `Pulumi.${stack}.yaml`);
  writeWhole(file, stringify({ config: copied }));
  return { file, settings: settingsOf(copied, project), overrides, left: read.left };
}

function readConfig({ projectFolder, stack }: StackCopyRequest) {
  const file = join(projectFolder, `Pulumi.${stack}.yaml`);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    throw new LabError(
      `There is no stack ${stack}: ${file} does not exist.`,
      "Name one that does with --stack, for example --stack dev.",
    );
  }
  const document: unknown = parse(text);
  const config = isRecord(document) && isRecord(document["config"]) ? document["config"] : {};
  const isSecret = (value: Value | undefined) => isRecord(value) && "secure" in value;
  return {
    config: Object.fromEntries(Object.entries(config).filter(([, value]) => !isSecret(value))),
    left: Object.keys(config).filter((key) => isSecret(config[key])),
  };
}

function settingsOf(config: Readonly<Record<string, Value>>, project: string): Settings {
  const prefix = `${project}:`;
  const own = Object.entries(config)
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, value]) => [key.slice(prefix.length), value] as const)
    .filter(([key]) => !(key in SECRET_SETTINGS));
  return parseSettings(Object.fromEntries(own));
}

const PROCESSORS: Readonly<Record<string, Settings["machine"]["architecture"]>> = {
  x64: "x64",
  arm64: "arm64",
};

async function planOverrides(
  { level, planned }: StackCopyRequest,
  settings: Settings,
): Promise<OverridePlan> {
  const { controlPort, implicitTlsPort, healthProbePort, passivePorts } = settings;
  const bound = boundPorts(settings.sites).map(({ port }) => port);
  const ports = {
    ...{ controlPort, implicitTlsPort, healthProbePort, passivePorts },
    ...(bound.length === 0 ? {} : { bound }),
  };
  const declared = JSON.stringify({ level, ports });
  const processor = planProcessor(settings);
  // A second look would find the stack's own ports taken, by its own server.
  if (planned?.declared === declared) {
    const { standIns = {} } = planned;
    const kept = planned.list.filter(({ setting }) => !["machine", "sites"].includes(setting));
    return { ...planned, list: [...processor, ...kept, ...planSites(settings, standIns)] };
  }
  if (level !== "process") return { declared, list: processor };
  const found = await findFreePorts({ ...settings, boundPorts: bound });
  const standIns = Object.fromEntries(
    bound.map((port, index) => [String(port), found.boundPorts[index] ?? port]),
  );
  const list = [...processor, ...planLoopback(settings, found), ...planSites(settings, standIns)];
  return { declared, list, standIns };
}

/** The sites with the ports that stand in for those of their bindings. */
function planSites(
  settings: Settings,
  standIns: Readonly<Record<string, number>>,
): readonly Override[] {
  const moved = boundPorts(settings.sites).some(({ port }) => standIn(standIns, port) !== port);
  if (!moved) return [];
  const sites = settings.sites.map((site) => ({
    ...site,
    bindings: site.bindings.map(({ port, ...binding }) =>
      port === undefined ? binding : { ...binding, port: standIn(standIns, port) },
    ),
  }));
  return [
    {
      setting: "sites",
      // Settings are JSON; what is absent stays so.
      value: JSON.parse(JSON.stringify(sites)) as Value,
      reason: "ports of bindings that are free on this computer, and need no privileges",
    },
  ];
}

function standIn(standIns: Readonly<Record<string, number>>, port: number): number {
  return standIns[String(port)] ?? port;
}

function planProcessor({ machine }: Settings): readonly Override[] {
  const processor = PROCESSORS[process.arch];
  if (processor === undefined || processor === machine.architecture) return [];
  return [
    {
      setting: "machine",
      value: { ...machine, architecture: processor },
      reason: "the lab's machine has this computer's processor",
    },
  ];
}

function planLoopback(settings: Settings, ports: WantedPorts): readonly Override[] {
  const port = (setting: "controlPort" | "implicitTlsPort" | "healthProbePort"): Override[] => {
    const value = ports[setting];
    return value === undefined || value === settings[setting]
      ? []
      : [{ setting, value, reason: "free on this computer, and needs no privileges" }];
  };
  const range = formatRange(ports.passivePorts);
  return [
    ...port("controlPort"),
    ...port("implicitTlsPort"),
    ...port("healthProbePort"),
    ...(range === formatRange(settings.passivePorts)
      ? []
      : [{ setting: "passivePorts", value: range, reason: "free on this computer" }]),
    { setting: "externalAddress", value: LOOPBACK, reason: "clients are on this computer" },
    { setting: "allowPrivateExternalAddress", value: true, reason: "for that address" },
  ];
}
