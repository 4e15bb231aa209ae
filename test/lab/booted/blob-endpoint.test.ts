/** Blobs of the simulated storage accounts, as machines read them. */
import { afterAll, describe, expect, it } from "vitest";
import type { Principal } from "../../../lab/booted/access-tokens.ts";
import { blobEndpoint } from "../../../lab/booted/blob-endpoint.ts";
import type { ServiceRequest } from "../../../lab/booted/http-answer.ts";
import {
  ACCOUNT,
  BLOB_HOST,
  bodyOf,
  CloudFixture,
  CONTENT,
  principal,
  request,
  stranger,
} from "./cloud-fixture.ts";

// Made at once: the table of refusals below holds its tokens.
const cloud = new CloudFixture();

afterAll(() => cloud[Symbol.dispose]());

describe("the blob endpoint", () => {
  const token = (who: Principal, audience = "https://storage.azure.com/") =>
    `Bearer ${cloud.issuer.issue(who, audience).text}`;
  const version = { "x-ms-version": "2021-12-02" };
  const ask = (target: string, headers: ServiceRequest["headers"], method = "GET") =>
    Promise.resolve(
      blobEndpoint({ state: cloud.state, issuer: cloud.issuer })(
        request(BLOB_HOST, target, headers, method),
      ),
    );
  const mine = { ...version, authorization: token(principal) };

  it("gives a blob to who has the role on its container", async () => {
    const answer = await ask("/delivery/thing", mine);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ first: 0, last: CONTENT.length - 1 });
  });

  it("gives parts of a blob", async () => {
    const part = await ask("/delivery/thing", { ...mine, range: "bytes=5-7" });
    expect(part).toMatchObject({ status: 206, body: { first: 5, last: 7 } });
    expect(part.headers["content-range"]).toBe(`bytes 5-7/${String(CONTENT.length)}`);
    const rest = await ask("/delivery/thing", { ...mine, range: "bytes=5-" });
    expect(rest.body).toMatchObject({ first: 5, last: CONTENT.length - 1 });
    expect((await ask("/delivery/thing", { ...mine, range: "bytes=99-" })).status).toBe(416);
  });

  it.each([
    ["nobody", "/delivery/thing", version, 409, "PublicAccessNotPermitted"],
    [
      "a forged token",
      "/delivery/thing",
      { ...version, authorization: "Bearer a.b.c" },
      401,
      "InvalidAuthenticationInfo",
    ],
    [
      "a token for a vault",
      "/delivery/thing",
      { ...version, authorization: token(principal, "https://vault.azure.net") },
      401,
      "InvalidAuthenticationInfo",
    ],
    [
      "an identity without the role",
      "/delivery/thing",
      { ...version, authorization: token(stranger) },
      403,
      "AuthorizationPermissionMismatch",
    ],
    [
      "a client from before tokens",
      "/delivery/thing",
      { authorization: token(principal) },
      403,
      "AuthenticationFailed",
    ],
    ["a reader of another container", "/other/thing", mine, 403, "AuthorizationPermissionMismatch"],
    ["a reader of what is not there", "/delivery/nothing", mine, 404, "BlobNotFound"],
  ])("refuses %s as Azure does", async (_who, target, headers, status, code) => {
    const answer = await ask(target, headers);
    expect(answer.status).toBe(status);
    expect(answer.headers["x-ms-error-code"]).toBe(code);
    expect(bodyOf(answer)).toContain(`<Code>${code}</Code>`);
  });

  it("loses sight of an account's blobs with its public network access", async () => {
    cloud.put("storage:StorageAccount", ACCOUNT, { publicNetworkAccess: "Disabled" });
    try {
      expect((await ask("/delivery/thing", mine)).status).toBe(403);
    } finally {
      cloud.put("storage:StorageAccount", ACCOUNT, {});
    }
  });

  it("writes nothing", async () => {
    expect((await ask("/delivery/thing", mine, "PUT")).status).toBe(405);
  });
});
