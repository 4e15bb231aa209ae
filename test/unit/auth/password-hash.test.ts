import { scryptSync } from "node:crypto";
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { accountSchema } from "#contract";
import { hashPassword, parseHash, verifyPassword } from "../../../server/auth/password-hash.ts";

const cheap = { logCost: 4, blockSize: 8, parallelism: 1 };

test("a hash is what the contract takes for one", async () => {
  const passwordHash = await hashPassword("correct horse");
  expect(v.is(accountSchema, { name: "anna", passwordHash })).toBe(true);
  expect(passwordHash).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$/);
  expect(await verifyPassword(passwordHash, "correct horse")).toBe(true);
  expect(await verifyPassword(passwordHash, "correct horsf")).toBe(false);
});

test("a hash made elsewhere verifies", async () => {
  const salt = Buffer.from("0123456789abcdef");
  const hash = scryptSync("pässword", salt, 32, { N: 1024, r: 8, p: 2 });
  const plain = (bytes: Buffer) => bytes.toString("base64").replaceAll("=", "");
  const phc = `$scrypt$ln=10,r=8,p=2$${plain(salt)}$${plain(hash)}`;
  expect(await verifyPassword(phc, "pässword")).toBe(true);
  expect(await verifyPassword(phc, "password")).toBe(false);
});

test("equal passwords have different hashes", async () => {
  expect(await hashPassword("same", cheap)).not.toBe(await hashPassword("same", cheap));
});

test("only the very same password verifies", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.string(), async (password, other) => {
      const hash = await hashPassword(password, cheap);
      expect(await verifyPassword(hash, password)).toBe(true);
      expect(await verifyPassword(hash, other)).toBe(other === password);
    }),
    { numRuns: 50 },
  );
});

describe("what is not a sane hash never verifies and costs nothing", () => {
  test.each([
    ["empty", ""],
    ["plain text", "secret"],
    ["another function", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"],
    ["too much memory", "$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"],
    ["too much time", "$scrypt$ln=15,r=8,p=999$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"],
    ["no cost", "$scrypt$ln=0,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"],
    ["a hash of three bytes", "$scrypt$ln=4,r=8,p=1$c2FsdHNhbHQ$aGFz"],
    ["a line break behind it", "$scrypt$ln=4,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA\n"],
  ])("%s", async (_, text) => {
    expect(parseHash(text)).toBeUndefined();
    expect(await verifyPassword(text, "secret")).toBe(false);
  });
});

test("many at once all get their answer", async () => {
  const hash = await hashPassword("secret", cheap);
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      verifyPassword(hash, index % 2 === 0 ? "secret" : "guess"),
    ),
  );
  expect(answers).toEqual(Array.from({ length: 200 }, (_, index) => index % 2 === 0));
});
