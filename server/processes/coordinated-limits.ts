/** The shared limits as a worker sees them: the coordinator counts, the worker asks. */
import { openBandwidth, type BandwidthTree, type ScopeUse } from "../access/bandwidth.ts";
import type {
  Admission,
  ConnectionLimits,
  SharedConnectionCounts,
} from "../access/connection-limits.ts";
import { openLogonAttempts } from "../access/logon-attempts.ts";
import type { SharedLimits } from "../startup/views.ts";
import type { FromWorker, Refusal, ScopeShare } from "./messages.ts";

export class CoordinatedLimits implements SharedLimits {
  readonly connections: SharedConnectionCounts;
  readonly #send: (message: FromWorker) => void;
  readonly #share: number;
  readonly #asked = new Map<number, (refusal: Refusal | null) => void>();
  #lastPlace = 0;
  #bandwidth: BandwidthTree | undefined;

  /** @param workers how many share the limits. */
  constructor(workers: number, send: (message: FromWorker) => void) {
    this.#share = 1 / workers;
    this.#send = send;
    this.connections = { admit: (...asked) => this.#admit(...asked) };
  }

  readonly openLogonAttempts: SharedLimits["openLogonAttempts"] = (settings, nowMs) => {
    const table = openLogonAttempts(settings, nowMs);
    return {
      ...table,
      recordFailure: (address) => {
        this.#send({ kind: "failure", address });
        return table.recordFailure(address);
      },
    };
  };

  readonly openBandwidth: SharedLimits["openBandwidth"] = (server, clock) => {
    this.#bandwidth = openBandwidth(server, clock, this.#share);
    return this.#bandwidth;
  };

  /** The coordinator's answer to a session that asked for a place. */
  answer(id: number, refusal: Refusal | null): void {
    this.#asked.get(id)?.(refusal);
    this.#asked.delete(id);
  }

  takeUses(): readonly ScopeUse[] {
    return this.#bandwidth?.takeUses() ?? [];
  }

  setShares(shares: readonly ScopeShare[]): void {
    for (const { keys, up, down } of shares) this.#bandwidth?.setShare(keys, { up, down });
  }

  /** Without limits nobody has to wait for the answer; the place is counted all the same. */
  #admit(
    ...[scope, limits, address]: Parameters<SharedConnectionCounts["admit"]>
  ): Admission | Promise<Admission> {
    const place = ++this.#lastPlace;
    const { connections, connectionsPerAddress } = limits;
    const asked: ConnectionLimits = { connections, connectionsPerAddress };
    const admitted: Admission = {
      kind: "admitted",
      place: { [Symbol.dispose]: () => this.#send({ kind: "release", place }) },
    };
    const common = { kind: "admit", place, scope, limits: asked, address } as const;
    if (connections === undefined && connectionsPerAddress === undefined) {
      this.#send({ ...common, id: null });
      return admitted;
    }
    return new Promise((resolve) => {
      this.#asked.set(place, (refusal) =>
        resolve(refusal === null ? admitted : { kind: "refused", ...refusal }),
      );
      this.#send({ ...common, id: place });
    });
  }
}
