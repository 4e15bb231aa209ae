/** What changes from one settings file to another, in words. */
import { isDeepStrictEqual } from "node:util";

export interface SettingChange {
  /** `sites.files.messages.banner`; elements with a name go by it. */
  readonly setting: string;
  /** Undefined: not there. */
  readonly before: unknown;
  readonly after: unknown;
}

/** Every setting whose value differs, in the order of the first file. */
export function compareSettings(
  before: unknown,
  after: unknown,
  setting = "",
): readonly SettingChange[] {
  if (isDeepStrictEqual(before, after)) return [];
  const [from, to] = [membersOf(before), membersOf(after)];
  if (from === undefined || to === undefined) return [{ setting, before, after }];
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((key) =>
    compareSettings(from.get(key), to.get(key), setting === "" ? key : `${setting}.${key}`),
  );
}

/** Members by name; undefined for plain values, and for lists whose elements have no names. */
function membersOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (Array.isArray(value)) {
    const names = value.map((item: unknown) => (isRecord(item) ? item["name"] : undefined));
    const named = names.every((name) => typeof name === "string");
    return named && new Set(names).size === names.length
      ? new Map(value.map((item: unknown, index) => [String(names[index]), item]))
      : undefined;
  }
  return isRecord(value) ? new Map(Object.entries(value)) : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The same changes without hashes of passwords, which belong in no output. */
export function withoutSecrets(changes: readonly SettingChange[]): readonly SettingChange[] {
  const hide = (value: unknown): unknown =>
    value === undefined
      ? undefined
      : JSON.parse(
          JSON.stringify(value, (key, inner: unknown) =>
            key === "passwordHash" ? NOT_SHOWN : inner,
          ),
        );
  return changes.map(({ setting, before, after }) =>
    setting.endsWith(".passwordHash")
      ? { setting, before: NOT_SHOWN, after: NOT_SHOWN }
      : { setting, before: hide(before), after: hide(after) },
  );
}

const NOT_SHOWN = "(not shown)";

/** What a change means for those who are connected, by the setting's beginning. */
const EFFECTS: readonly (readonly [RegExp, string])[] = [
  [/^listen\./u, "listeners open and close; sessions go on"],
  [/^passive\./u, "passive listeners move; transfers that wait for a connection fail"],
  [/^accounts\.[^.]+$/u, "sessions of the account are looked at again at their next command"],
  [/^accounts\.[^.]+\.(passwordHash|disabled|home)$/u, "its sessions end at their next command"],
  [/^tls\./u, "new connections"],
];

const EVERY_OTHER_EFFECT = "from the next command on";

/** One line for each change. */
export function formatSettingChanges(changes: readonly SettingChange[]): string {
  return changes
    .map(({ setting, before, after }) => {
      const effect = EFFECTS.find(([of]) => of.test(setting))?.[1] ?? EVERY_OTHER_EFFECT;
      return `${setting}: ${describe(setting, before, after)} (${effect})`;
    })
    .join("\n");
}

function describe(setting: string, before: unknown, after: unknown): string {
  if (setting.endsWith(".passwordHash")) return "another password";
  if (before === undefined) return `is added${isRecord(after) ? "" : `, ${print(after)}`}`;
  if (after === undefined) return `is removed${isRecord(before) ? "" : `, was ${print(before)}`}`;
  return `${print(before)} becomes ${print(after)}`;
}

function print(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
