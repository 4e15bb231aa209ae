/**
 * Listening sockets that the service manager holds and hands over, as sd_listen_fds(3) describes.
 * They outlive the process: its successor accepts from the same queue, so that no client is
 * refused while one takes over from the other.
 */

/** A socket that no binding asked for. */
export interface UnusedSocket {
  readonly descriptor: number;
  /** Undefined when it is no TCP socket. */
  readonly address: string | undefined;
  readonly port: number | undefined;
}

export interface InheritedSockets {
  /** How many were handed over. */
  readonly count: number;
  /** The descriptors, once; later calls return none. */
  take(): readonly number[];
  /** Told of each that nobody wants. */
  onUnused(socket: UnusedSocket): void;
}

export const NO_INHERITED_SOCKETS: InheritedSockets = {
  count: 0,
  take: () => [],
  onUnused: () => undefined,
};

/** The first descriptor that is handed over (SD_LISTEN_FDS_START). */
const FIRST_DESCRIPTOR = 3;

/** The part of a process' environment that tells of handed-over sockets. */
export type SocketEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * What the environment says was handed over to the process `processId`; nothing when it was meant
 * for another one.
 */
export function readInheritedSockets(
  environment: SocketEnvironment,
  processId: number,
  onUnused: (socket: UnusedSocket) => void,
): InheritedSockets {
  const { LISTEN_PID, LISTEN_FDS } = environment;
  const count = /^\d{1,4}$/.test(LISTEN_FDS ?? "") ? Number(LISTEN_FDS) : 0;
  if (LISTEN_PID !== String(processId) || count === 0) return NO_INHERITED_SOCKETS;
  let left = Array.from({ length: count }, (_, index) => FIRST_DESCRIPTOR + index);
  return {
    count,
    take: () => {
      const taken = left;
      left = [];
      return taken;
    },
    onUnused,
  };
}
