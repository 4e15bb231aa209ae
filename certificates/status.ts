/** What the agent remembers from run to run: failures, and when it may try again. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { formatTime } from "./expiry.ts";
import { writeWhole } from "./files.ts";
import { parseJson } from "./json.ts";

const entrySchema = v.object({
  /** Failures since the last success. */
  failures: v.optional(v.number(), 0),
  /** ISO 8601. */
  lastAttempt: v.optional(v.string()),
  /** Nothing is tried before; ISO 8601. */
  nextAttempt: v.optional(v.string()),
  /** True when the authority itself asked for the pause: then nobody can shorten it. */
  pauseIsImposed: v.optional(v.boolean(), false),
  lastProblem: v.optional(v.string()),
  /** Directory of the authority that issued it. */
  directoryUrl: v.optional(v.string()),
  /** Issued, but the vault did not take it yet. */
  unstored: v.optional(v.boolean(), false),
});
export type CertificateStatus = v.InferOutput<typeof entrySchema>;

const statusSchema = v.object({ certificates: v.record(v.string(), entrySchema) });

const FILE = "status.json";
const MODE = 0o644;
const NOTHING: CertificateStatus = { failures: 0, pauseIsImposed: false, unstored: false };

const HOUR_MS = 60 * 60 * 1000;
/** Let's Encrypt allows five failed validations per name and hour; a day is long enough to notice. */
const FIRST_PAUSE_MS = HOUR_MS;
const LONGEST_PAUSE_MS = 24 * HOUR_MS;

export class Status {
  readonly #file: string;
  readonly #certificates: Map<string, CertificateStatus>;

  private constructor(file: string, certificates: Map<string, CertificateStatus>) {
    this.#file = file;
    this.#certificates = certificates;
  }

  /** Reads what is remembered; a file that cannot be read is as good as none. */
  static async open(folder: string): Promise<Status> {
    const file = join(folder, FILE);
    const text = await readFile(file, "utf8").catch(() => "{}");
    const parsed = v.safeParse(statusSchema, parseJson(text));
    const known = parsed.success ? Object.entries(parsed.output.certificates) : [];
    return new Status(file, new Map(known));
  }

  of(name: string): CertificateStatus {
    return this.#certificates.get(name) ?? NOTHING;
  }

  async succeeded(
    name: string,
    nowMs: number,
    more: { readonly unstored: boolean; readonly directoryUrl: string },
  ) {
    await this.#set(name, { ...NOTHING, ...more, lastAttempt: formatTime(nowMs) });
  }

  /** Notes a failure and doubles the pause before the next attempt. */
  async failed(
    name: string,
    nowMs: number,
    failure: { readonly problem: string; readonly retryAfterMs: number | undefined },
  ): Promise<void> {
    const failures = this.of(name).failures + 1;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
    const imposedMs = failure.retryAfterMs ?? 0;
    await this.#set(name, {
      ...this.of(name),
      failures,
      lastAttempt: formatTime(nowMs),
      nextAttempt: formatTime(nowMs + Math.max(pauseMs, imposedMs)),
      pauseIsImposed: imposedMs > 0,
      lastProblem: failure.problem,
    });
  }

  async #set(name: string, status: CertificateStatus): Promise<void> {
    this.#certificates.set(name, status);
    const certificates = Object.fromEntries(this.#certificates);
    await writeWhole(this.#file, `${JSON.stringify({ certificates }, undefined, 2)}\n`, MODE);
  }
}
