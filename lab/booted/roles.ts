/** Names by which the lab remembers the processes of booted machines. */
import type { Role } from "../processes.ts";

const HOST = "booted-";
const LEADER = "inside-";

/** The process that hosts a machine. */
export const hostRole = (machine: string): Role => `${HOST}${machine}`;
/** The machine's own first process, as seen from outside. */
export const leaderRole = (machine: string): Role => `${LEADER}${machine}`;

/** Names of the machines among roles that have a hosting process. */
export function hostedMachines(roles: readonly Role[]): readonly string[] {
  return roles.filter((role) => role.startsWith(HOST)).map((role) => role.slice(HOST.length));
}
