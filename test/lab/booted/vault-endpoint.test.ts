/** Secrets of the simulated vaults, as machines read them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Principal } from "../../../lab/booted/access-tokens.ts";
import type { ServiceAnswer } from "../../../lab/booted/http-answer.ts";
import { vaultEndpoint } from "../../../lab/booted/vault-endpoint.ts";
import {
  bodyOf,
  CloudFixture,
  jsonOf,
  principal,
  request,
  stranger,
  VAULT,
  VAULT_HOST,
} from "./cloud-fixture.ts";

let cloud: CloudFixture;

beforeAll(() => {
  cloud = new CloudFixture();
});

afterAll(() => cloud[Symbol.dispose]());

describe("the vault endpoint", () => {
  const token = (who: Principal) =>
    `Bearer ${cloud.issuer.issue(who, "https://vault.azure.net").text}`;
  const ask = (target: string, authorization?: string) =>
    vaultEndpoint({ state: cloud.state, issuer: cloud.issuer })(
      request(VAULT_HOST, target, authorization === undefined ? {} : { authorization }),
    ) as ServiceAnswer;

  it("gives a secret, with or without its version, to who has the role", () => {
    for (const path of ["/secrets/pem", "/secrets/pem/v2"]) {
      expect(jsonOf(ask(`${path}?api-version=7.4`, token(principal)))).toMatchObject({
        value: "PEM",
        contentType: "application/x-pem-file",
        id: `https://${VAULT_HOST}/secrets/pem/v2`,
      });
    }
  });

  it("tells nobody anything, except where tokens come from", () => {
    const answer = ask("/secrets/pem?api-version=7.4");
    expect(answer.status).toBe(401);
    expect(answer.headers["www-authenticate"]).toContain('resource="https://vault.azure.net"');
    expect(bodyOf(answer)).not.toContain("PEM");
  });

  it("refuses who lacks the role, old versions, and requests without a version", () => {
    expect(ask("/secrets/pem?api-version=7.4", token(stranger)).status).toBe(403);
    expect(ask("/secrets/pem/v1?api-version=7.4", token(principal)).status).toBe(404);
    expect(ask("/secrets/pem", token(principal)).status).toBe(400);
  });

  it("goes by access policies where a vault has those instead of roles", () => {
    const permissions = { secrets: ["get"] };
    const policy = { objectId: stranger.principalId, permissions };
    cloud.put("keyvault:Vault", VAULT, { properties: { accessPolicies: [policy] } });
    try {
      expect(ask("/secrets/pem?api-version=7.4", token(stranger)).status).toBe(200);
      expect(ask("/secrets/pem?api-version=7.4", token(principal)).status).toBe(403);
    } finally {
      cloud.put("keyvault:Vault", VAULT, { properties: { enableRbacAuthorization: true } });
    }
  });
});
