/**
 * A control group of its own for each machine. systemd-nspawn without a systemd around it would put
 * every machine into the same one, where the second would take the first one's services for its own.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** Makes the groups in every hierarchy that a systemd inside goes by, and records them. */
export function openControlGroups(recordFile: string, name: string): readonly string[] {
  const memberships = readFileSync("/proc/self/cgroup", "utf8").trim().split("\n");
  const groups = hierarchies().map(({ mount, membership }) => {
    const own = memberships.find((line) => line.split(":")[1] === membership);
    return join(mount, own?.split(":").slice(2).join(":") ?? "/", name);
  });
  writeFileSync(recordFile, JSON.stringify(groups));
  for (const group of groups) mkdirSync(group, { recursive: true });
  return groups;
}

/** Removes recorded groups whose processes have ended. */
export function closeControlGroups(recordFile: string): void {
  if (!existsSync(recordFile)) return;
  const groups = JSON.parse(readFileSync(recordFile, "utf8")) as readonly string[];
  for (const group of groups) if (existsSync(group)) removeGroup(group);
}

function removeGroup(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroup(join(group, entry.name));
  }
  rmdirSync(group);
}

interface Hierarchy {
  readonly mount: string;
  /** Second field of the hierarchy's line in `/proc/self/cgroup`. */
  readonly membership: string;
}

/** cgroups(7): the unified hierarchy, and the named one where the controllers have theirs apart. */
function hierarchies(): readonly Hierarchy[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .trim()
    .split("\n")
    .flatMap((line): Hierarchy[] => {
      const [left = "", right = ""] = line.split(" - ");
      const mount = left.split(" ")[4] ?? "";
      const [kind, , options = ""] = right.split(" ");
      if (kind === "cgroup2") return [{ mount, membership: "" }];
      const named = kind === "cgroup" && options.split(",").includes("name=systemd");
      return named ? [{ mount, membership: "name=systemd" }] : [];
    });
}
