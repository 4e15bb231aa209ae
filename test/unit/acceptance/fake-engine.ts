/** An engine in memory that fails where it is told to. */
import type { Change, Engine } from "../../../acceptance/engine.ts";
import type { ProbeReport } from "../../../probe/index.ts";

type Method = "preview" | "up" | "prove" | "destroy" | "leftovers" | "forget";

export interface FakeEngineOptions {
  /** Told of each call; throws what the engine is to fail with. */
  readonly onCall?: (method: Method, count: number) => void | Promise<void>;
  /** What each `up` takes, in turn; nothing when there are no more. */
  readonly ups?: readonly (readonly Change[])[];
  /** What each preview shows; the same as the `up` that follows, unless given. */
  readonly previews?: readonly (readonly Change[])[];
  readonly probe?: (count: number) => ProbeReport;
}

export const CREATED: readonly Change[] = [{ operation: "create", name: "machine" }];

export function probeReport(outcome: "passed" | "failed"): ProbeReport {
  const check = { id: "login", title: "login", outcome, detail: "as ordered", milliseconds: 1 };
  return {
    host: "203.0.113.1",
    startedAt: "2026-01-01T00:00:00Z",
    milliseconds: 1,
    checks: [check],
  };
}

export class FakeEngine implements Engine {
  readonly description = ["A fake."];
  readonly secrets = ["secret-of-the-engine"];
  readonly removalCommand = "remove it";
  readonly calls: Method[] = [];
  isUp = false;
  isForgotten = false;
  readonly #options: FakeEngineOptions;
  readonly #counts = new Map<Method, number>();
  #ups = 0;

  constructor(options: FakeEngineOptions = {}) {
    this.#options = options;
  }

  async preview(): Promise<readonly Change[]> {
    const count = await this.#call("preview");
    return this.#options.previews?.[count - 1] ?? this.#options.ups?.[this.#ups] ?? [];
  }

  async up(): Promise<readonly Change[]> {
    this.isUp = true;
    const count = await this.#call("up");
    this.#ups = count;
    return this.#options.ups?.[count - 1] ?? (count === 1 ? CREATED : []);
  }

  async prove(): Promise<ProbeReport> {
    const count = await this.#call("prove");
    return this.#options.probe?.(count) ?? probeReport("passed");
  }

  resources() {
    const machine = { type: "azure-native:compute:VirtualMachine", name: "machine", id: "/vm" };
    return Promise.resolve(this.isUp ? [machine] : []);
  }

  async destroy(): Promise<void> {
    await this.#call("destroy");
    this.isUp = false;
  }

  async leftovers() {
    await this.#options.onCall?.("leftovers", 1);
    return this.isUp ? { names: ["machine"], command: this.removalCommand } : undefined;
  }

  async forget(): Promise<void> {
    await this.#options.onCall?.("forget", 1);
    this.isForgotten = true;
  }

  async #call(method: Method): Promise<number> {
    this.calls.push(method);
    const count = (this.#counts.get(method) ?? 0) + 1;
    this.#counts.set(method, count);
    await this.#options.onCall?.(method, count);
    return count;
  }
}
