/** The replies that a site's administrator words: greeting, welcome, exit, too many clients. */
import type { Messages } from "#contract";
import { planMessage, type MessageValues } from "../access/message-variables.ts";
import { reply, type Reply } from "../protocol/replies.ts";
import type { MovedBytes } from "./access-log.ts";

/** What messages may say of a session. */
export interface SessionFigures {
  readonly sessionId: string;
  /** Bytes of data connections, from the server's side. */
  readonly moved: MovedBytes;
}

/** A site's messages, read once. */
export interface SiteMessages {
  greeting(sessionId: string): Reply;
  welcome(figures: SessionFigures, userName: string): Reply;
  goodbye(figures: SessionFigures, userName: string | undefined): Reply;
  tooManyClients(): Reply;
}

const GREETING = { default: "Gangway ready.", suppressed: "Ready." } as const;
const GOODBYE = "Goodbye.";
const TOO_MANY = "Too many connections; try again later.";

/** Compiles the messages of a site. */
export function planSiteMessages(siteName: string, messages: Messages): SiteMessages {
  const [banner, welcome, exit, maximumClients] = [
    planMessage(messages.banner),
    planMessage(messages.welcome),
    planMessage(messages.exit),
    planMessage(messages.maximumClients),
  ];
  const valuesOf = ({ sessionId, moved }: SessionFigures): MessageValues => ({
    SessionID: sessionId,
    SiteName: siteName,
    // As in IIS, from the client's side.
    BytesReceived: moved.sent,
    BytesSent: moved.received,
  });
  return {
    greeting: (sessionId) => {
      const lines = banner.render({ SessionID: sessionId, SiteName: siteName });
      if (!messages.suppressDefaultBanner)
        return build(reply.greeting, [...lines, GREETING.default]);
      return build(reply.greeting, lines.length === 0 ? [GREETING.suppressed] : lines);
    },
    welcome: (figures, userName) =>
      build(reply.loggedIn, [
        ...welcome.render({ ...valuesOf(figures), UserName: userName }),
        "Logged in.",
      ]),
    goodbye: (figures, userName) => {
      const values = {
        ...valuesOf(figures),
        ...(userName === undefined ? {} : { UserName: userName }),
      };
      return build(reply.goodbye, orElse(exit.render(values), GOODBYE));
    },
    tooManyClients: () =>
      build(reply.serviceClosing, orElse(maximumClients.render({ SiteName: siteName }), TOO_MANY)),
  };
}

function orElse(lines: readonly string[], text: string): readonly string[] {
  return lines.length === 0 ? [text] : lines;
}

function build(
  named: (...lines: readonly [string, ...string[]]) => Reply,
  lines: readonly string[],
): Reply {
  const [first = "", ...others] = lines;
  return named(first, ...others);
}
