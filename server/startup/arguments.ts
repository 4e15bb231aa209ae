/** The arguments of the server's process. */
import { parseArgs } from "node:util";
import { DRAIN_MINUTES, STOP_DRAIN_SECONDS } from "#contract";
import { GENERATIONS, type Generation } from "../data/port-slices.ts";

export interface StartupArguments {
  readonly settingsFile: string;
  readonly deploymentFile: string | undefined;
  /** Overrides `dataFolder` of the settings. */
  readonly dataFolder: string | undefined;
  /** Overrides `listen.addresses` of the settings. */
  readonly host: string | undefined;
  /** Which half of the passive range this process prefers; undefined: all of it. */
  readonly generation: Generation | undefined;
  /** Unix socket with the status pages. */
  readonly statusSocket: string | undefined;
  /** Overrides `workers` of the settings; 0: one for each processor. */
  readonly workers: number | undefined;
  /** For sessions to end when the process is told to stop. */
  readonly drainSeconds: number;
  /** The same when a successor serves already. */
  readonly handoverSeconds: number;
}

/** Thrown when the arguments make no sense; the message is for the user. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const OPTIONS = {
  settings: { type: "string" },
  deployment: { type: "string" },
  data: { type: "string" },
  host: { type: "string" },
  generation: { type: "string" },
  "status-socket": { type: "string" },
  workers: { type: "string" },
  "drain-seconds": { type: "string" },
  "handover-seconds": { type: "string" },
} as const;

const USAGE =
  "usage: server --settings FILE [--deployment FILE] [--data FOLDER] [--host ADDRESS]\n" +
  "         [--generation a|b] [--status-socket PATH] [--workers NUMBER|auto]\n" +
  "         [--drain-seconds NUMBER] [--handover-seconds NUMBER]";

const MOST_SECONDS = 7 * 24 * 3600;
const MOST_WORKERS = 64;

/** @throws UsageError */
export function parseArguments(args: readonly string[]): StartupArguments {
  const values = parseValues(args);
  if (values.settings === undefined) throw refusal("--settings is missing");
  const { generation, workers } = values;
  return {
    settingsFile: values.settings,
    deploymentFile: values.deployment,
    dataFolder: values.data,
    host: values.host,
    generation: generation === undefined ? undefined : parseGeneration(generation),
    statusSocket: values["status-socket"],
    workers:
      workers === undefined
        ? undefined
        : workers === "auto"
          ? 0
          : parseNumber("--workers", workers, MOST_WORKERS),
    drainSeconds: parseSeconds("--drain-seconds", values["drain-seconds"], STOP_DRAIN_SECONDS),
    handoverSeconds: parseSeconds(
      "--handover-seconds",
      values["handover-seconds"],
      DRAIN_MINUTES * 60,
    ),
  };
}

function parseGeneration(text: string): Generation {
  const generation = GENERATIONS.find((name) => name === text);
  if (generation === undefined) throw refusal(`--generation ${text} is not a or b`);
  return generation;
}

function parseSeconds(name: string, text: string | undefined, absent: number): number {
  return text === undefined ? absent : parseNumber(name, text, MOST_SECONDS);
}

function parseNumber(name: string, text: string, most: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > most) {
    throw refusal(`${name} ${text} is not a whole number from 1 to ${String(most)}`);
  }
  return number;
}

function refusal(problem: string): UsageError {
  return new UsageError(`${problem}\n${USAGE}`);
}

function parseValues(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    throw refusal(error instanceof Error ? error.message : String(error));
  }
}
