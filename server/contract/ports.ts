/**
 * Arithmetic of TCP ports: ranges, slices and the ports that follow from others.
 *
 * Every layer of a deployment (security rules, guest firewall, reserved ports, server) asks these
 * functions, so that no port is written down a second time.
 */

/** A contiguous range of TCP ports, both ends included. `first <= last`. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export const LOWEST_PORT = 1;
export const HIGHEST_PORT = 65535;
/** Ports below this one need privileges on the machine and belong to well-known services. */
export const LOWEST_UNPRIVILEGED_PORT = 1024;

/** Where administrators log in to the machine through Bastion: sshd as distributions ship it. */
export const SSH_PORT = 22;

/** Connections that may wait to be accepted, per listener: the server's wish and the kernel's bound. */
export const LISTEN_BACKLOG = 4096;

/** True for a whole number that can be a TCP port. */
export function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= LOWEST_PORT && value <= HIGHEST_PORT;
}

/**
 * Reads `first-last` or a single port. Returns undefined when the text is not a range of ports;
 * an inverted range is returned as written, so that the caller can say what is wrong with it.
 */
export function parseRange(text: string): PortRange | undefined {
  const match = /^\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?$/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  return isPort(first) && isPort(last) ? { first, last } : undefined;
}

/** Writes a range as `first-last`, the form that Azure, nftables and sysctl share. */
export function formatRange(range: PortRange): string {
  return `${String(range.first)}-${String(range.last)}`;
}

/** The range that holds one port. */
export function singlePort(port: number): PortRange {
  return { first: port, last: port };
}

/** How many ports a range holds. */
export function countPorts(range: PortRange): number {
  return range.last - range.first + 1;
}

export function containsPort(range: PortRange, port: number): boolean {
  return port >= range.first && port <= range.last;
}

export function rangesOverlap(a: PortRange, b: PortRange): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/**
 * Divides a range into `count` disjoint, contiguous slices of equal size that cover it in order.
 * Nodes of a fleet, worker processes and the two generations of an upgrade each own slices, so
 * that no passive port is ever listened on by two processes.
 *
 * @throws RangeError when `count` does not divide the range (the contract rejects that earlier).
 */
export function sliceRange(range: PortRange, count: number): readonly PortRange[] {
  const size = countPorts(range) / count;
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(
      `${formatRange(range)} cannot be divided into ${String(count)} equal slices`,
    );
  }
  return Array.from({ length: count }, (_, index) => partOfRange(range, index, count)).flat();
}

/** One of `count` contiguous parts that differ by one port at most; none when it would be empty. */
export function partOfRange(range: PortRange, index: number, count: number): readonly PortRange[] {
  const ports = countPorts(range);
  const first = range.first + Math.floor((index * ports) / count);
  const last = range.first + Math.floor(((index + 1) * ports) / count) - 1;
  return first > last ? [] : [{ first, last }];
}

/**
 * Slices of the passive range of which a session may see only one: each worker process leases from
 * its own. Of `workers: 0`, one on each processor, nobody knows the number before; it is above 1.
 */
export function slicesSeen({
  workers,
  passiveSlices,
}: {
  readonly workers: number;
  readonly passiveSlices: number;
}): number {
  return Math.max(passiveSlices, workers === 0 ? 2 : workers);
}

/**
 * The source port of active data connections: the one below the control port (RFC 959, 5.2:
 * "the default data port is L-1"); so 20 for control port 21 and 989 for implicit TLS on 990.
 */
export function activeDataPort(controlPort: number): number {
  return controlPort - 1;
}

/**
 * Sorts ranges and joins those that touch or overlap: `[21-21, 22-30, 50-60]` → `[21-30, 50-60]`.
 * Two lists of ranges describe the same set of ports exactly when their merged forms are equal.
 */
export function mergeRanges(ranges: readonly PortRange[]): readonly PortRange[] {
  const merged: PortRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first || a.last - b.last)) {
    const previous = merged.at(-1);
    if (previous !== undefined && range.first <= previous.last + 1) {
      merged[merged.length - 1] = {
        first: previous.first,
        last: Math.max(previous.last, range.last),
      };
    } else {
      merged.push(range);
    }
  }
  return merged;
}
