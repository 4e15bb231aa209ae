/** The port of health, metrics and status, as the settings in force ask for it. */
import type { ServerSettings } from "#contract";
import { describeListenError } from "../session/listeners.ts";
import type { FtpServer } from "../session/server.ts";
import { openStatusServer } from "../status/status-server.ts";

export class StatusPort implements AsyncDisposable {
  readonly #server: FtpServer;
  #key = "";
  #open: AsyncDisposable | undefined;

  constructor(server: FtpServer) {
    this.#server = server;
  }

  /**
   * Opens, moves or closes the port; nothing happens when it stays where it is.
   *
   * @throws ListenError; the port is closed then.
   */
  async follow({ listen: { healthProbePort: port, addresses } }: ServerSettings): Promise<void> {
    const key = port === undefined ? "" : JSON.stringify([port, addresses]);
    if (key === this.#key) return;
    await this[Symbol.asyncDispose]();
    if (port === undefined) return;
    const server = this.#server;
    try {
      this.#open = await openStatusServer({
        port,
        addresses,
        metrics: server.metrics,
        gauges: () => server.gauges(),
      });
    } catch (error) {
      throw describeListenError(error, addresses.join(", "), port);
    }
    this.#key = key;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    this.#key = "";
    await open?.[Symbol.asyncDispose]();
  }
}
