/** What is wrong with settings, in words. */
import type { Settings } from "./settings.ts";

/** One thing wrong with the settings. `value` is what was written, ready to print. */
export interface Finding {
  readonly setting: string;
  readonly value: string;
  readonly problem: string;
  readonly fix: string;
}

/** A rule over all settings; empty when it holds. */
export type Invariant = (settings: Settings) => readonly Finding[];
