/** Login, PASV, EPSV, and what their replies say. */
import { containsPort, formatRange } from "#contract";
import { failed, passed, type Check, type CheckId } from "../check.ts";
import type { Expectations } from "../options.ts";
import type { PassiveVerb } from "../session.ts";

export function planPassiveChecks(expected: Expectations): readonly Check[] {
  return [
    {
      id: "login",
      title: `account ${expected.account} logs in`,
      lane: "session",
      needs: [needOfSessions(expected)],
      async run(context) {
        await context.session();
        return passed(expected.tls === "off" ? "in clear" : `over ${expected.tls} TLS`);
      },
    },
    planLeaseCheck("extendedPassive", "EPSV"),
    planLeaseCheck("passive", "PASV"),
    {
      id: "advertisedAddress",
      title: "advertised address is the right one",
      lane: "session",
      needs: ["passive"],
      run({ address, facts }) {
        const advertised = facts.leases.get("PASV")?.address ?? "";
        const wanted = [...new Set([expected.advertisedAddress ?? address, address])];
        const missed = wanted.find((candidate) => candidate !== advertised);
        return Promise.resolve(
          missed === undefined
            ? passed(advertised)
            : failed({ kind: "wrongAddress", advertised, expected: missed }),
        );
      },
    },
    {
      id: "passivePort",
      title: `leased ports lie in ${formatRange(expected.passivePorts)}`,
      lane: "session",
      needs: [],
      needsOneOf: ["extendedPassive", "passive"],
      run({ facts }) {
        const ports = [...facts.leases.values()].map(({ port }) => port);
        const outside = ports.find((port) => !containsPort(expected.passivePorts, port));
        return Promise.resolve(
          outside === undefined
            ? passed(ports.join(", "))
            : failed({ kind: "portOutsideRange", port: outside }),
        );
      },
    },
  ];
}

/** The check that proves who answers, before a password is sent. */
function needOfSessions({ tls }: Expectations): CheckId {
  return tls === "off" ? "greeting" : "certificateChain";
}

function planLeaseCheck(id: "passive" | "extendedPassive", verb: PassiveVerb): Check {
  return {
    id,
    title: `${verb} leases a port`,
    lane: "session",
    needs: ["login"],
    async run(context) {
      const session = await context.session();
      const lease = await session.lease(verb, context.limit);
      context.facts.leases.set(verb, lease);
      return passed(
        lease.address === undefined
          ? String(lease.port)
          : `${lease.address} port ${String(lease.port)}`,
      );
    },
  };
}
