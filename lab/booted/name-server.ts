/**
 * Azure's name server as a machine sees it, for the names of the simulated accounts and vaults.
 * Anything else does not exist: the lab leads nowhere. (RFC 1035, over UDP.)
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

/** The address of a name, undefined when there is no such name. */
export type Lookup = (name: string) => string | undefined;

const HEADER_BYTES = 12;
const TYPE_A = 1;
const CLASS_IN = 1;
/** Names are looked up anew each time: accounts and vaults come and go. */
const TIME_TO_LIVE_SECONDS = 0;
/** Response, recursion desired and available. */
const RESPONSE_FLAGS = 0x8180;
const NAME_ERROR = 3;
const NOT_IMPLEMENTED = 4;
/** A pointer to the question's name, right behind the header. */
const NAME_POINTER = 0xc000 | HEADER_BYTES;

/** Answers one message; undefined for what is not a query. */
export function answerQuery(query: Buffer, lookup: Lookup): Buffer | undefined {
  if (query.length < HEADER_BYTES || (query.readUInt8(2) & 0x80) !== 0) return undefined;
  const question = readQuestion(query);
  if (question === undefined) return respond(query, HEADER_BYTES, NOT_IMPLEMENTED, undefined);
  const address = lookup(question.name);
  if (address === undefined) return respond(query, question.end, NAME_ERROR, undefined);
  const wanted = question.type === TYPE_A && question.class === CLASS_IN;
  return respond(query, question.end, 0, wanted ? address : undefined);
}

interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Offset behind it. */
  readonly end: number;
}

/** Undefined unless the message has exactly one whole question. */
function readQuestion(query: Buffer): Question | undefined {
  if (query.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let offset = HEADER_BYTES;
  for (;;) {
    const length = query[offset];
    if (length === undefined || length > 63) return undefined;
    offset += 1;
    if (length === 0) break;
    labels.push(query.subarray(offset, offset + length).toString("latin1"));
    offset += length;
  }
  if (query.length < offset + 4) return undefined;
  return {
    name: labels.join(".").toLowerCase(),
    type: query.readUInt16BE(offset),
    class: query.readUInt16BE(offset + 2),
    end: offset + 4,
  };
}

function respond(
  query: Buffer,
  questionEnd: number,
  code: number,
  address: string | undefined,
): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(RESPONSE_FLAGS | code, 2);
  header.writeUInt16BE(questionEnd > HEADER_BYTES ? 1 : 0, 4);
  header.writeUInt16BE(address === undefined ? 0 : 1, 6);
  const question = query.subarray(HEADER_BYTES, questionEnd);
  if (address === undefined) return Buffer.concat([header, question]);
  const answer = Buffer.alloc(16);
  answer.writeUInt16BE(NAME_POINTER, 0);
  answer.writeUInt16BE(TYPE_A, 2);
  answer.writeUInt16BE(CLASS_IN, 4);
  answer.writeUInt32BE(TIME_TO_LIVE_SECONDS, 6);
  answer.writeUInt16BE(4, 10);
  for (const [index, part] of address.split(".").entries())
    answer.writeUInt8(Number(part), 12 + index);
  return Buffer.concat([header, question, answer]);
}

/** Serves on a local address until it is closed. */
export async function openNameServer(
  address: string,
  port: number,
  lookup: Lookup,
): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.on("message", (query, peer) => {
    const answer = answerQuery(query, lookup);
    if (answer !== undefined) socket.send(answer, peer.port, peer.address);
  });
  socket.bind(port, address);
  await once(socket, "listening");
  return socket;
}
