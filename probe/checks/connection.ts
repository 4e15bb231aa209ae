/** Name, control port and greeting. */
import { failed, notRun, passed, type Check } from "../check.ts";
import { ControlConnection } from "../control-connection.ts";
import { dial, resolveHost } from "../dial.ts";
import type { Expectations } from "../options.ts";
import { replyText } from "../replies.ts";
import { quote } from "../symptoms.ts";

export function planConnectionChecks(expected: Expectations): readonly Check[] {
  const { controlPort, host } = expected;
  return [
    {
      id: "address",
      title: "host has an address",
      lane: "session",
      needs: [],
      async run({ facts, limit }) {
        facts.address = await resolveHost(host, limit);
        return passed(facts.address);
      },
    },
    {
      id: "controlPort",
      title: `control port ${String(controlPort)} is reachable`,
      lane: "session",
      needs: ["address"],
      async run({ address, limit }) {
        const started = performance.now();
        const socket = await dial({ address, port: controlPort, role: "control" }, limit);
        socket.destroy();
        return passed(`answered in ${String(Math.round(performance.now() - started))} ms`);
      },
    },
    {
      id: "greeting",
      title: "server greets",
      lane: "session",
      needs: ["controlPort"],
      async run({ address, limit }) {
        await using control = await ControlConnection.open(
          { address, port: controlPort, role: "control" },
          limit,
        );
        const reply = await control.readReply("the greeting", limit);
        const text = replyText(reply);
        return reply.code === 220
          ? passed(`220 ${quote(text)}`)
          : failed({ kind: "unexpectedReply", command: "connecting", code: reply.code, text });
      },
    },
  ];
}

/** Why TLS checks do not apply, or undefined when they do. */
export function tlsNotDeclared({ tls }: Expectations) {
  return tls === "off" ? notRun("not declared: sessions without TLS") : undefined;
}
