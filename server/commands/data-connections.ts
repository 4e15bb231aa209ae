/** Preparing data connections: PASV, EPSV, PORT, EPRT (RFC 959, RFC 2428). */
import { isIPv4 } from "node:net";
import { LOWEST_UNPRIVILEGED_PORT } from "#contract";
import {
  formatExtendedPassiveText,
  formatPassiveText,
  isSameAddress,
  parseExtendedHostPort,
  parseExtendedPassive,
  parseHostPort,
  protocolOf,
  type Endpoint,
} from "../protocol/addresses.ts";
import { reply, type Reply } from "../protocol/replies.ts";
import type { Outcome } from "../session/outcomes.ts";
import { currentSite } from "../session/principal.ts";
import { NoPassivePortError, type PassiveLease } from "../data/passive-ports.ts";
import { anything, nothing, text } from "./arguments.ts";
import { answer, loggedIn, type Command, type CommandContext } from "./command.ts";

/** Takes a passive port for the client and announces it with `announce`. */
async function enterPassive(
  { view, peerAddress, state }: CommandContext,
  announce: (lease: PassiveLease) => Reply,
): Promise<Outcome> {
  // The former lease goes back first: the client may hold the last free port itself.
  if (state.data.kind === "passive") await state.data.lease[Symbol.asyncDispose]();
  try {
    const { dataConnectionSeconds: seconds } = currentSite(view, state).limits;
    const lease = await view.passivePorts.lease({ peerAddress, seconds });
    return answer(announce(lease), { data: { kind: "passive", lease } });
  } catch (error) {
    if (!(error instanceof NoPassivePortError)) throw error;
    return answer(reply.noDataConnection("No passive port is free; try again."), {
      data: { kind: "none" },
    });
  }
}

const passive = loggedIn("PASV", nothing, { preparesData: true, keeps: ["restart"] }, (context) => {
  const { settings } = context.view;
  const site = currentSite(context.view, context.state).settings;
  const address =
    site.externalAddress ?? settings.passive.advertisedAddress ?? context.localAddress;
  if (!isIPv4(address)) {
    return answer(reply.noDataConnection("PASV cannot name an IPv6 address; use EPSV."));
  }
  return enterPassive(context, ({ port }) => reply.passive(formatPassiveText({ address, port })));
});

const extendedPassive = loggedIn(
  "EPSV",
  anything,
  { keeps: ["restart"], features: () => ["EPSV"] },
  (context, argument) => {
    const parsed = parseExtendedPassive(argument);
    switch (parsed.kind) {
      case "malformed":
        return answer(reply.syntaxError("Use EPSV, EPSV 1, EPSV 2 or EPSV ALL."));
      case "all":
        return answer(reply.ok("EPSV ALL: no other command makes data connections now."), {
          extendedPassiveOnly: true,
        });
      case "protocolUnsupported":
        return answer(protocolUnsupported(context));
      case "protocol":
        if (parsed.protocol !== protocolOf(context.peerAddress)) {
          return answer(protocolUnsupported(context));
        }
        break;
      case "any":
        break;
    }
    return enterPassive(context, ({ port }) =>
      reply.extendedPassive(formatExtendedPassiveText(port)),
    );
  },
);

function protocolUnsupported({ peerAddress }: CommandContext): Reply {
  const usable = String(protocolOf(peerAddress));
  return reply.protocolUnsupported(`Network protocol not supported, use (${usable})`);
}

/**
 * Checks where a client wants its data: only to itself, and never to a port of well-known services,
 * or the server could be made to attack others (RFC 2577).
 */
function enterActive({ peerAddress }: CommandContext, endpoint: Endpoint): Outcome {
  if (!isSameAddress(endpoint.address, peerAddress)) {
    return answer(reply.parameterNotImplemented("Data connections go to your own address only."));
  }
  if (endpoint.port < LOWEST_UNPRIVILEGED_PORT) {
    return answer(
      reply.parameterNotImplemented(`Ports below ${String(LOWEST_UNPRIVILEGED_PORT)} are refused.`),
    );
  }
  return answer(reply.ok("Active mode."), {
    data: { kind: "active", endpoint: { address: peerAddress, port: endpoint.port } },
  });
}

const ACTIVE_OFF = reply.notImplemented("Active mode is off; use PASV or EPSV.");

const active = loggedIn(
  "PORT",
  text("h1,h2,h3,h4,p1,p2"),
  { preparesData: true, keeps: ["restart"] },
  (context, argument) => {
    if (!context.view.settings.activeMode) return answer(ACTIVE_OFF);
    const endpoint = parseHostPort(argument);
    return endpoint === undefined
      ? answer(reply.syntaxError("Needs h1,h2,h3,h4,p1,p2."))
      : enterActive(context, endpoint);
  },
);

const extendedActive = loggedIn(
  "EPRT",
  text("|protocol|address|port|"),
  {
    preparesData: true,
    keeps: ["restart"],
    features: ({ view }) => (view.settings.activeMode ? ["EPRT"] : []),
  },
  (context, argument) => {
    if (!context.view.settings.activeMode) return answer(ACTIVE_OFF);
    const parsed = parseExtendedHostPort(argument);
    switch (parsed.kind) {
      case "malformed":
        return answer(reply.syntaxError("Needs |protocol|address|port|."));
      case "protocolUnsupported":
        return answer(protocolUnsupported(context));
      case "endpoint":
        return parsed.protocol === protocolOf(context.peerAddress)
          ? enterActive(context, parsed.endpoint)
          : answer(protocolUnsupported(context));
    }
  },
);

export const DATA_CONNECTION_COMMANDS: readonly Command[] = [
  passive,
  extendedPassive,
  active,
  extendedActive,
];
