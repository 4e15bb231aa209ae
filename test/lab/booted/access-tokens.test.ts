/** Tokens of the lab's directory. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenIssuer } from "../../../lab/booted/access-tokens.ts";
import { principal } from "./cloud-fixture.ts";

const issuer = new TokenIssuer();

describe("access tokens", () => {
  const audience = "https://storage.azure.com";
  const bearer = (token: string) => `Bearer ${token}`;

  it("speak for the identity they were issued to, for their resource only", () => {
    const { text } = issuer.issue(principal, `${audience}/`);
    expect(issuer.recognise(bearer(text), [audience])).toBe(principal.principalId);
    expect(issuer.recognise(bearer(text), ["https://vault.azure.net"])).toBeUndefined();
    expect(issuer.recognise(undefined, [audience])).toBeUndefined();
    expect(issuer.recognise(text, [audience])).toBeUndefined();
  });

  it("count for a day", () => {
    let now = Date.UTC(2026, 0, 1);
    const clock = new TokenIssuer(() => now);
    const { text } = clock.issue(principal, audience);
    now += 86_399_000;
    expect(clock.recognise(bearer(text), [audience])).toBe(principal.principalId);
    now += 1_000;
    expect(clock.recognise(bearer(text), [audience])).toBeUndefined();
  });

  it("are nothing when another issuer signed them, or any character differs", () => {
    const foreign = new TokenIssuer().issue(principal, audience).text;
    expect(issuer.recognise(bearer(foreign), [audience])).toBeUndefined();
    const { text } = issuer.issue(principal, audience);
    // Not the last character, part of which no decoder reads.
    fc.assert(
      fc.property(fc.nat(text.length - 2), fc.constantFrom("A", "b", "7", "_"), (at, letter) => {
        fc.pre(text[at] !== letter);
        const changed = text.slice(0, at) + letter + text.slice(at + 1);
        expect(issuer.recognise(bearer(changed), [audience])).toBeUndefined();
      }),
    );
  });
});
