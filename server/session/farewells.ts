/** Last replies that the session gives of its own accord. */
import { reply } from "../protocol/replies.ts";

export const GOODBYE = reply.goodbye("Goodbye.");
export const IDLE = reply.serviceClosing("Idle for too long; goodbye.");
export const INJECTED = reply.serviceClosing("Something followed AUTH in the clear; goodbye.");
export const INTERNAL = reply.serviceClosing("An internal error occurred; goodbye.");
export const DRAINED = reply.serviceClosing("The server is going down; please come back later.");
export const NOT_SERVED = reply.serviceClosing("No site is served at this address.");
