/** The control connection of a scripted server: does what the script says, right or wrong. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Lease, ServerState } from "./scripted-state.ts";

export const SCRIPTED_ACCOUNT = "prober";
export const SCRIPTED_PASSWORD = "correct horse";
export class ScriptedSession {
  readonly #state: ServerState;
  #socket: Socket;
  #userGiven = false;
  #loggedIn = false;
  #private = false;
  #lease: Lease | undefined;

  constructor(state: ServerState, socket: Socket) {
    this.#state = state;
    this.#socket = socket;
  }

  get #secured(): boolean {
    return this.#socket instanceof TLSSocket;
  }

  async run(): Promise<void> {
    this.#reply("greeting", "220 Scripted server");
    while (await this.#serveLines(this.#socket));
  }

  /** True when the connection was secured, so that lines go on coming from another socket. */
  async #serveLines(socket: Socket): Promise<boolean> {
    const { idleMilliseconds } = this.#state.script;
    if (idleMilliseconds !== undefined) {
      socket.setTimeout(idleMilliseconds, () => socket.end("421 Idle for too long\r\n"));
    }
    let rest = "";
    const chunks = socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    try {
      for await (const chunk of chunks) {
        const lines = (rest + chunk.toString()).split("\r\n");
        rest = lines.pop() ?? "";
        for (const line of lines) await this.#obey(line);
        if (this.#socket !== socket) return true;
      }
    } catch {
      socket.destroy();
    }
    return false;
  }

  #reply(verb: string, text: string): void {
    const { replies, silentOn } = this.#state.script;
    if (!silentOn.includes(verb)) this.#socket.write(`${replies[verb] ?? text}\r\n`);
  }

  async #obey(line: string): Promise<void> {
    const { script, heard, files } = this.#state;
    const [verb = "", argument = ""] = line.split(/ (.*)/s);
    heard.push({ line, secured: this.#secured });
    if (script.resetOn.includes(verb)) {
      this.#socket.resetAndDestroy();
      return;
    }
    // A reply of the script's own means that the command is not carried out.
    if (script.replies[verb] !== undefined || script.silentOn.includes(verb)) {
      this.#reply(verb, "");
      return;
    }
    switch (verb) {
      case "AUTH":
        this.#socket.write(`234 Go ahead\r\n${script.textAfterAuth}`);
        this.#socket = this.#state.secure(this.#socket);
        return;
      case "USER":
        this.#userGiven = argument === SCRIPTED_ACCOUNT;
        if (script.requireTlsForUser && !this.#secured) this.#reply(verb, "530 TLS first");
        else this.#reply(verb, "331 Password");
        return;
      case "PASS":
        this.#loggedIn = this.#userGiven && argument === SCRIPTED_PASSWORD;
        this.#reply(verb, this.#loggedIn ? "230-Welcome\r\n 230 is no end\r\n230 In" : "530 No");
        return;
      case "QUIT":
        this.#socket.end("221 Bye\r\n");
        return;
      case "NOOP":
      case "TYPE":
      case "PBSZ":
        this.#reply(verb, "200 Fine");
        return;
    }
    if (!this.#loggedIn) {
      this.#reply(verb, "530 Not logged in");
      return;
    }
    switch (verb) {
      case "PROT":
        this.#protect(argument);
        return;
      case "PASV":
      case "EPSV":
        this.#passive(verb);
        return;
      case "DELE":
        if (!script.keepDeleted) files.delete(argument);
        this.#reply(verb, "250 Deleted");
        return;
      case "LIST":
      case "RETR":
      case "STOR":
        await this.#transfer(verb, argument);
        return;
      default:
        this.#reply(verb, "502 Not scripted");
    }
  }

  #protect(level: string): void {
    const { denyTlsForData, requireTlsForData } = this.#state.script;
    const refused = level === "P" ? denyTlsForData : requireTlsForData;
    if (!refused) this.#private = level === "P";
    this.#reply("PROT", refused ? "534 Not by policy" : "200 Fine");
  }

  #passive(verb: "PASV" | "EPSV"): void {
    const lease = this.#state.lease(this.#lease);
    this.#lease = lease;
    const host = this.#state.script.advertisedAddress.replaceAll(".", ",");
    const numbers = `${host},${String(lease.port >> 8)},${String(lease.port & 255)}`;
    this.#reply(
      verb,
      verb === "EPSV"
        ? `229 Extended passive (|||${String(lease.port)}|)`
        : `227 Passive (${numbers}).`,
    );
  }

  async #transfer(verb: "LIST" | "RETR" | "STOR", name: string): Promise<void> {
    const { script, files } = this.#state;
    const raw = await this.#lease?.arrived;
    this.#lease = undefined;
    if (raw === undefined) {
      this.#reply(verb, "425 No port");
      return;
    }
    this.#reply(verb, "150 Here");
    const socket = this.#private ? this.#state.secure(raw) : raw;
    if (this.#private) await once(socket, "secure");
    if (verb === "STOR") {
      const chunks: Buffer[] = [];
      for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
      socket.end();
      const stored = script.store(Buffer.concat(chunks));
      if (stored !== undefined) files.set(name, stored);
    } else {
      const listing = [...files.keys()].map((file) => `-rw-r--r-- 1 a a 1 Jan 1 00:00 ${file}\r\n`);
      const stored = files.get(name) ?? Buffer.alloc(0);
      socket.end(verb === "LIST" ? listing.join("") : script.download(stored));
      await once(socket.resume(), "close");
    }
    this.#reply(verb, "226 Done");
  }
}
