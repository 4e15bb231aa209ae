/** Tags on everything that takes tags. */
import type { Settings } from "#contract";

/** Tags of a stack; those of the settings win, whatever their case: Azure's tags have none. */
export function planTags(settings: Settings, stack: string): Readonly<Record<string, string>> {
  const { owner, costCentre, dataClass } = settings.ownership;
  const own = {
    application: "gangway",
    environment: settings.environment,
    stack,
    owner,
    costCentre,
    dataClass,
  };
  const given = new Set(Object.keys(settings.tags).map((tag) => tag.toLowerCase()));
  return {
    ...Object.fromEntries(Object.entries(own).filter(([tag]) => !given.has(tag.toLowerCase()))),
    ...settings.tags,
  };
}
