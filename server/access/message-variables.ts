/** Messages of a site with their variables filled in, as lines that a reply can carry. */
import { parseMessage, type MessagePart, type MessageVariable } from "#contract";
import { withoutControls } from "../protocol/message-text.ts";

/** Values of the variables; those that are not known yet are left out. */
export type MessageValues = Readonly<Partial<Record<MessageVariable, string | number>>>;

/** A message read once, rendered for each session. */
export interface MessageTemplate {
  /** Lines without line breaks; empty when the message is empty. */
  render(values: MessageValues): readonly string[];
}

/** Stands for a value that is not known. */
const UNKNOWN_VALUE = "-";

/**
 * Compiles a message.
 *
 * @throws RangeError naming unknown variables; the schema has refused them before.
 */
export function planMessage(text: string): MessageTemplate {
  const parsed = parseMessage(text);
  if (!parsed.ok) throw new RangeError(`unknown variables: ${parsed.unknown.join(", ")}`);
  return { render: (values) => renderParts(parsed.parts, values) };
}

function renderParts(parts: readonly MessagePart[], values: MessageValues): readonly string[] {
  const text = parts
    .map((part) =>
      // A client chooses its user name.
      part.kind === "text"
        ? part.text
        : withoutControls(String(values[part.name] ?? UNKNOWN_VALUE)),
    )
    .join("");
  return text === "" ? [] : text.replace(/\n$/u, "").split("\n");
}
