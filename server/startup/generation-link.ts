/**
 * How the two generations of the server know of each other: each listens on a unix socket, and the
 * one that starts connects to the other's. The connection lasts as long as both live, so its end is
 * the end of one of them. The successor serves only after its predecessor has answered, and that is
 * after it has let go of what it does not use of the successor's passive ports.
 */
import { rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { basename, dirname, join } from "node:path";
import type { Neighbour } from "../data/neighbour.ts";
import { GENERATIONS, type Generation } from "../data/port-slices.ts";

export interface GenerationLinkOptions {
  readonly generation: Generation;
  /**
   * Our place in the file system. Beside this file lies our link's socket; the other generation's
   * lies as `../b/` does beside `../a/`.
   */
  readonly statusSocket: string;
  readonly neighbour: Neighbour;
  /** For the predecessor's answer; one that hangs must not keep us from serving. */
  readonly patienceMilliseconds?: number;
}

const SOCKET_NAME = "generation.sock";
const PATIENCE_MILLISECONDS = 2000;

export class GenerationLink implements Disposable {
  readonly #neighbour: Neighbour;
  readonly #path: string;
  readonly #server: Server;
  readonly #successors = new Set<Socket>();
  #predecessor: Socket | undefined;

  private constructor({ neighbour, statusSocket }: GenerationLinkOptions) {
    this.#neighbour = neighbour;
    this.#path = join(dirname(statusSocket), SOCKET_NAME);
    this.#server = createServer((socket) => void this.#welcome(socket));
    this.#server.on("error", () => undefined);
  }

  /**
   * Resolves when the other generation knows of us, or is not there. Where our folder does not bear
   * the name of our generation nobody can be found, and the neighbour stays what it is.
   */
  static async open(options: GenerationLinkOptions): Promise<GenerationLink> {
    const link = new GenerationLink(options);
    if (basename(dirname(options.statusSocket)) !== options.generation) return link;
    // Of two that start at once, the later one to connect finds the other listening.
    await link.#listen();
    await link.#present(options);
    return link;
  }

  [Symbol.dispose](): void {
    this.#server.close();
    this.#predecessor?.destroy();
    for (const socket of this.#successors) socket.destroy();
  }

  /** Without a socket nobody finds us, which the kernel's answers about ports make up for. */
  async #listen(): Promise<void> {
    rmSync(this.#path, { force: true });
    await new Promise<void>((resolve) => {
      this.#server.once("error", () => resolve()).listen(this.#path, resolve);
    });
    this.#server.unref();
  }

  async #welcome(socket: Socket): Promise<void> {
    this.#successors.add(socket);
    socket.unref();
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#successors.delete(socket);
      void this.#settle();
    });
    // Its end is noticed only while it is read.
    socket.resume();
    await this.#settle();
    socket.write("done\n");
  }

  /** Connects to the predecessor and waits for its answer. */
  #present(options: GenerationLinkOptions): Promise<void> {
    const { generation, statusSocket, patienceMilliseconds = PATIENCE_MILLISECONDS } = options;
    const other = GENERATIONS.find((name) => name !== generation) ?? generation;
    const folder = dirname(statusSocket);
    return new Promise((resolve) => {
      const socket = connect(join(dirname(folder), other, SOCKET_NAME));
      const timer = setTimeout(resolve, patienceMilliseconds);
      const answered = (): void => {
        clearTimeout(timer);
        socket.unref();
        resolve();
      };
      socket.once("connect", () => {
        this.#predecessor = socket;
        void this.#settle();
      });
      socket.once("data", answered).resume();
      socket.on("error", () => undefined);
      socket.once("close", () => {
        this.#predecessor = undefined;
        void this.#settle();
        answered();
      });
    });
  }

  async #settle(): Promise<void> {
    if (this.#successors.size > 0) await this.#neighbour.change("successor");
    else if (this.#predecessor !== undefined) await this.#neighbour.change("predecessor");
    else await this.#neighbour.change("absent");
  }
}
