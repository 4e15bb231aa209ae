/** The first and the last port of the range: where ranges of two layers that differ part. */
import { containsPort, countPorts, formatRange, type PortRange } from "#contract";
import { failed, passed, warned, type Check, type ProbeContext, type Verdict } from "../check.ts";
import { touchPort, type PortAnswer } from "../dial.ts";
import type { Expectations } from "../options.ts";
import { ProbeSession, type PassiveVerb } from "../session.ts";
import { describeSymptom, ProbeFault, type Symptom } from "../symptoms.ts";

/** Leases are per (port, client address), so several sessions draw different ports. */
const MOST_SESSIONS = 4;
/** A server that draws at random misses one port in so many draws with a chance of e^-8. */
const DRAWS_PER_PORT = 8;
/** Wide ranges over slow connections are not searched to the end. */
const SEARCH_MILLISECONDS = 4000;
/** A server that always takes the lowest free port shows its sessions two ports at most. */
const TELLING_PORTS = 3;

export function planEdgeCheck({ passivePorts }: Expectations): Check {
  return {
    id: "edgePorts",
    title: `first and last port of ${formatRange(passivePorts)} answer`,
    lane: "session",
    needs: ["passivePort"],
    async run(context) {
      const search = await searchEdges(context);
      const unleased = await Promise.all(
        [...search.wanted].map(async (port) => ({ port, answer: await touch(context, port) })),
      );
      return judgeEdges(search, unleased, context.expected);
    },
  };
}

/** What repeated PASV or EPSV brought to light. */
export interface EdgeSearch {
  /** Edges that no session was leased. */
  readonly wanted: ReadonlySet<number>;
  /** What edges answered while they were leased. */
  readonly leased: ReadonlyMap<number, PortAnswer>;
  /** A port outside the range that a session was leased. */
  readonly stray: number | undefined;
  readonly draws: number;
  /** The most different ports that one session saw. */
  readonly distinct: number;
  /** The lowest and the highest port that any session was leased. */
  readonly seen: PortRange | undefined;
}

async function searchEdges(context: ProbeContext): Promise<EdgeSearch> {
  const { passivePorts } = context.expected;
  const ports = countPorts(passivePorts);
  const wanted = new Set([passivePorts.first, passivePorts.last]);
  const leased = new Map<number, PortAnswer>();
  const mostDraws = DRAWS_PER_PORT * ports;
  const deadline = performance.now() + SEARCH_MILLISECONDS;
  let draws = 0;
  let distinct = 0;
  let stray: number | undefined;
  let range: PortRange | undefined;
  const verb: PassiveVerb = context.facts.leases.has("EPSV") ? "EPSV" : "PASV";

  const draw = async (session: ProbeSession): Promise<void> => {
    const seen = new Set<number>();
    while (wanted.size > 0 && draws < mostDraws && performance.now() < deadline) {
      draws += 1;
      const { port } = await session.lease(verb, context.limit);
      if (!containsPort(passivePorts, port)) {
        stray = port;
        return;
      }
      seen.add(port);
      range = {
        first: Math.min(port, range?.first ?? port),
        last: Math.max(port, range?.last ?? port),
      };
      distinct = Math.max(distinct, seen.size);
      if (wanted.delete(port)) leased.set(port, await touch(context, port));
    }
  };
  const sessions = Math.min(MOST_SESSIONS, ports);
  const ends = await Promise.allSettled(
    Array.from({ length: sessions }, async () => {
      await using session = await ProbeSession.open(
        context.expected,
        context.address,
        context.limit,
      );
      await draw(session);
    }),
  );
  // A server may admit fewer sessions, or have no port left for one: the others went on.
  for (const end of ends) {
    if (end.status === "fulfilled") continue;
    if (!(end.reason instanceof ProbeFault) || draws === 0) throw end.reason;
  }
  return { wanted, leased, stray, draws, distinct, seen: range };
}

async function touch({ address, limit }: ProbeContext, port: number): Promise<PortAnswer> {
  return touchPort({ address, port, role: "passive" }, limit);
}

/** The verdict on what the search found, and on what unleased edges answered; pure. */
export function judgeEdges(
  search: EdgeSearch,
  unleased: readonly { readonly port: number; readonly answer: PortAnswer }[],
  expected: Pick<Expectations, "passivePorts" | "passiveSlices">,
): Verdict {
  if (search.stray !== undefined) return failed({ kind: "portOutsideRange", port: search.stray });
  const leased = [...search.leased].map(([port, answer]) => ({ port, answer }));
  const faults = [
    ...leased.filter(({ answer }) => answer !== "open"),
    // Without a lease a refusal is in order, but silence never is: the filters must let it through.
    ...unleased.filter(({ answer }) => answer === "noAnswer" || answer === "unreachable"),
  ].map(({ port, answer }) => symptomOf(port, answer));
  const [fault] = faults;
  if (fault !== undefined) return failed(fault, faults.map(describeSymptom).join("; "));

  const refused = unleased.filter(({ answer }) => answer === "refused").map(({ port }) => port);
  const draws = `${String(search.draws)} leases`;
  if (refused.length > 0) {
    const symptom: Symptom = { kind: "neverLeased", ports: refused };
    const detail = `${describeSymptom(symptom)} (after ${draws})`;
    if (isHalf(search.seen, expected.passivePorts))
      return warned(symptom, `${detail}; ${HANDOVER}`);
    // Sessions of a sliced server see one slice; that proves nothing about the others.
    const conclusive =
      expected.passiveSlices === 1 &&
      search.distinct >= TELLING_PORTS &&
      search.draws >= DRAWS_PER_PORT * countPorts(expected.passivePorts);
    return conclusive ? failed(symptom, detail) : warned(symptom, detail);
  }
  const notes = [
    ...leased.map(({ port }) => `${String(port)} while leased`),
    ...unleased.map(({ port }) => `${String(port)} (not leased in ${draws})`),
  ];
  return passed(notes.toSorted().join(", "));
}

const HANDOVER =
  "one half of the range is leased and the other one is not, as while a former generation of the server serves its last sessions: run the probe again when that has ended";

/** Whether ports are one half of a range: what a generation has while the other one drains. */
function isHalf(seen: PortRange | undefined, range: PortRange): boolean {
  if (seen === undefined || (seen.first !== range.first && seen.last !== range.last)) return false;
  const half = countPorts(range) / 2;
  return countPorts(seen) >= Math.floor(half) && countPorts(seen) <= Math.ceil(half);
}

function symptomOf(port: number, answer: PortAnswer): Symptom {
  const role = "passive";
  return answer === "refused"
    ? { kind: "refused", port, role }
    : answer === "unreachable"
      ? { kind: "unreachable", port, role, code: "no route" }
      : { kind: "noAnswer", port, role };
}
