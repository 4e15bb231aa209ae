/**
 * Which files are being written. One writer at a time: two uploads of one name would otherwise be
 * mixed, or the slower one would win. Files are told apart by their real paths, across all storages
 * of the process: the folder of one may lie inside that of another.
 */
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:net";
import { StorageError } from "./storage.ts";

export interface WriterLocks {
  /**
   * @param realPath absolute, links resolved.
   * @throws StorageError `busy` when somebody else writes the file.
   */
  claim(realPath: string): Disposable;
}

const written = new Set<string>();

/** Among the sessions of this process. */
export const PROCESS_LOCKS: WriterLocks = {
  claim: (realPath) => {
    if (written.has(realPath)) throw new StorageError("busy");
    written.add(realPath);
    return { [Symbol.dispose]: () => void written.delete(realPath) };
  },
};

/**
 * Among all processes of this machine as well: the workers of one server, and the old and the new
 * server while one takes over from the other.
 *
 * The lock is a name in Linux' abstract socket space (unix(7)): binding it is one system call that
 * only one process can succeed in, nothing lies on the disk, and the kernel frees the name with the
 * process however that ends. It costs about 10 microseconds for an upload. Names belong to the
 * network namespace: processes in different ones (containers) do not see each other, nor do
 * machines that share a network file system.
 *
 * @throws Error where there is no such socket space: another system, or a sandbox without AF_UNIX.
 */
export function openMachineLocks(): WriterLocks {
  const probe = bindName(`probe-${String(process.pid)}`);
  if (probe === undefined) throw new Error("abstract Unix sockets are not available");
  probe.close();
  return {
    claim: (realPath) => {
      using held = new DisposableStack();
      held.use(PROCESS_LOCKS.claim(realPath));
      const server = bindName(createHash("sha256").update(realPath).digest("hex"));
      if (server === undefined) {
        throw new StorageError("busy", { reason: "another process of the server writes the file" });
      }
      held.defer(() => server.close());
      const owned = held.move();
      return { [Symbol.dispose]: () => owned.dispose() };
    },
  };
}

/** Takes a name of the machine; undefined when it is taken. */
function bindName(name: string): Server | undefined {
  if (process.platform !== "linux") return undefined;
  // Nobody has any business connecting.
  const server = createServer((socket) => socket.destroy());
  // Why it failed comes later, and with `listening` it is known already that it did.
  server.on("error", () => undefined);
  // Exclusive: by this very process, not through the primary of a cluster.
  server.listen({ path: `\0gangway-writer-${name}`, exclusive: true });
  if (!server.listening) return undefined;
  server.unref();
  return server;
}
