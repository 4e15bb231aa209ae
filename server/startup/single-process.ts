/** The server in one process: listeners, sessions and status side by side. */
import type { ServerSettings } from "#contract";
import type { ConnectionCounts } from "../access/connection-limits.ts";
import type { Logger } from "../logging/logger.ts";
import type { InheritedSockets } from "../session/inherited-sockets.ts";
import { Door } from "../session/door.ts";
import { Listeners, planListeners } from "../session/listeners.ts";
import type { DrainPlan } from "../session/registry.ts";
import { FtpServer } from "../session/server.ts";
import { StatusPages, type StatusReport } from "../status/status-pages.ts";
import { closeReplaced } from "./replaced-views.ts";
import type { Serving } from "./serving.ts";
import { openView, type Adapters } from "./views.ts";

export interface SingleProcessOptions {
  readonly adapters: Adapters;
  readonly connections: ConnectionCounts;
  readonly settings: ServerSettings;
  readonly inherited: InheritedSockets;
  /** Path of a unix socket with the status pages; undefined: none. */
  readonly statusSocket: string | undefined;
  readonly logger: Logger;
}

export class SingleProcess implements Serving {
  readonly workers = 1;
  readonly #adapters: Adapters;
  readonly #server: FtpServer;
  readonly #listeners: Listeners;
  readonly #pages: StatusPages;

  private constructor(server: FtpServer, options: SingleProcessOptions) {
    const { adapters, connections, inherited, logger } = options;
    this.#adapters = adapters;
    this.#server = server;
    this.#pages = new StatusPages({
      get draining() {
        return server.leaving;
      },
      report: () => this.report(),
    });
    const door = new Door({
      view: () => server.view(),
      connections,
      metrics: server.metrics,
      logger,
      onAdmitted: (socket, client) => server.open(socket, client),
    });
    this.#listeners = new Listeners({
      inherited,
      onConnection: (socket, purpose) => {
        if (purpose === "health") this.#pages.accept(socket);
        else door.accept(socket, purpose);
      },
    });
  }

  /** @throws ContractError or ListenError */
  static async open(options: SingleProcessOptions): Promise<SingleProcess> {
    const { adapters, settings, logger, statusSocket } = options;
    const { view } = await openView(adapters, settings);
    const process = new SingleProcess(new FtpServer(view, logger), options);
    const prepared = await process.#listeners.prepare(planListeners(settings));
    prepared.commit();
    if (statusSocket !== undefined) await process.#pages.listen(statusSocket);
    return process;
  }

  get settings(): ServerSettings {
    return this.#server.view().settings;
  }

  get sessions(): number {
    return this.#server.gauges().sessions;
  }

  get outlived(): boolean {
    return this.#listeners.outlived;
  }

  countReload(outcome: "done" | "refused"): void {
    if (outcome === "done") this.#server.metrics.settingsReloads++;
    else this.#server.metrics.settingsRefused++;
  }

  async replace(settings: ServerSettings): Promise<void> {
    const before = this.#server.view();
    const { view, renewCertificates } = await openView(this.#adapters, settings, before);
    try {
      const listeners = await this.#listeners.prepare(planListeners(settings));
      renewCertificates();
      this.#server.replaceView(view);
      listeners.commit();
    } catch (error) {
      await closeReplaced(view, before);
      throw error;
    }
    await closeReplaced(before, view);
  }

  report(): StatusReport {
    return { counters: this.#server.metrics, gauges: this.#server.gauges() };
  }

  async drain(plan: DrainPlan): Promise<void> {
    await this.#listeners[Symbol.asyncDispose]();
    await this.#server.drain(plan);
  }

  async close(): Promise<void> {
    this.#pages[Symbol.dispose]();
    const { passivePorts, w3cLog } = this.#server.view();
    await passivePorts[Symbol.asyncDispose]();
    w3cLog?.[Symbol.dispose]();
  }
}
