/** What the coordinator and its workers tell each other. Plain JSON; a socket travels beside. */
import type { ServerSettings } from "#contract";
import type { ConnectionLimits, CountedScope } from "../access/connection-limits.ts";
import type { W3cRecord } from "../logging/w3c-format.ts";
import type { ListenerMode } from "../session/listeners.ts";
import type { Counters, Gauges } from "../status/metrics.ts";
import type { ScopeUse, Share } from "../access/bandwidth.ts";
import type { NeighbourState } from "../data/neighbour.ts";

/** The settings that a worker is to put in force. */
export interface WorkerSettings {
  readonly settings: ServerSettings;
  /** Of session tickets, in Base64: sessions resume in every worker. */
  readonly ticketSecret: string;
  readonly neighbour: NeighbourState;
}

export type ToWorker =
  /** Opens everything for new settings; answered with `prepared`. */
  | ({ readonly kind: "prepare"; readonly id: number } & WorkerSettings)
  /** Puts in force, or gives up, what was prepared last. Answered with `done`. */
  | { readonly kind: "commit" | "abandon"; readonly id: number }
  /** With the socket. */
  | {
      readonly kind: "client";
      readonly sessionId: string;
      readonly mode: ListenerMode;
      readonly warning?: string | undefined;
    }
  | { readonly kind: "admission"; readonly id: number; readonly refusal: Refusal | null }
  | { readonly kind: "denial"; readonly address: string; readonly remainingMs: number }
  | { readonly kind: "shares"; readonly shares: readonly ScopeShare[] }
  | { readonly kind: "ticketSecret"; readonly ticketSecret: string }
  /** The other generation has come or gone. Answered with `done` once ports are let go. */
  | { readonly kind: "neighbour"; readonly id: number; readonly state: NeighbourState }
  | { readonly kind: "report"; readonly id: number }
  /** Answered with `done` when the last session has ended. */
  | { readonly kind: "drain"; readonly id: number; readonly idleMilliseconds: number }
  /** The deadline of the drain is over. */
  | { readonly kind: "cut" }
  | { readonly kind: "close" };

export interface Refusal {
  readonly limit: keyof ConnectionLimits;
  readonly allowed: number;
  readonly reason: string;
}

/** Part of a shared limit that a worker may use up, until it hears otherwise. */
export interface ScopeShare extends Share {
  readonly keys: readonly string[];
}

/** What workers send: everything of one turn of the event loop travels together. */
export type WorkerMail = readonly FromWorker[];

export type FromWorker =
  /** The worker listens to messages; `acknowledges`: Node tells of each handle that has arrived. */
  | { readonly kind: "started"; readonly acknowledges: boolean }
  /** `problem`: for the user; null when everything is open. `bug`: it is none of the user's. */
  | {
      readonly kind: "prepared";
      readonly id: number;
      readonly problem: string | null;
      readonly bug?: boolean;
    }
  | { readonly kind: "done"; readonly id: number }
  | { readonly kind: "closed"; readonly sessionId: string }
  /** Asks for a place under limits; answered unless `id` is null. */
  | {
      readonly kind: "admit";
      readonly id: number | null;
      readonly place: number;
      readonly scope: CountedScope;
      readonly limits: ConnectionLimits;
      readonly address: string;
    }
  | { readonly kind: "release"; readonly place: number }
  | { readonly kind: "failure"; readonly address: string }
  | { readonly kind: "use"; readonly uses: readonly ScopeUse[] }
  | { readonly kind: "w3c"; readonly records: readonly W3cRecord[] }
  /** `id` null: nobody asked. */
  | {
      readonly kind: "figures";
      readonly id: number | null;
      readonly counters: Counters;
      readonly gauges: Gauges;
    };
