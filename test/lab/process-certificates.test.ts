/** Several certificates through the whole stack: from its settings to what clients are shown. */
import { once } from "node:events";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { siteCertificateName } from "#contract";
import { LabStack } from "../support/lab-stack.ts";

const OWN = "own.example.org";
const SITES = [
  { name: "default", bindings: ["control", "implicitTls"].map((channel) => ({ channel })) },
  { name: OWN, certificate: { kind: "selfSigned" } },
];

describe("a stack with a site that has a certificate of its own", () => {
  let stack: LabStack;

  beforeAll(async () => {
    stack = await LabStack.up({ level: "process", settings: { sites: SITES } });
  });
  afterAll(() => stack[Symbol.asyncDispose]());

  async function shownTo(servername: string | undefined): Promise<string> {
    const { implicitTlsPort = 0 } = stack.settings;
    const socket = connect({
      host: "127.0.0.1",
      port: implicitTlsPort,
      rejectUnauthorized: false,
      ...(servername === undefined ? {} : { servername }),
    });
    await once(socket, "secureConnect");
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  }

  it("shows each client the one that the stack says", async () => {
    const name = siteCertificateName(OWN);
    expect(stack.outputs["certificateFingerprints"]).toEqual({
      server: await shownTo(undefined),
      [name]: await shownTo(OWN),
    });
    expect(await shownTo(OWN)).not.toBe(await shownTo("other.example.org"));
  });

  it("forgets it together with the site", async () => {
    await stack.up({ sites: [SITES[0] ?? {}] });
    const { server } = stack.outputs["certificateFingerprints"] as Record<string, string>;
    expect(await shownTo(OWN)).toBe(server);
  });
});
