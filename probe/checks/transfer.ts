/** Data connections and a round trip of a file. */
import { randomBytes } from "node:crypto";
import { failed, passed, type Check, type ProbeContext, type Verdict } from "../check.ts";
import { ProbeSession, type DataFacts, type PassiveVerb } from "../session.ts";
import { ProbeFault } from "../symptoms.ts";

/** Several TLS records and TCP windows, and no round number. */
const ROUND_TRIP_BYTES = 192 * 1024 + 77;

export function planTransferChecks(): readonly Check[] {
  return [
    {
      id: "dataConnection",
      title: "data connection opens",
      lane: "session",
      needs: ["login"],
      needsOneOf: ["extendedPassive", "passive"],
      async run(context) {
        const session = await context.session();
        const listing = await session.receive(verbs(context).first, "LIST", context.limit);
        return passed(describeData(listing));
      },
    },
    {
      id: "roundTrip",
      title: "file goes up, down and away unchanged",
      lane: "session",
      needs: ["dataConnection"],
      run: roundTrip,
    },
  ];
}

/** The verbs that work: both are used when there are both. */
function verbs({ facts }: ProbeContext): { first: PassiveVerb; second: PassiveVerb } {
  const extended = facts.leases.has("EPSV");
  return {
    first: extended ? "EPSV" : "PASV",
    second: facts.leases.has("PASV") ? "PASV" : "EPSV",
  };
}

function describeData({ port, protection, resumed }: DataFacts): string {
  const how = protection === "clear" ? "in clear" : resumed ? "TLS, session resumed" : "TLS";
  return `port ${String(port)}, ${how}`;
}

async function roundTrip(context: ProbeContext): Promise<Verdict> {
  const name = `gangway-probe-${randomBytes(8).toString("hex")}.bin`;
  const sent = randomBytes(ROUND_TRIP_BYTES);
  const { limit } = context;
  const { first, second } = verbs(context);
  const session = await context.session();
  let present = true;
  try {
    await session.send(first, `STOR ${name}`, sent, limit);
    const listing = await session.receive(second, "LIST", limit);
    if (!listing.bytes.includes(name)) return failed({ kind: "missingFromListing", name });
    const { bytes } = await session.receive(second, `RETR ${name}`, limit);
    if (!bytes.equals(sent)) {
      const sizes = { sentBytes: sent.length, receivedBytes: bytes.length };
      return failed({ kind: "contentDiffers", ...sizes });
    }
    await session.control.expect(`DELE ${name}`, [2], limit);
    present = false;
    const after = await session.receive(first, "LIST", limit);
    if (after.bytes.includes(name)) return failed({ kind: "stillListed", name });
    return passed(
      `${String(Math.ceil(sent.length / 1024))} KiB by ${[...new Set([first, second])].join(" and ")}`,
    );
  } finally {
    if (present) await remove(context, name);
  }
}

/**
 * Takes the file away after a failure, on a session of its own: the other may be stuck. What went
 * wrong before is the finding, so that this one only tries.
 */
async function remove({ expected, address, limit }: ProbeContext, name: string): Promise<void> {
  try {
    await using session = await ProbeSession.open(expected, address, limit);
    await session.control.ask(`DELE ${name}`, limit);
  } catch (error) {
    if (!(error instanceof ProbeFault)) throw error;
  }
}
