/** Who is let in of those that connect; with several processes, all come through one door. */
import type { Socket } from "node:net";
import type { ServerSettings } from "#contract";
import type { ConnectionCounts } from "../access/connection-limits.ts";
import type { Logger } from "../logging/logger.ts";
import { unmapAddress } from "../protocol/addresses.ts";
import { formatReply, reply } from "../protocol/replies.ts";
import type { Metrics } from "../status/metrics.ts";
import { addressOf, closeArrival, socketOf, type Arrival } from "./arrival.ts";
import { admitConnection, type AdmittingView, type ConnectionRefusal } from "./admission.ts";
import type { SessionLimits } from "./limits.ts";
import type { ListenerMode } from "./listeners.ts";
import type { SiteView } from "./view.ts";

/** What the door looks at of the settings in force. */
export interface DoorView extends AdmittingView {
  readonly settings: ServerSettings;
  readonly limits: Pick<SessionLimits, "sessions" | "sessionsPerAddress">;
  readonly sites: readonly [DoorSite, ...DoorSite[]];
}
type DoorSite = Pick<SiteView, "name" | "restrictions" | "messages">;

/** A client that was let in. */
export interface AdmittedClient {
  readonly sessionId: string;
  readonly mode: ListenerMode;
  /** In logon mode `logOnly`: why the client would be denied. */
  readonly warning: string | undefined;
  /** Its place among the server's connections; disposed when it is gone. */
  readonly place: Disposable;
}

export interface DoorOptions<A extends Arrival> {
  readonly view: () => DoorView;
  readonly connections: ConnectionCounts;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly onAdmitted: (arrival: A, client: AdmittedClient) => void;
}

const NOT_ALLOWED = reply.serviceClosing("Not allowed from your address.");

export class Door<A extends Arrival = Socket> {
  readonly #options: DoorOptions<A>;
  readonly #countOfAddress = new Map<string, number>();
  #count = 0;
  #lastSession = 0;

  constructor(options: DoorOptions<A>) {
    this.#options = options;
  }

  /** Lets a client in that has connected, or tells it why not. */
  accept(arrival: A, mode: ListenerMode): void {
    const { view, connections, onAdmitted } = this.#options;
    const address = unmapAddress(addressOf(arrival));
    // A client that is gone already has no address any more.
    if (address === "") {
      closeArrival(arrival);
      return;
    }
    if (!this.#hasRoom(address)) {
      const reason = "the process has all the sessions that it can hold";
      this.#refuse(arrival, mode, { event: "tooManySessions", reason });
      return;
    }
    const admission = admitConnection(view(), connections, address);
    if (admission.kind === "refused") {
      this.#refuse(arrival, mode, admission);
      return;
    }
    const { warning, place } = admission;
    const sessionId = String(++this.#lastSession);
    onAdmitted(arrival, { sessionId, mode, warning, place: this.#occupy(address, place) });
  }

  #hasRoom(address: string): boolean {
    const { sessions, sessionsPerAddress } = this.#options.view().limits;
    const ofAddress = this.#countOfAddress.get(address) ?? 0;
    return this.#count < sessions && ofAddress < sessionsPerAddress;
  }

  #occupy(address: string, place: Disposable): Disposable {
    this.#add(address, 1);
    return new DoorPlace(this.#left, address, place);
  }

  readonly #left = (address: string): void => this.#add(address, -1);

  #add(address: string, change: 1 | -1): void {
    this.#count += change;
    const count = (this.#countOfAddress.get(address) ?? 0) + change;
    if (count > 0) this.#countOfAddress.set(address, count);
    else this.#countOfAddress.delete(address);
  }

  #refuse(arrival: A, mode: ListenerMode, { event, reason }: ConnectionRefusal): void {
    const { view, metrics, logger } = this.#options;
    metrics.sessionsRefused++;
    if (event === "logonDenied") metrics.logonsDenied++;
    logger.log("warn", event, { peer: unmapAddress(addressOf(arrival)), reason });
    if (mode !== "clear") {
      closeArrival(arrival);
      return;
    }
    const socket = socketOf(arrival);
    socket.on("error", () => socket.destroy());
    // Somebody who guesses learns nothing of how long it lasts.
    const last =
      event === "tooManySessions" ? view().sites[0].messages.tooManyClients() : NOT_ALLOWED;
    socket.end(formatReply(last), () => socket.destroy());
  }
}

/** Every session holds one, so it has no closures. */
class DoorPlace implements Disposable {
  readonly #left: (address: string) => void;
  readonly #address: string;
  #place: Disposable | undefined;

  constructor(left: (address: string) => void, address: string, place: Disposable) {
    this.#left = left;
    this.#address = address;
    this.#place = place;
  }

  [Symbol.dispose](): void {
    const place = this.#place;
    if (place === undefined) return;
    this.#place = undefined;
    this.#left(this.#address);
    place[Symbol.dispose]();
  }
}
