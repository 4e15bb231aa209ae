/** Explicit and implicit TLS, the certificate, and the protocol versions. */
import type { SecureVersion } from "node:tls";
import {
  daysLeft,
  judgeChain,
  judgeDates,
  judgeNames,
  judgeTrust,
  readPeer,
  type PeerFacts,
} from "../certificate.ts";
import { failed, notRun, passed, warned, type Check, type ProbeContext } from "../check.ts";
import { ControlConnection, insist } from "../control-connection.ts";
import type { HandshakeOptions } from "../dial.ts";
import type { Expectations } from "../options.ts";
import { handshakeOptions } from "../session.ts";
import { ProbeFault } from "../symptoms.ts";
import { tlsNotDeclared } from "./connection.ts";

export function planTlsChecks(expected: Expectations): readonly Check[] {
  const { implicitTlsPort, tls } = expected;
  const skipped = tlsNotDeclared(expected);
  // The certificate is judged on the connections that the sessions use.
  const source = tls === "implicit" ? "implicitTls" : "explicitTls";
  const explicit: Check = {
    id: "explicitTls",
    title: "explicit TLS (AUTH TLS)",
    lane: "session",
    needs: ["greeting"],
    async run(context) {
      if (skipped !== undefined) return skipped;
      const peer = await shakeHands(context, handshakeOptions(expected));
      if (source === "explicitTls") context.facts.peer = peer;
      return passed(`${peer.version}, certificate ${peer.fingerprint.slice(0, 16)}…`);
    },
  };
  const implicit: Check = {
    id: "implicitTls",
    title:
      implicitTlsPort === undefined
        ? "implicit TLS"
        : `implicit TLS on port ${String(implicitTlsPort)}`,
    lane: "implicit",
    needs: ["address"],
    async run({ address, facts, limit }) {
      if (implicitTlsPort === undefined) return notRun("not declared");
      if (skipped !== undefined) return skipped;
      await using control = await ControlConnection.open(
        { address, port: implicitTlsPort, role: "implicit" },
        limit,
        handshakeOptions(expected),
      );
      insist("connecting", await control.readReply("the greeting", limit), [2]);
      const peer = peerOf(control);
      if (source === "implicitTls") facts.peer = peer;
      const distrust = judgeTrust(peer, expected);
      return distrust === undefined ? passed(`${peer.version}, greets`) : failed(distrust);
    },
  };
  const certificate = planCertificateChecks(expected, source);
  return source === "explicitTls"
    ? [explicit, ...certificate, planVersionCheck(expected), implicit]
    : [implicit, ...certificate, explicit, planVersionCheck(expected)];
}

function planCertificateChecks(
  expected: Expectations,
  source: "explicitTls" | "implicitTls",
): readonly Check[] {
  const skipped = tlsNotDeclared(expected);
  const judge = (
    id: Check["id"],
    title: string,
    verdict: (peer: PeerFacts) => ReturnType<typeof passed>,
  ): Check => ({
    id,
    title,
    lane: source === "implicitTls" ? "implicit" : "session",
    // Without TLS the source is not run, and neither are these: each says why by itself.
    needs: skipped === undefined ? [source] : [],
    run({ facts: { peer } }) {
      if (peer === undefined) return Promise.resolve(skipped ?? notRun("no certificate was seen"));
      return Promise.resolve(verdict(peer));
    },
  });
  return [
    judge("certificateChain", "certificate is the right one", (peer) => {
      const symptom = judgeChain(peer, expected);
      if (symptom !== undefined) return failed(symptom);
      return passed(
        expected.fingerprint === undefined ? "trusted by authorities" : "fingerprint matches",
      );
    }),
    judge("certificateNames", "certificate covers the names", (peer) => {
      const verdict = judgeNames(peer, expected);
      if (verdict === undefined) return passed(expected.names.join(", "));
      return verdict.severity === "failed" ? failed(verdict.symptom) : warned(verdict.symptom);
    }),
    judge("certificateDates", "certificate is valid today", (peer) => {
      const now = Date.now();
      const verdict = judgeDates(peer, now);
      if (verdict === undefined) return passed(`for ${String(daysLeft(peer, now))} more days`);
      return verdict.severity === "failed" ? failed(verdict.symptom) : warned(verdict.symptom);
    }),
  ];
}

/** TLS 1.1 needs ciphers that current defaults leave out; with them a refusal is the server's. */
const OLD_CIPHERS = "DEFAULT:@SECLEVEL=0";

function planVersionCheck(expected: Expectations): Check {
  const skipped = tlsNotDeclared(expected);
  const wanted: readonly { version: SecureVersion; accepted: boolean }[] = [
    { version: "TLSv1.3", accepted: true },
    { version: "TLSv1.2", accepted: expected.minTlsVersion === "TLSv1.2" },
    { version: "TLSv1.1", accepted: false },
  ];
  return {
    id: "tlsVersions",
    title: "TLS versions are as declared",
    lane: "versions",
    needs: skipped === undefined ? ["explicitTls"] : [],
    async run(context) {
      if (skipped !== undefined) return skipped;
      const results = await Promise.all(
        wanted.map(async ({ version, accepted }) => {
          const options = {
            ...handshakeOptions(expected),
            minVersion: version,
            maxVersion: version,
            ...(version === "TLSv1.1" ? { ciphers: OLD_CIPHERS } : {}),
          };
          return { version, right: (await accepts(context, options)) === accepted, accepted };
        }),
      );
      const wrong = results.find(({ right }) => !right);
      if (wrong !== undefined) {
        const problem = wrong.accepted ? "refused" : "accepted";
        return failed({ kind: "tlsVersion", version: wrong.version, problem });
      }
      const names = wanted.filter(({ accepted }) => accepted).map(({ version }) => version);
      return passed(`${names.join(" and ")} accepted, older refused`);
    },
  };
}

async function accepts(context: ProbeContext, options: HandshakeOptions): Promise<boolean> {
  try {
    await shakeHands(context, options);
    return true;
  } catch (error) {
    if (error instanceof ProbeFault && error.symptom.kind === "handshakeFailed") return false;
    throw error;
  }
}

async function shakeHands(
  { address, expected, limit }: ProbeContext,
  options: HandshakeOptions,
): Promise<PeerFacts> {
  await using control = await ControlConnection.open(
    { address, port: expected.controlPort, role: "control" },
    limit,
  );
  insist("connecting", await control.readReply("the greeting", limit), [2]);
  await control.startTls(options, limit);
  return peerOf(control);
}

function peerOf({ secured }: ControlConnection): PeerFacts {
  if (secured === undefined) throw new Error("a secured connection has no TLS socket");
  return readPeer(secured);
}
