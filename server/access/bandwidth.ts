/**
 * Bandwidth limits of server, site, account and session, up and down, combined: a session gets
 * what all of its limits allow and its fair share where others want it too (see `rate-node.ts`).
 */
import type { Bandwidth } from "#contract";
import { RateNode, type Clock, type RateUse } from "./rate-node.ts";

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
  /** Changes what each session right below a scope may use at most. */
  setSessionLimits(keys: readonly string[], limits: Bandwidth): void;
  /** What limited scopes have used since the last call, where a share of them is all there is. */
  takeUses(): readonly ScopeUse[];
  /** Sets the part of a scope's limits that this tree may use up, also once it is opened again. */
  setShare(keys: readonly string[], share: Share): void;
}

/** A part of a limit, from 0 to 1. */
export interface Share {
  readonly up: number;
  readonly down: number;
}

/** How much of a limited scope was wanted, for whoever shares it out. */
export interface ScopeUse {
  readonly keys: readonly string[];
  /** The whole limits. */
  readonly limits: Bandwidth;
  readonly up: RateUse;
  readonly down: RateUse;
  /** Sessions that moved something. */
  readonly sessions: number;
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
  /** Sessions right below. */
  readonly leaves: Set<SessionShare>;
  /** Sessions anywhere below that have moved something since the last look. */
  readonly active: Set<SessionShare>;
  sessions: number;
  limits: Bandwidth;
  /** The part of the limits that this process has. */
  share: Share;
}

/**
 * Opens the tree of a process.
 *
 * @param share the part of every shared limit that this process has to begin with; 1: it is alone.
 */
export function openBandwidth(server: Bandwidth, clock: Clock, share = 1): BandwidthTree {
  const shared = share < 1;
  const first = { up: share, down: share };
  /** By the keys of a scope; as many as there have ever been limited scopes. */
  const shares = new Map<string, Share>();
  const openScope = (parent: Scope | undefined, limits: Bandwidth, part: Share): Scope => {
    const scope: Scope = {
      up: new RateNode(clock, parent?.up, undefined),
      down: new RateNode(clock, parent?.down, undefined),
      children: new Map(),
      leaves: new Set(),
      active: new Set(),
      sessions: 0,
      limits,
      share: part,
    };
    setScopeLimits(scope, limits);
    return scope;
  };
  const root = openScope(undefined, server, first);
  const find = (keys: readonly string[]): Scope | undefined =>
    keys.reduce<Scope | undefined>((above, key) => above?.children.get(key), root);

  const shareOf = (scopes: readonly BandwidthScope[]): Share =>
    (shared ? shares.get(JSON.stringify(scopes.map(({ key }) => key))) : undefined) ?? first;

  const open = (scopes: readonly BandwidthScope[], session: Bandwidth): SessionBandwidth => {
    const line: Scope[] = [root];
    let parent = root;
    for (const [index, { key, limits }] of scopes.entries()) {
      const existing = parent.children.get(key);
      const scope = existing ?? openScope(parent, limits, shareOf(scopes.slice(0, index + 1)));
      if (existing === undefined) parent.children.set(key, scope);
      else setScopeLimits(scope, limits);
      scope.sessions += 1;
      line.push(scope);
      parent = scope;
    }
    return new SessionShare({ clock, line, keys: scopes.map(({ key }) => key), shared }, session);
  };

  const setLimits = (keys: readonly string[], limits: Bandwidth): void => {
    const scope = find(keys);
    if (scope !== undefined) setScopeLimits(scope, limits);
  };

  const setSessionLimits = (keys: readonly string[], limits: Bandwidth): void => {
    for (const leaf of find(keys)?.leaves ?? []) leaf.setLimits(limits);
  };

  const takeUses = (): readonly ScopeUse[] => (shared ? usesOf(root, []) : []);

  const setShare = (keys: readonly string[], part: Share): void => {
    shares.set(JSON.stringify(keys), part);
    const scope = find(keys);
    if (scope === undefined) return;
    scope.share = part;
    setScopeLimits(scope, scope.limits);
  };

  return { open, setLimits, setSessionLimits, takeUses, setShare };
}

