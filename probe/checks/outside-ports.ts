/** The ports just outside the range. */
import { formatRange, isPort } from "#contract";
import { failed, notRun, passed, type Check } from "../check.ts";
import { touchPort, type PortAnswer } from "../dial.ts";
import { controlPortsOf, type Expectations } from "../options.ts";

/** One repeated SYN: for a port that should be silent, waiting longer proves little more. */
const SILENCE_MILLISECONDS = 2500;

export function planOutsideCheck(expected: Expectations): Check {
  const { passivePorts } = expected;
  const control = controlPortsOf(expected);
  const ports = [passivePorts.first - 1, passivePorts.last + 1].filter(
    (port) => isPort(port) && !control.includes(port),
  );
  return {
    id: "outsidePorts",
    title: `ports just outside ${formatRange(passivePorts)} are closed`,
    lane: "outside",
    // A host that answers nothing at all proves nothing by silence.
    needs: ["controlPort"],
    async run({ address, limit }) {
      if (ports.length === 0) return notRun("both belong to control connections");
      const wait = { ...limit, milliseconds: Math.min(limit.milliseconds, SILENCE_MILLISECONDS) };
      const answers = await Promise.all(
        ports.map(async (port) => ({
          port,
          answer: await touchPort({ address, port, role: "passive" }, wait),
        })),
      );
      const open = answers.filter(({ answer }) => answer === "open").map(({ port }) => port);
      if (open.length > 0) return failed({ kind: "openOutsideRange", ports: open });
      return passed(
        answers.map(({ port, answer }) => `${String(port)} ${SILENCE_WORDS[answer]}`).join(", "),
      );
    },
  };
}

const SILENCE_WORDS = {
  open: "open",
  refused: "refused",
  noAnswer: "silent",
  unreachable: "unreachable",
} as const satisfies Record<PortAnswer, string>;
