/** Virtual hosts: HOST (RFC 7151). */
import { isIP } from "node:net";
import { reply } from "../protocol/replies.ts";
import { currentSite } from "../session/principal.ts";
import { chooseByHost, NO_CHOICE, type HostOutcome } from "../session/site-selection.ts";
import { LOGGED_OUT } from "../session/state.ts";
import { value } from "./arguments.ts";
import { answer, anytime, type Command, type CommandContext } from "./command.ts";

const host = anytime(
  "HOST",
  value("<host>", "Needs a host name or an address.", (text) =>
    /^[!-~]{1,255}$/u.test(text) ? text : undefined,
  ),
  { inClear: true, features: () => ["HOST"] },
  (context, hostName) => {
    const { state, view, figures } = context;
    if (state.login.kind !== "none") {
      return answer(reply.badSequence("HOST comes before USER; use REIN first."));
    }
    const outcome = choose(context, hostName);
    switch (outcome.kind) {
      case "unknown":
        return {
          kind: "reply",
          reply: reply.parameterNotImplemented("Unknown host."),
          reason: `no site has the host name ${hostName}`,
          cause: "otherHost",
        };
      case "disagrees":
        return {
          kind: "reply",
          reply: reply.parameterNotImplemented("TLS was set up for another host; use its name."),
          reason: `TLS was set up for another host than ${hostName}`,
          cause: "otherHost",
        };
      case "chosen": {
        const site = currentSite(view, { ...state, site: outcome.choice });
        return answer(site.messages.greeting(figures.sessionId), {
          ...LOGGED_OUT,
          site: outcome.choice,
        });
      }
    }
  },
);

/** An address that the client connected to names no site: the fallback. */
function choose({ state, view, localAddress }: CommandContext, hostName: string): HostOutcome {
  const { entrance, handshake } = state;
  const serverName = handshake.kind === "done" ? handshake.serverName : undefined;
  const address = hostName.replace(/^\[(.*)\]$/u, "$1");
  if (isIP(address) !== 0 && serverName === undefined) {
    const own = [localAddress, view.settings.passive.advertisedAddress];
    return own.includes(address) ? { kind: "chosen", choice: NO_CHOICE } : { kind: "unknown" };
  }
  return chooseByHost(view.sites, entrance, hostName, serverName);
}

export const VIRTUAL_HOST_COMMANDS: readonly Command[] = [host];
