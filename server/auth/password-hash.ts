/**
 * Password hashes: scrypt (RFC 7914) in the PHC string format,
 * `$scrypt$ln=15,r=8,p=3$SALT$HASH` with unpadded base64. The parameters travel in the hash, so a
 * stronger default leaves old hashes valid.
 */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { HashTurns, type HashClient } from "./hash-turns.ts";

/** Cost of one hash: about `128 * 2^logCost * blockSize` bytes of memory while it is computed. */
export interface ScryptParameters {
  /** log2 of the CPU and memory cost N. */
  readonly logCost: number;
  /** r. */
  readonly blockSize: number;
  /** p. */
  readonly parallelism: number;
}

/** 32 MiB and some 100 ms: the middle of OWASP's recommended settings for scrypt. */
export const DEFAULT_SCRYPT: ScryptParameters = { logCost: 15, blockSize: 8, parallelism: 3 };

/** Above these a hash from a settings file could take all memory or a core for minutes. */
const MOST_MEMORY_BYTES = 256 * 1024 * 1024;
const MOST_PARALLELISM = 16;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** A hash taken apart. */
export interface ParsedHash {
  readonly parameters: ScryptParameters;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** Hashes a password under a fresh salt. The password counts by its UTF-8 bytes, as sent. */
export async function hashPassword(
  password: string,
  parameters: ScryptParameters = DEFAULT_SCRYPT,
): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await compute(password, salt, HASH_BYTES, parameters);
  const { logCost, blockSize, parallelism } = parameters;
  const cost = `ln=${String(logCost)},r=${String(blockSize)},p=${String(parallelism)}`;
  return `$scrypt$${cost}$${encode(salt)}$${encode(hash)}`;
}

/**
 * Whether `password` is the one that was hashed. The comparison takes the same time wherever the
 * two differ. False for text that is not a hash, or whose parameters are out of bounds.
 *
 * @param client whose turn it takes.
 * @throws TooManyHashesError, or the signal's reason
 */
export async function verifyPassword(
  hash: string,
  password: string,
  client: HashClient = { client: "" },
): Promise<boolean> {
  const parsed = parseHash(hash);
  if (parsed === undefined) return false;
  const { salt, hash: expected, parameters } = parsed;
  const derived = await turns.run(client, () =>
    compute(password, salt, expected.length, parameters),
  );
  return timingSafeEqual(derived, expected);
}

/** Takes a PHC string apart; undefined when it is not one of scrypt within sane bounds. */
export function parseHash(text: string): ParsedHash | undefined {
  const match =
    /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(
      text,
    );
  if (match === null) return undefined;
  const [, logCost, blockSize, parallelism, salt = "", hash = ""] = match;
  const parameters = {
    logCost: Number(logCost),
    blockSize: Number(blockSize),
    parallelism: Number(parallelism),
  };
  const parsed = {
    parameters,
    salt: Buffer.from(salt, "base64"),
    hash: Buffer.from(hash, "base64"),
  };
  return isWithinBounds(parameters) && parsed.hash.length >= 16 && parsed.hash.length <= 64
    ? parsed
    : undefined;
}

function isWithinBounds(parameters: ScryptParameters): boolean {
  const { logCost, blockSize, parallelism } = parameters;
  return (
    logCost >= 1 &&
    blockSize >= 1 &&
    parallelism >= 1 &&
    parallelism <= MOST_PARALLELISM &&
    memoryOf(parameters) <= MOST_MEMORY_BYTES
  );
}

function memoryOf({ logCost, blockSize }: ScryptParameters): number {
  return 128 * 2 ** logCost * blockSize;
}

function encode(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}

/** Of all that the process computes. */
const turns = new HashTurns();

function compute(
  password: string,
  salt: Buffer,
  length: number,
  parameters: ScryptParameters,
): Promise<Buffer> {
  const { logCost, blockSize, parallelism } = parameters;
  const options = {
    N: 2 ** logCost,
    r: blockSize,
    p: parallelism,
    // OpenSSL counts a little more than the formula says.
    maxmem: memoryOf(parameters) + 128 * blockSize * (parallelism + 2) + 1024 * 1024,
  };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
