/** When the machine may reboot by itself, and how long an upgrade may take to let sessions end. */

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] as const;
type Day = (typeof DAYS)[number];

const MINUTES_OF_DAY = 24 * 60;
/** Azure ends a Run Command after 90 minutes. */
const LONGEST_RUN_COMMAND_SECONDS = 90 * 60;
/** Enough for role assignments to arrive (minutes), a slow download and a server that is stopped. */
const DELIVERY_SECONDS = 30 * 60;
/** A delivery may have to wait until the server before the last one has left. */
export const LONGEST_DRAIN_MINUTES = (LONGEST_RUN_COMMAND_SECONDS - DELIVERY_SECONDS) / 60;
/** Unless `machine.drainMinutes` says otherwise. */
export const DRAIN_MINUTES = 30;

/** Seconds that Azure gives a delivery, the wait included. */
export function planDeliverySeconds(drainMinutes: number): number {
  return drainMinutes * 60 + DELIVERY_SECONDS;
}

/** Shorter ones leave no room for spreading machines out. */
const SHORTEST_WINDOW_MINUTES = 15;

/** A window as parsed; times are UTC. */
export interface MaintenanceWindow {
  /** Days on which it begins. */
  readonly days: readonly Day[];
  /** `HH:MM`. */
  readonly start: string;
  readonly minutes: number;
}

/**
 * Reads `Sun 03:00-05:00`, `Mon,Wed 23:30-01:00` or `daily 03:00-05:00`; a window may pass
 * midnight. Undefined when the text is no such thing, or the window is shorter than 15 minutes.
 */
export function parseMaintenanceWindow(text: string): MaintenanceWindow | undefined {
  const match = /^(\S+) (([01]\d|2[0-3]):([0-5]\d))-(([01]\d|2[0-3]):([0-5]\d))$/.exec(text.trim());
  const [, dayText = "", start = "", startHour, startMinute, , endHour, endMinute] = match ?? [];
  const days = dayText === "daily" ? DAYS : parseDays(dayText);
  const from = Number(startHour) * 60 + Number(startMinute);
  const to = Number(endHour) * 60 + Number(endMinute);
  const minutes = (to - from + MINUTES_OF_DAY) % MINUTES_OF_DAY;
  if (match === null || days === undefined || minutes < SHORTEST_WINDOW_MINUTES) return undefined;
  return { days, start, minutes };
}

function parseDays(text: string): readonly Day[] | undefined {
  const wanted = text.split(",");
  const days = DAYS.filter((day) => wanted.includes(day));
  return days.length === wanted.length ? days : undefined;
}