/** Uses of a scope and of all below it; what is not limited is left out. */
function usesOf(scope: Scope, keys: readonly string[]): readonly ScopeUse[] {
  const { limits, active } = scope;
  const [up, down, sessions] = [scope.up.takeUse(), scope.down.takeUse(), active.size];
  active.clear();
  const below = [...scope.children].flatMap(([key, child]) => usesOf(child, [...keys, key]));
  const limited = limits.upBytesPerSecond !== undefined || limits.downBytesPerSecond !== undefined;
  return limited ? [{ keys, limits, up, down, sessions }, ...below] : below;
}

function setScopeLimits(scope: Scope, limits: Bandwidth): void {
  const { upBytesPerSecond: up, downBytesPerSecond: down } = limits;
  scope.limits = limits;
  scope.up.setRate(up === undefined ? undefined : up * scope.share.up);
  scope.down.setRate(down === undefined ? undefined : down * scope.share.down);
}

/** Where a session stands in the tree. */
interface Standing {
  readonly clock: Clock;
  /** Scopes from the root to the one right above. */
  readonly line: readonly Scope[];
  /** Of all of them but the root. */
  readonly keys: readonly string[];
  /** Sessions that move something are counted. */
  readonly shared: boolean;
}

/** A leaf of the tree. It has nodes of its own once it moves something where limits are. */
class SessionShare implements SessionBandwidth {
  readonly #standing: Standing;
  #limits: Bandwidth;
  #up: RateNode | undefined;
  #down: RateNode | undefined;
  #closed = false;

  constructor(standing: Standing, limits: Bandwidth) {
    this.#standing = standing;
    this.#limits = limits;
    standing.line.at(-1)?.leaves.add(this);
  }

  setLimits(limits: Bandwidth): void {
    this.#limits = limits;
    this.#up?.setRate(limits.upBytesPerSecond);
    this.#down?.setRate(limits.downBytesPerSecond);
  }

  take(direction: Direction, bytes: number, signal: AbortSignal): Promise<void> | undefined {
    const { shared, line } = this.#standing;
    if (shared) for (const scope of line) scope.active.add(this);
    return takeFrom(this.#node(direction), bytes, signal);
  }

  isLimited(direction: Direction): boolean {
    return this.#lowestBytesPerSecond(direction) < Infinity;
  }

  chunkBytes(direction: Direction): number {
    const share = Math.floor(this.#lowestBytesPerSecond(direction) / CHUNKS_PER_SECOND);
    return Math.min(LARGEST_CHUNK_BYTES, Math.max(SMALLEST_CHUNK_BYTES, share));
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    const { line, keys } = this.#standing;
    line.at(-1)?.leaves.delete(this);
    this.#up?.close();
    this.#down?.close();
    for (const [index, key] of keys.entries()) {
      const scope = line[index + 1];
      if (scope === undefined) continue;
      scope.sessions -= 1;
      if (scope.sessions === 0) line[index]?.children.delete(key);
    }
  }

  #lowestBytesPerSecond(direction: Direction): number {
    const above = this.#standing.line.at(-1)?.[direction].lowestBytesPerSecond() ?? Infinity;
    return Math.min(above, this.#limits[LIMIT_OF[direction]] ?? Infinity);
  }

  #node(direction: Direction): RateNode {
    const { clock, line } = this.#standing;
    const own = (): RateNode =>
      new RateNode(clock, line.at(-1)?.[direction], this.#limits[LIMIT_OF[direction]]);
    return direction === "up" ? (this.#up ??= own()) : (this.#down ??= own());
  }
}

const LIMIT_OF = { up: "upBytesPerSecond", down: "downBytesPerSecond" } as const;

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
