/** What is closed when one view takes the place of another. */
import type { ServerView } from "../session/view.ts";

/** Closes what one view has open and the other does not use. */
export async function closeReplaced(view: ServerView, other: ServerView): Promise<void> {
  if (view.w3cLog !== other.w3cLog) view.w3cLog?.[Symbol.dispose]();
  if (view.passivePorts !== other.passivePorts) await view.passivePorts[Symbol.asyncDispose]();
}
