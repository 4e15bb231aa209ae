/** How much memory a process has, as Linux tells it (proc(5)). */
import { readFileSync } from "node:fs";

/**
 * KiB that are in memory: all of them, or those that belong to files. Not a number where nobody tells.
 *
 * @param pid of the process; "self" is this one
 */
export function memoryKib(pid: number | "self" | undefined, kind: "VmRSS" | "RssFile"): number {
  const status = readFileSync(`/proc/${String(pid)}/status`, "utf8");
  return Number(new RegExp(String.raw`^${kind}:\s+(\d+) kB$`, "mu").exec(status)?.[1]);
}
