/** What a delivery does to the machine, in which order, and what it takes back when it fails. */
import { readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  called,
  calls,
  deliver,
  failing,
  inForce,
  layout,
  LEAVE,
  leavingFile,
  machine,
  otherPort,
  port,
  release,
  standIns,
  START,
  unit,
  useDeliveryMachine,
} from "./delivery-machine.ts";

describe.runIf(process.platform === "linux")("deliver.sh", () => {
  useDeliveryMachine();

  it("puts release, settings, firewall and kernel settings in force", async () => {
    const { stdout } = await deliver(await release("aaaa"), {});
    expect(stdout).toContain("release aaaa is in force (generation a)");
    expect(await inForce()).toEqual(["a", "aaaa"]);
    const settings: unknown = JSON.parse(await readFile(layout.settingsFile, "utf8"));
    expect(settings).toMatchObject({ passive: { ports: "50000-50099" } });
    expect(await readFile(layout.guestFirewallFile, "utf8")).toContain("tcp dport 50000-50099");
    expect(await readFile(layout.sysctlFile, "utf8")).toContain("50000-50099");
    expect(await calls()).toContain(`nft -f ${layout.guestFirewallFile}`);
    const units = await readdir(layout.units);
    expect(units).toContain("gangway@.service");
    expect(units.filter((name) => name.endsWith(".socket"))).toEqual(
      [`gangway-${String(port)}.socket`, "gangway-8021.socket"].toSorted(),
    );
  });

  it("fetches the certificates, and goes back to those before when one is missing", async () => {
    const file = join(layout.settingsFolder, layout.certificatesFolder, "server.pem");
    await deliver(await release("aaaa"), {});
    expect(await readFile(file, "utf8")).toBe("first");
    standIns.certificates = "none";
    const { code, stdout } = await failing(await release("bbbb"), { passivePorts: "50000-50009" });
    expect(code).toBe(1);
    expect(stdout).toContain("a certificate is missing");
    expect(await readFile(file, "utf8")).toBe("first");
    expect(await readFile(layout.certificateAgentFile, "utf8")).toBe("first");
    expect(await readFile(layout.settingsFile, "utf8")).toContain("50000-50099");
    expect(await inForce()).toEqual(["a", "aaaa"]);
  });

  it("reloads when only settings change", async () => {
    const first = await release("aaaa");
    await deliver(first, {});
    const changed = await deliver(first, { passivePorts: "50000-50009" });
    expect(changed.stdout).toContain("reloaded");
    expect(await called(`systemctl reload ${unit("a")}`)).toBeGreaterThan(0);
    expect(
      (await calls()).filter((line) => /gangway@/.test(line) && /start|stop|kill/.test(line)),
    ).toEqual([]);
  });

  it("has a new server take over when only a start brings the setting in force", async () => {
    const first = await release("aaaa");
    await deliver(first, { workers: 1 });
    await deliver(first, { workers: 2 });
    expect(await inForce()).toEqual(["b", "aaaa"]);
    expect(await called(LEAVE("a"))).toBeGreaterThan(await called(START("b")));
  });

  it("lets a new release take over before it tells the former one to leave", async () => {
    await deliver(await release("aaaa"), {});
    const { stdout } = await deliver(await release("bbbb"), {});
    expect(stdout).toContain("generation b");
    expect(await inForce()).toEqual(["b", "bbbb"]);
    const [started, left] = [await called(START("b")), await called(LEAVE("a"))];
    expect(started).toBeGreaterThan(0);
    expect(left).toBeGreaterThan(started);
    expect(await calls()).not.toContain(`systemctl stop ${unit("a")}`);
    // Nothing starts it again meanwhile; its deadline stands there.
    const seconds = Number(await readFile(leavingFile("a"), "utf8")) - Date.now() / 1000;
    expect(Math.abs(seconds - 30 * 60)).toBeLessThan(300);
  });

  it("waits until the server before the last one has left", async () => {
    for (const name of ["aaaa", "bbbb"]) await deliver(await release(name), {});
    const { stdout } = await deliver(await release("cccc"), {});
    expect(stdout).toContain("still has sessions");
    expect(await inForce()).toEqual(["a", "cccc"]);
    expect((await calls()).some((line) => line.startsWith("sleep"))).toBe(true);
    expect(await called(START("a"))).toBeGreaterThan(await called("sleep 1"));
  });

  it("ends the server before the last one at its deadline", async () => {
    for (const name of ["aaaa", "bbbb"]) await deliver(await release(name), {});
    await writeFile(leavingFile("a"), "1000\n");
    await deliver(await release("cccc"), {});
    expect((await calls()).some((line) => line.startsWith("sleep"))).toBe(false);
    const stopped = await called(`systemctl stop ${unit("a")}`);
    expect(stopped).toBeGreaterThan(0);
    expect(await called(START("a"))).toBeGreaterThan(stopped);
  });

  it("waits no longer than drains are allowed now, and so ends before Azure ends it", async () => {
    for (const name of ["aaaa", "bbbb"])
      await deliver(await release(name), { machine: { drainMinutes: 60 } });
    const { stdout } = await deliver(await release("cccc"), { machine: { drainMinutes: 1 } });
    const [seconds] = /(?<=at most )\d+/.exec(stdout) ?? [];
    expect(Number(seconds)).toBeGreaterThan(0);
    expect(Number(seconds)).toBeLessThanOrEqual(60);
  });

  it("hands new control ports to a new server of the same release", async () => {
    const first = await release("aaaa");
    await deliver(first, {});
    await deliver(first, { controlPort: otherPort });
    expect(await inForce()).toEqual(["b", "aaaa"]);
    const socket = (each: number) => `gangway-${String(each)}.socket`;
    const opened = await called(`systemctl start ${socket(otherPort)}`);
    const closed = await called(`systemctl --quiet disable --now ${socket(port)}`);
    expect(opened).toBeGreaterThan(0);
    expect(await called(START("b"))).toBeGreaterThan(opened);
    expect(closed).toBeGreaterThan(await called(LEAVE("a")));
    expect(await readdir(layout.units)).not.toContain(socket(port));
    const dropIn = await readFile(join(layout.units, "gangway@.service.d/settings.conf"), "utf8");
    expect(dropIn).toContain(`Sockets=${socket(otherPort)} gangway-8021.socket`);
  });

  it("wants a greeting on the ports of bindings too, with TLS where it is implicit", async () => {
    const first = await release("aaaa");
    const own = (channel: "control" | "implicitTls") => ({
      sites: [{ name: "default" }, { name: "own", bindings: [{ channel, port: otherPort }] }],
    });
    await deliver(first, own("control"));
    expect(await readdir(layout.units)).toContain(`gangway-${String(otherPort)}.socket`);
    // What greets there speaks no TLS.
    const { code, stdout } = await failing(await release("bbbb"), own("implicitTls"));
    expect(code).not.toBe(0);
    expect(stdout).toContain("back at the previous release");
  });

  it.each([
    ["does not start", async () => writeFile(join(machine, "fail"), "")],
    ["does not greet", () => Promise.resolve((standIns.greeting = "500 no\r\n"))],
  ])("leaves the former server alone when the new one %s", async (_what, spoil) => {
    await deliver(await release("aaaa"), {});
    const before = await readFile(layout.settingsFile, "utf8");
    await spoil();
    const failure = await failing(await release("bbbb"), { passivePorts: "51000-51009" });
    expect(failure.code).toBe(1);
    expect(failure.stdout).toContain("the last line of the log");
    expect(failure.stdout).toContain("back at the previous release aaaa");
    expect(await inForce()).toEqual(["a", "aaaa"]);
    expect(await readFile(layout.settingsFile, "utf8")).toBe(before);
    expect(await calls()).toContain(`systemctl stop --no-block ${unit("b")}`);
    expect(await calls()).not.toContain(LEAVE("a"));
    expect((await calls()).filter((line) => /stop.*gangway@a/.test(line))).toEqual([]);
    expect(await readFile(leavingFile("b"), "utf8")).toBe("");
  });

  it("goes back to the settings before when the server refuses the new ones", async () => {
    const first = await release("aaaa");
    await deliver(first, {});
    const before = await readFile(layout.settingsFile, "utf8");
    await writeFile(join(machine, "refuse"), "");
    const failure = await failing(first, { passivePorts: "51000-51009" });
    expect(failure.code).toBe(1);
    expect(failure.stdout).toContain("did not take the new settings");
    expect(await readFile(layout.settingsFile, "utf8")).toBe(before);
    expect((await calls()).filter((line) => /(start|stop).*gangway@/.test(line))).toEqual([]);
  });

  it("stops when the very first server does not start, and leaves no port open", async () => {
    await writeFile(join(machine, "fail"), "");
    const failure = await failing(await release("aaaa"), {});
    expect(failure.stdout).toContain("there is no previous release");
    expect((await calls()).join()).toMatch(
      new RegExp(`systemctl --quiet disable --now [^,]*gangway-${String(port)}\\.socket`),
    );
    expect((await readdir(layout.units)).filter((name) => name.endsWith(".socket"))).toEqual([]);
  });

  it("changes nothing when the kernel refuses the firewall", async () => {
    const first = await release("aaaa");
    await deliver(first, {});
    const before = await readFile(layout.guestFirewallFile, "utf8");
    await expect(deliver(first, {}, "syntax-error")).rejects.toMatchObject({ code: 1 });
    expect(await readFile(layout.guestFirewallFile, "utf8")).toBe(before);
    expect(await calls()).not.toContain(`systemctl reload ${unit("a")}`);
  });

  it("keeps three releases", async () => {
    for (const name of ["a1", "a2", "a3", "a4", "a5"]) await deliver(await release(name), {});
    const left = await readdir(layout.releases);
    expect(left).toHaveLength(3);
    expect(left).toContain("a5");
    expect(left).toContain("a4");
  });

  it("keeps a release from which a server still runs, however old it is", async () => {
    await deliver(await release("a1"), {});
    await deliver(await release("a2"), {});
    for (const [index, name] of ["a3", "a4", "a5"].entries()) {
      const time = new Date(Date.now() + (index + 1) * 1000);
      await utimes(await release(name), time, time);
    }
    await deliver(join(layout.releases, "a2"), {});
    expect(await readdir(layout.releases)).toEqual(["a1", "a2", "a3", "a4", "a5"]);
  });
});
