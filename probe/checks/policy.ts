/** What the policy forbids has to be refused. */
import { failed, notRun, passed, type Check } from "../check.ts";
import { ControlConnection, insist } from "../control-connection.ts";
import { dial } from "../dial.ts";
import type { Expectations } from "../options.ts";
import { replyClass } from "../replies.ts";
import { ProbeSession } from "../session.ts";

export function planPolicyChecks(expected: Expectations): {
  readonly clearCredentials: Check;
  readonly clearData: Check;
} {
  return { clearCredentials: planClearCredentials(expected), clearData: planClearData(expected) };
}

function planClearCredentials({ account, controlPolicy, controlPort }: Expectations): Check {
  return {
    id: "clearCredentials",
    title: "credentials in clear are refused",
    lane: "session",
    needs: ["greeting"],
    async run({ address, limit }) {
      if (controlPolicy === "allow") return notRun("the control policy allows them");
      await using control = await ControlConnection.open(
        { address, port: controlPort, role: "control" },
        limit,
      );
      insist("connecting", await control.readReply("the greeting", limit), [2]);
      // The name alone: the password is never said in clear, whatever the server answers.
      const reply = await control.ask(`USER ${account}`, limit);
      return replyClass(reply) >= 4
        ? passed(`USER without TLS is answered with ${String(reply.code)}`)
        : failed({ kind: "clearAccepted", channel: "control" });
    },
  };
}

function planClearData({ dataPolicy, tls }: Expectations): Check {
  return {
    id: "clearData",
    title: dataPolicy === "deny" ? "data with TLS is refused" : "data in clear is refused",
    lane: "session",
    needs: ["login"],
    needsOneOf: ["extendedPassive", "passive"],
    async run({ address, expected, facts, limit }) {
      if (dataPolicy === "allow") return notRun("the data policy allows both");
      if (tls === "off") return notRun("sessions without TLS have no protected data");
      await using session = await ProbeSession.open(expected, address, limit);
      const forbidden = dataPolicy === "deny" ? "PROT P" : "PROT C";
      const reply = await session.control.ask(forbidden, limit);
      if (replyClass(reply) >= 4) {
        return passed(`${forbidden} is answered with ${String(reply.code)}`);
      }
      if (dataPolicy === "deny") return failed({ kind: "privateAccepted" });
      // Some servers take PROT C and refuse the transfer (RFC 4217, section 9: 521 or 522).
      const verb = facts.leases.has("EPSV") ? "EPSV" : "PASV";
      const { port } = await session.lease(verb, limit);
      // Connected, since a server that does not mind would otherwise wait for the connection.
      const socket = await dial({ address, port, role: "passive" }, limit);
      const listing = await session.control.ask("LIST", limit).finally(() => socket.destroy());
      return replyClass(listing) >= 4
        ? passed(`a listing after PROT C is answered with ${String(listing.code)}`)
        : failed({ kind: "clearAccepted", channel: "data" });
    },
  };
}
