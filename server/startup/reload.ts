/** Reloading while the server runs: whole, one at a time, or not at all. */
import type { Logger } from "../logging/logger.ts";
import type { StartupArguments } from "./arguments.ts";
import { watchFiles } from "./file-watch.ts";
import type { Serving } from "./serving.ts";
import { describeProblem } from "./problems.ts";
import { readSettings, watchedFiles } from "./settings-files.ts";

/** What is kept in step with the settings. */
export interface Reloadable {
  readonly args: StartupArguments;
  readonly serving: Serving;
  readonly logger: Logger;
  /** New settings are in force. */
  readonly onReloaded?: () => void;
}

export class Reloader implements Disposable {
  readonly #parts: Reloadable;
  #watch: Disposable | undefined;
  #last: Promise<void> = Promise.resolve();
  #over = false;

  constructor(parts: Reloadable) {
    this.#parts = parts;
    this.#renewWatch();
  }

  /** Reads everything again. Resolves when it is in force, or was found not to hold. */
  reload(): Promise<void> {
    const next = (): Promise<void> => (this.#over ? Promise.resolve() : this.#reload());
    // A fault in one reload is no reason to refuse the next.
    this.#last = this.#last.then(next, next);
    return this.#last;
  }

  /** Stops watching; resolves when a reload that is under way has ended. */
  async stop(): Promise<void> {
    this[Symbol.dispose]();
    await this.#last;
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#watch?.[Symbol.dispose]();
  }

  async #reload(): Promise<void> {
    const { args, serving, logger } = this.#parts;
    try {
      await serving.replace(await readSettings(args));
      serving.countReload("done");
      logger.log("info", "settingsReloaded");
      this.#parts.onReloaded?.();
    } catch (error) {
      serving.countReload("refused");
      const problem = describeProblem(error);
      logger.log("error", "settingsRefused", {
        problem: problem ?? (error instanceof Error ? error.stack : String(error)),
        effect: "the settings in force stay as they are",
      });
      return;
    }
    if (!this.#over) this.#renewWatch();
  }

  /** Watches what the settings in force were read from; the former watch stays when that fails. */
  #renewWatch(): void {
    const { args, serving, logger } = this.#parts;
    let renewed: Disposable;
    try {
      renewed = watchFiles(watchedFiles(args, serving.settings), () => void this.reload());
    } catch (error) {
      logger.log("error", "filesNotWatched", {
        problem: error instanceof Error ? error.message : String(error),
        effect: "changed files take effect with SIGHUP only",
        fix: "create the missing folder, or raise the limits of inotify and of open files; then reload",
      });
      return;
    }
    this.#watch?.[Symbol.dispose]();
    this.#watch = renewed;
  }
}
