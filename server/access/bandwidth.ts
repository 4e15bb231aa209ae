/**
 * Bandwidth limits of server, site, account and session, up and down, combined: a session gets
 * what all of its limits allow and its fair share where others want it too (see `rate-node.ts`).
 */
import type { Bandwidth } from "#contract";
import { RateNode, type Clock } from "./rate-node.ts";

export type { Clock } from "./rate-node.ts";

/** `up` is what clients send, `down` what they receive. */
export type Direction = "up" | "down";

/** A scope that sessions share, for example `{key: "site:default", limits}`. */
export interface BandwidthScope {
  readonly key: string;
  readonly limits: Bandwidth;
}

/** The share of one session. Disposing it withdraws whatever still waits: owners await first. */
export interface SessionBandwidth extends Disposable {
  /**
   * Asks to move `bytes`. Undefined: go ahead now; else a promise that resolves when it is time,
   * or rejects with the signal's reason.
   */
  take(direction: Direction, bytes: number, signal: AbortSignal): Promise<void> | undefined;
  /** Whether anything limits the session now; else a transfer need not ask. */
  isLimited(direction: Direction): boolean;
  /** How much to move at once, so that a slow session still moves something every moment. */
  chunkBytes(direction: Direction): number;
}

export interface BandwidthTree {
  /**
   * Opens the share of a session. Scopes that exist already take on the limits given here.
   *
   * @param scopes outermost first: the site, then the account.
   */
  open(scopes: readonly BandwidthScope[], session: Bandwidth): SessionBandwidth;
  /** Changes the limits of the server, or of a scope by its keys from the outermost on. */
  setLimits(keys: readonly string[], limits: Bandwidth): void;
}

const LARGEST_CHUNK_BYTES = 65_536;
const SMALLEST_CHUNK_BYTES = 512;
/** A limited session moves about this many chunks a second. */
const CHUNKS_PER_SECOND = 8;

/** One node of the tree in both directions; dropped when its last session closes. */
interface Scope {
  readonly up: RateNode;
  readonly down: RateNode;
  readonly children: Map<string, Scope>;
  sessions: number;
}

/** Opens the tree of a process. */
export function openBandwidth(server: Bandwidth, clock: Clock): BandwidthTree {
  const root = openScope(clock, undefined, server);

  const open = (scopes: readonly BandwidthScope[], session: Bandwidth): SessionBandwidth => {
    const line: Scope[] = [root];
    let parent = root;
    for (const { key, limits } of scopes) {
      const existing = parent.children.get(key);
      const scope = existing ?? openScope(clock, parent, limits);
      if (existing === undefined) parent.children.set(key, scope);
      else setScopeLimits(scope, limits);
      scope.sessions += 1;
      line.push(scope);
      parent = scope;
    }
    const own = openScope(clock, parent, session);
    const onClose = (): void => {
      own.up.close();
      own.down.close();
      for (const [index, { key }] of scopes.entries()) {
        const scope = line[index + 1];
        if (scope === undefined) continue;
        scope.sessions -= 1;
        if (scope.sessions === 0) line[index]?.children.delete(key);
      }
    };
    return shareOf(own, onClose);
  };

  const setLimits = (keys: readonly string[], limits: Bandwidth): void => {
    const scope = keys.reduce<Scope | undefined>((above, key) => above?.children.get(key), root);
    if (scope !== undefined) setScopeLimits(scope, limits);
  };

  return { open, setLimits };
}

function openScope(clock: Clock, parent: Scope | undefined, limits: Bandwidth): Scope {
  return {
    up: new RateNode(clock, parent?.up, limits.upBytesPerSecond),
    down: new RateNode(clock, parent?.down, limits.downBytesPerSecond),
    children: new Map(),
    sessions: 0,
  };
}

function setScopeLimits(scope: Scope, limits: Bandwidth): void {
  scope.up.setRate(limits.upBytesPerSecond);
  scope.down.setRate(limits.downBytesPerSecond);
}

function shareOf(own: Scope, onClose: () => void): SessionBandwidth {
  let closed = false;
  return {
    take: (direction, bytes, signal) => takeFrom(own[direction], bytes, signal),
    isLimited: (direction) => own[direction].lowestBytesPerSecond() < Infinity,
    chunkBytes: (direction) => {
      const share = Math.floor(own[direction].lowestBytesPerSecond() / CHUNKS_PER_SECOND);
      return Math.min(LARGEST_CHUNK_BYTES, Math.max(SMALLEST_CHUNK_BYTES, share));
    },
    [Symbol.dispose]: () => {
      if (!closed) onClose();
      closed = true;
    },
  };
}

function takeFrom(node: RateNode, bytes: number, signal: AbortSignal): Promise<void> | undefined {
  if (signal.aborted) return Promise.reject(reasonOf(signal));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let granted = false;
  const withdraw = node.request(bytes, () => {
    granted = true;
    signal.removeEventListener("abort", onAbort);
    resolve();
  });
  function onAbort(): void {
    withdraw();
    reject(reasonOf(signal));
  }
  if (granted) return undefined;
  signal.addEventListener("abort", onAbort, { once: true });
  return promise;
}

function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error("aborted", { cause: reason });
}
