/** Reloading while the server runs: whole, one at a time, or not at all. */
import { ContractError } from "#contract";
import type { Logger } from "../logging/logger.ts";
import { ListenError } from "../session/listeners.ts";
import type { FtpServer } from "../session/server.ts";
import type { StartupArguments } from "./arguments.ts";
import { watchFiles } from "./file-watch.ts";
import { readSettings, watchedFiles } from "./settings-files.ts";
import { openView, type Adapters } from "./views.ts";

/** What is wrong with settings that cannot be put in force, for the user; undefined for a bug. */
export function describeProblem(error: unknown): string | undefined {
  return error instanceof ContractError || error instanceof ListenError ? error.message : undefined;
}

export class Reloader implements Disposable {
  readonly #args: StartupArguments;
  readonly #adapters: Adapters;
  readonly #server: FtpServer;
  readonly #logger: Logger;
  #watch: Disposable;
  #last: Promise<void> = Promise.resolve();

  constructor(args: StartupArguments, adapters: Adapters, server: FtpServer, logger: Logger) {
    this.#args = args;
    this.#adapters = adapters;
    this.#server = server;
    this.#logger = logger;
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
    const before = this.#server.view();
    try {
      const settings = await readSettings(this.#args);
      const view = await openView(this.#adapters, settings, before);
      await this.#server.replaceView(view);
      if (view.passivePorts !== before.passivePorts) {
        await before.passivePorts[Symbol.asyncDispose]();
      }
      this.#watch[Symbol.dispose]();
      this.#watch = this.#startWatch();
      this.#logger.log("info", "settingsReloaded");
    } catch (error) {
      const problem = describeProblem(error);
      this.#logger.log("error", "settingsRefused", {
        problem: problem ?? (error instanceof Error ? error.stack : String(error)),
        effect: "the settings in force stay as they are",
      });
    }
  }

  #startWatch(): Disposable {
    const files = watchedFiles(this.#args, this.#server.view().settings);
    return watchFiles(files, () => void this.reload());
  }
}
