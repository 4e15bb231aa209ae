/** Reloading while the server runs: whole, one at a time, or not at all. */
import { ContractError } from "#contract";
import type { Logger } from "../logging/logger.ts";
import { ListenError } from "../session/listeners.ts";
import type { FtpServer } from "../session/server.ts";
import type { StartupArguments } from "./arguments.ts";
import { watchFiles } from "./file-watch.ts";
import { readSettings, watchedFiles } from "./settings-files.ts";
import type { StatusPort } from "./status-port.ts";
import { openView, type Adapters } from "./views.ts";

/** What is wrong with settings that cannot be put in force, for the user; undefined for a bug. */
export function describeProblem(error: unknown): string | undefined {
  return error instanceof ContractError || error instanceof ListenError ? error.message : undefined;
}

/** What is kept in step with the settings. */
export interface Reloadable {
  readonly args: StartupArguments;
  readonly adapters: Adapters;
  readonly server: FtpServer;
  readonly statusPort: StatusPort;
  readonly logger: Logger;
}

export class Reloader implements Disposable {
  readonly #parts: Reloadable;
  #watch: Disposable;
  #last: Promise<void> = Promise.resolve();

  constructor(parts: Reloadable) {
    this.#parts = parts;
    this.#watch = this.#startWatch();
  }

  /** Reads everything again. Resolves when it is in force, or was found not to hold. */
  reload(): Promise<void> {
    this.#last = this.#last.then(() => this.#reload());
    return this.#last;
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }

  async #reload(): Promise<void> {
    const { server, logger } = this.#parts;
    try {
      await this.#replace();
      server.metrics.settingsReloads++;
      logger.log("info", "settingsReloaded");
    } catch (error) {
      server.metrics.settingsRefused++;
      const problem = describeProblem(error);
      logger.log("error", "settingsRefused", {
        problem: problem ?? (error instanceof Error ? error.stack : String(error)),
        effect: "the settings in force stay as they are",
      });
    }
  }

  /** Listeners are what can fail last; everything that is given up goes after them. */
  async #replace(): Promise<void> {
    const { args, adapters, server, statusPort } = this.#parts;
    const before = server.view();
    const view = await openView(adapters, await readSettings(args), before);
    const moved = view.passivePorts !== before.passivePorts;
    try {
      await server.replaceView(view);
    } catch (error) {
      if (moved) await view.passivePorts[Symbol.asyncDispose]();
      if (view.w3cLog !== before.w3cLog) view.w3cLog?.[Symbol.dispose]();
      throw error;
    }
    if (view.w3cLog !== before.w3cLog) before.w3cLog?.[Symbol.dispose]();
    if (moved) await before.passivePorts[Symbol.asyncDispose]();
    this.#watch[Symbol.dispose]();
    this.#watch = this.#startWatch();
    await statusPort.follow(view.settings);
  }

  #startWatch(): Disposable {
    const { args, server } = this.#parts;
    return watchFiles(watchedFiles(args, server.view().settings), () => void this.reload());
  }
}
