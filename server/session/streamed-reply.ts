/** Multi-line replies that are produced while they are sent. */
import { cleanText, formatReplyStart } from "../protocol/replies.ts";
import type { ControlConnection } from "./connection.ts";
import type { Outcome } from "./outcomes.ts";

type StreamedReply = Extract<Outcome, { readonly kind: "streamedReply" }>;

/** Writes all but the last line, as fast as the client takes them, while the session is open. */
export async function streamReply(
  { code, first, lines }: StreamedReply,
  connection: ControlConnection,
  isOpen: () => boolean,
): Promise<void> {
  connection.write(formatReplyStart(code, first));
  for await (const some of lines) {
    if (!isOpen()) return;
    const text = some.map((line) => ` ${cleanText(line)}\r\n`).join("");
    if (text !== "") connection.write(text);
    await connection.drained();
  }
}
