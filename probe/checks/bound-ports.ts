/** Control ports of bindings. Who answers there is the site's business, so is its certificate. */
import type { BoundPort } from "#contract";
import { passed, type Check, type ProbeContext } from "../check.ts";
import { ControlConnection, insist } from "../control-connection.ts";
import type { Expectations } from "../options.ts";
import { handshakeOptions } from "../session.ts";
import { tlsNotDeclared } from "./connection.ts";

/** Not planned where no binding has a port: there is nothing that could be missing. */
export function planBoundPortsCheck(expected: Expectations): readonly Check[] {
  const { boundPorts } = expected;
  if (boundPorts.length === 0) return [];
  return [
    {
      id: "boundPorts",
      title: `ports of bindings greet: ${boundPorts.map(({ port }) => port).join(", ")}`,
      lane: "bound",
      needs: ["address"],
      async run(context) {
        const answers = [];
        for (const bound of boundPorts) answers.push(await greet(context, bound));
        return passed(answers.join(", "));
      },
    },
  ];
}

/** Shakes hands before the greeting where TLS is implicit, after it where it is explicit. */
async function greet(
  { address, expected, limit }: ProbeContext,
  { port, channel }: BoundPort,
): Promise<string> {
  const dialled = { address, port, role: "bound" } as const;
  const handshake = handshakeOptions(expected);
  const implicit = channel === "implicitTls";
  await using control = await (implicit
    ? ControlConnection.open(dialled, limit, handshake)
    : ControlConnection.open(dialled, limit));
  insist("connecting", await control.readReply("the greeting", limit), [2]);
  if (implicit) return `${String(port)} with implicit TLS`;
  if (tlsNotDeclared(expected) !== undefined) return String(port);
  await control.startTls(handshake, limit);
  return `${String(port)} with explicit TLS`;
}
