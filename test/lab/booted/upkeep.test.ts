/** What a delivered machine does by itself: keeps its logs small and ships them, updates, reboots in its window, gets up again. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { MACHINE_LAYOUT } from "#contract";
import { serviceOf } from "../../support/booted-delivery.ts";
import { LabStack } from "../../support/lab-stack.ts";
import {
  describeMachine,
  IMAGE_MILLISECONDS,
  readInMachine,
  runInMachine,
  testImage,
} from "../../support/machine-level.ts";

const WINDOW = "Tue,Sat 22:30-00:30";
const SUNDAY_TO_SATURDAY = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const BOOT_MILLISECONDS = 120_000;

describeMachine("the upkeep of a machine", () => {
  let stack: LabStack;

  beforeAll(async () => {
    const image = await testImage();
    const machine = { maintenanceWindow: WINDOW };
    stack = await LabStack.up({ level: "machine", image, settings: { machine } });
    // Updates that happen to begin now, between six and seven, would hold a reboot up until they are done.
    await run("systemctl stop apt-daily.timer apt-daily-upgrade.timer");
  }, IMAGE_MILLISECONDS);

  afterAll(() => stack[Symbol.asyncDispose]());

  const read = (...command: readonly string[]) =>
    readInMachine(stack.folder, stack.machineName, ...command);
  const run = (script: string) => runInMachine(stack.folder, stack.machineName, script);
  const property = (unit: string, name: string) =>
    read("systemctl", "show", "--value", `--property=${name}`, unit);
  const greeting = async () => {
    const { account, password } = stack.credentials;
    const user = `${account}:${password}`;
    return stack.run(["curl", "-sSk", "--ssl-reqd", "--user", user, `ftp://${stack.address}/`]);
  };

  it("holds as many waiting connections as the kernel was told", async () => {
    const limit = await read("sysctl", "-n", "net.core.somaxconn");
    for (const port of [stack.settings.controlPort, stack.settings.healthProbePort]) {
      // The column Send-Q of a listening socket is its backlog.
      const line = await read("ss", "-Hltn", "sport", "=", `:${String(port)}`);
      expect(line.split(/\s+/)[2]).toBe(limit);
    }
  });

  it("keeps its journal on disk, within bounds", async () => {
    const config = await read("systemd-analyze", "cat-config", "systemd/journald.conf");
    expect(config).toMatch(/^SystemMaxUse=1G$/m);
    expect(await read("journalctl", "--header")).toContain("/var/log/journal/");
  });

  it("hands its records to syslog, where Azure Monitor's agent takes them, and to no file", async () => {
    // What the agent does: a rule of its own, before all others.
    await run(`
      echo 'local0.* /run/agent.log' >/etc/rsyslog.d/10-agent.conf
      systemctl restart rsyslog`);
    await greeting();
    await run("systemctl start gangway-watch.service");
    await expect
      .poll(() => read("cat", "/run/agent.log"))
      .toMatch(/gangway\[\d+\]: .*"event":"loggedIn"/);
    await expect.poll(() => read("cat", "/run/agent.log")).toContain("gangway-watch");
    const line = (await read("cat", "/run/agent.log"))
      .split("\n")
      .findLast((each) => each.includes("gangway-watch"));
    const record: unknown = JSON.parse(line?.slice(line.indexOf("{")) ?? "");
    expect(record).toMatchObject({ event: "watch", healthy: true, passivePending: 0 });
    for (const field of ["startTimeSeconds", "passivePorts", "certificateExpiresSeconds"]) {
      expect(record).toHaveProperty(field, expect.any(Number));
    }
    const { output } = await run("grep -c loggedIn /var/log/syslog || true");
    expect(output.trim()).toBe("0");
  });

  it("says in the same record when the server does not answer", async () => {
    const service = await serviceOf(stack);
    await run(`systemctl stop ${service} && systemctl start gangway-watch.service`);
    const record = await read("journalctl", "-u", "gangway-watch", "-o", "cat", "-n", "20");
    expect(record).toContain('{"event":"watch","healthy":false}');
    // A client brings it back: the socket is still there.
    expect((await greeting()).exitCode).toBe(0);
    expect(await property(service, "ActiveState")).toBe("active");
  });

  it("refuses nobody while a server that was killed comes back", async () => {
    const service = await serviceOf(stack);
    const before = await property(service, "MainPID");
    await run(`kill -KILL ${before}`);
    expect((await greeting()).exitCode).toBe(0);
    expect(await property(service, "MainPID")).not.toBe(before);
  });

  it("installs security updates each day, and reboots for them at no other time than its own", async () => {
    const apt = await read("apt-config", "dump");
    expect(apt).toContain('APT::Periodic::Unattended-Upgrade "1";');
    expect(apt).toContain('Unattended-Upgrade::Automatic-Reboot "false";');
    const next = await run(
      "date --utc --date \"$(systemctl show --value --property=NextElapseUSecRealtime gangway-reboot.timer)\" '+%w %H %M'",
    );
    const [day = 0, hour = 0, minute = 0] = next.output.trim().split(" ").map(Number);
    // Half past ten at night, and up to two hours later, which is the next day.
    const minutes = (hour * 60 + minute - (22 * 60 + 30) + 1440) % 1440;
    expect(minutes).toBeLessThanOrEqual(120);
    const begun = SUNDAY_TO_SATURDAY[hour >= 22 ? day : (day + 6) % 7];
    expect(["Tue", "Sat"]).toContain(begun);
  });

  it(
    "reboots when updates ask for it, not otherwise, and serves again",
    async () => {
      const bootId = () => read("cat", "/proc/sys/kernel/random/boot_id").catch(() => "none");
      const before = await bootId();
      await run("systemctl start gangway-reboot.service");
      expect(await bootId()).toBe(before);
      expect(await property("gangway-reboot.service", "ConditionResult")).toBe("no");
      await run("touch /run/reboot-required; systemctl start --no-block gangway-reboot.service");
      await expect
        .poll(bootId, { timeout: BOOT_MILLISECONDS })
        .not.toSatisfy((id: string) => id === before || id === "none");
      await expect
        .poll(async () => (await greeting()).exitCode, { timeout: BOOT_MILLISECONDS })
        .toBe(0);
      expect(await property(await serviceOf(stack), "ActiveState")).toBe("active");
      expect(await read("findmnt", "-no", "FSTYPE", MACHINE_LAYOUT.dataFolder)).toBe("ext4");
    },
    BOOT_MILLISECONDS * 2,
  );
});
