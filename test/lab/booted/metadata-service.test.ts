/** The instance metadata service of a machine. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ServiceAnswer, ServiceRequest } from "../../../lab/booted/http-answer.ts";
import { metadataService } from "../../../lab/booted/metadata-service.ts";
import {
  bodyOf,
  CloudFixture,
  IDENTITY,
  jsonOf,
  MACHINE,
  OTHER,
  request,
} from "./cloud-fixture.ts";

let cloud: CloudFixture;

beforeAll(() => {
  cloud = new CloudFixture();
});

afterAll(() => cloud[Symbol.dispose]());

describe("the metadata service", () => {
  const TOKEN = "/metadata/identity/oauth2/token?api-version=2018-02-01";
  const STORAGE = "&resource=https%3A%2F%2Fstorage.azure.com%2F";
  const metadata = { metadata: "true" };
  const ask = (target: string, headers: ServiceRequest["headers"] = metadata) =>
    metadataService({ state: cloud.state, machineId: MACHINE, issuer: cloud.issuer })(
      request("169.254.169.254", target, headers),
    ) as ServiceAnswer;

  it("issues tokens that the services recognise, in the form that clients of Azure parse", () => {
    const answer = ask(`${TOKEN}${STORAGE}&client_id=c-me`);
    expect(answer.status).toBe(200);
    expect(jsonOf(answer)).toMatchObject({
      client_id: "c-me",
      resource: "https://storage.azure.com/",
      token_type: "Bearer",
      expires_in: "86400",
    });
    const token = String(jsonOf(answer)["access_token"]);
    expect(cloud.issuer.recognise(`Bearer ${token}`, ["https://storage.azure.com"])).toBe("p-me");
  });

  it.each([
    ["without the Metadata header", `${TOKEN}${STORAGE}`, {}, "metadata header"],
    [
      "through a proxy",
      `${TOKEN}${STORAGE}`,
      { ...metadata, "x-forwarded-for": "1.2.3.4" },
      "X-Forwarded-For",
    ],
    ["without a resource", TOKEN, metadata, "resource"],
    ["without a version", `/metadata/identity/oauth2/token?x=1${STORAGE}`, metadata, "api-version"],
    [
      "for an identity of somebody else",
      `${TOKEN}${STORAGE}&client_id=c-other`,
      metadata,
      "Identity not found",
    ],
  ])("refuses a request %s", (_what, target, headers, reason) => {
    const answer = ask(target, headers);
    expect(answer.status).toBe(400);
    expect(jsonOf(answer)["error_description"]).toContain(reason);
  });

  it("wants to know which identity, when the machine has several", () => {
    cloud.useIdentities(IDENTITY, OTHER);
    try {
      expect(jsonOf(ask(`${TOKEN}${STORAGE}`))["error_description"]).toContain("Multiple");
      expect(ask(`${TOKEN}${STORAGE}&object_id=p-other`).status).toBe(200);
      expect(ask(`${TOKEN}${STORAGE}&mi_res_id=${OTHER.toUpperCase()}`).status).toBe(200);
    } finally {
      cloud.useIdentities(IDENTITY);
    }
    expect(jsonOf(ask(`${TOKEN}${STORAGE}`))["client_id"]).toBe("c-me");
  });

  it("tells the machine its user data as it is now", () => {
    const answer = ask("/metadata/instance/compute/userData?api-version=2021-01-01&format=text");
    expect(bodyOf(answer)).toBe("dGV4dA==");
  });
});
