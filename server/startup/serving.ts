/** What serves clients: one process, or several under a coordinator. */
import type { ServerSettings } from "#contract";
import type { DrainPlan } from "../session/registry.ts";
import type { StatusReport } from "../status/status-pages.ts";

export interface Serving {
  /** The settings in force. */
  readonly settings: ServerSettings;
  /** Processes that serve sessions. */
  readonly workers: number;
  /** Control connections now. */
  readonly sessions: number;
  /** Whether somebody else goes on accepting from our listeners when they close. */
  readonly outlived: boolean;
  /** Counts reloads. */
  countReload(outcome: "done" | "refused"): void;
  /**
   * Puts settings in force, all of them or none.
   *
   * @throws ContractError or ListenError; everything is as it was then.
   */
  replace(settings: ServerSettings): Promise<void>;
  report(): StatusReport | Promise<StatusReport>;
  /** Stops accepting and resolves when the last session has ended. Called again, it hurries. */
  drain(plan: DrainPlan): Promise<void>;
  /** Gives back everything else. */
  close(): Promise<void>;
}
