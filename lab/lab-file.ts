/** What a lab was started as; lies in its folder, so that later commands and the plugin agree. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeWhole } from "./cloud/state.ts";
import type { Level } from "./levels.ts";
import type { OverridePlan } from "./stack-copy.ts";

export interface LabFile {
  readonly level: Level;
  /** Real seconds per simulated second of Azure's idle timeouts; 1 outside of tests. */
  readonly idleTimeoutScale: number;
  /** Who brought the stack up: `npm start`, which takes it down itself, or the Pulumi CLI. */
  readonly engine: "in-process" | "pulumi";
  readonly overrides: OverridePlan;
  /** At the level `machine`: folder of the Linux that machines boot. */
  readonly image?: string;
}

const fileOf = (folder: string) => join(folder, "lab.json");

export function writeLabFile(folder: string, lab: LabFile): void {
  mkdirSync(folder, { recursive: true });
  writeWhole(fileOf(folder), `${JSON.stringify(lab)}\n`);
}

/** Undefined when no lab was started in the folder. */
export function readLabFile(folder: string): LabFile | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(folder), "utf8")) as LabFile;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
