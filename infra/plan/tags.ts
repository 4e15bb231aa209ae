/** Tags on everything that takes tags. */
import type { Settings } from "#contract";

/** Tags of a stack; those of the settings win. */
export function planTags(settings: Settings, stack: string): Readonly<Record<string, string>> {
  return {
    application: "gangway",
    environment: settings.environment,
    stack,
    ...settings.tags,
  };
}
