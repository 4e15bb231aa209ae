/** Replies of the control connection, read strictly (RFC 959, section 4.2). Pure. */
import { ProbeFault } from "./symptoms.ts";

export interface Reply {
  readonly code: number;
  /** Text of each line without code and separator. */
  readonly lines: readonly string[];
}

/** Preliminary (1) to permanent (5): the first digit says how a command went on. */
export function replyClass(reply: Reply): number {
  return Math.floor(reply.code / 100);
}

export function replyText(reply: Reply): string {
  return reply.lines.join(" ").trim();
}

const LONGEST_LINE_BYTES = 8 * 1024;
const MOST_LINES = 1024;

/** Joins chunks to lines and lines to replies, however the network cut them. */
export class ReplyReader {
  #rest = "";
  #open: { readonly code: string; readonly lines: string[] } | undefined;

  /** True when no bytes of an unfinished reply are held. */
  get isEmpty(): boolean {
    return this.#rest === "" && this.#open === undefined;
  }

  /**
   * Takes a chunk and returns the replies that it completes.
   *
   * @throws ProbeFault (malformedReply) on anything that RFC 959 does not allow.
   */
  push(chunk: string): readonly Reply[] {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > LONGEST_LINE_BYTES) throw malformed(this.#rest);
    return lines
      .map((line) => this.#take(line.endsWith("\r") ? line.slice(0, -1) : line))
      .filter((reply) => reply !== undefined);
  }

  #take(line: string): Reply | undefined {
    if (line.length > LONGEST_LINE_BYTES) throw malformed(line);
    const open = this.#open;
    if (open !== undefined) {
      if (line.startsWith(`${open.code} `) || line === open.code) {
        this.#open = undefined;
        return { code: Number(open.code), lines: [...open.lines, line.slice(4)] };
      }
      if (open.lines.push(line.replace(new RegExp(`^${open.code}-`), "")) > MOST_LINES) {
        throw malformed(line);
      }
      return undefined;
    }
    const [, code = "", separator = "", text = ""] = /^([1-5]\d\d)([ -]?)(.*)$/.exec(line) ?? [];
    if (code === "" || (separator === "" && text !== "")) throw malformed(line);
    if (separator !== "-") return { code: Number(code), lines: [text] };
    this.#open = { code, lines: [text] };
    return undefined;
  }
}

function malformed(text: string): ProbeFault {
  return new ProbeFault({ kind: "malformedReply", text });
}

/** Host and port out of `227 Entering Passive Mode (h1,h2,h3,h4,p1,p2)`. */
export interface PassiveAddress {
  readonly address: string;
  readonly port: number;
}

/**
 * Reads a reply to PASV. Parentheses are optional, as RFC 1123, 4.1.2.6 asks clients to accept.
 *
 * @throws ProbeFault (malformedReply)
 */
export function parsePassiveReply(reply: Reply): PassiveAddress {
  const text = replyText(reply);
  const match = /(?<![\d,])(\d{1,3}(?:,\d{1,3}){5})(?![\d,])/.exec(text);
  const numbers = (match?.[1] ?? "").split(",").map(Number);
  const [high, low] = numbers.slice(4);
  if (high === undefined || low === undefined || numbers.some((number) => number > 255)) {
    throw malformed(text);
  }
  return { address: numbers.slice(0, 4).join("."), port: high * 256 + low };
}

/**
 * Reads the port out of `229 … (|||port|)` (RFC 2428, section 3; any delimiter).
 *
 * @throws ProbeFault (malformedReply)
 */
export function parseExtendedPassiveReply(reply: Reply): number {
  const text = replyText(reply);
  const match = /\(([\x21-\x7e])\1\1(\d{1,5})\1\)/.exec(text);
  const port = Number(match?.[2]);
  if (!(port >= 1 && port <= 65535)) throw malformed(text);
  return port;
}
