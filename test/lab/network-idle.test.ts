/** Idle timeouts at the level `network`: the keepalive makes the difference, so the lab is honest. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { SHORTEST_IDLE_TIMEOUT_MINUTES } from "#contract";
import { at, type Properties, type Value } from "../../lab/cloud/values.ts";
import { describeNetwork } from "../support/network-level.ts";
import { LabStack } from "../support/lab-stack.ts";

/** What Azure's shortest idle timeout lasts here, in seconds. */
const IDLE_SECONDS = 3;
/** The transfer takes three times as long. */
const BYTES_PER_SECOND = 512 * 1024;
const BYTES = BYTES_PER_SECOND * IDLE_SECONDS * 3;

describeNetwork("an upload that outlives the idle timeout", () => {
  let stack: LabStack;

  beforeAll(async () => {
    stack = await LabStack.up({
      level: "network",
      settings: {
        idleTimeoutMinutes: SHORTEST_IDLE_TIMEOUT_MINUTES,
        probe: { mode: "off" },
      },
      idleTimeoutScale: IDLE_SECONDS / (SHORTEST_IDLE_TIMEOUT_MINUTES * 60),
    });
  });

  afterAll(() => stack[Symbol.asyncDispose]());

  /** Sends slowly, with no keepalive of the client's own, and waits a little for the last reply. */
  const upload = (name: string) => {
    const { account, password } = stack.credentials;
    const source = `head -c ${String(BYTES)} /dev/zero`;
    const curl = [
      "curl --silent --show-error --insecure --ssl-reqd --no-keepalive",
      `--limit-rate ${String(BYTES_PER_SECOND)} --max-time ${String(IDLE_SECONDS * 5)}`,
      `--upload-file - ftp://${account}:${password}@${stack.address}/${name}`,
    ];
    return stack.run(["sh", "-c", `${source} | ${curl.join(" ")}`]);
  };

  /** Scales a whole number of seconds as the lab does; TCP knows nothing below one second. */
  const scaled = (seconds: Value | undefined) =>
    Math.max(
      1,
      Math.round((Number(seconds) * IDLE_SECONDS) / (SHORTEST_IDLE_TIMEOUT_MINUTES * 60)),
    );

  it("finishes with the delivered keepalive, scaled as the timeout is", async () => {
    await stack.editOnMachine(stack.machine.settingsFile, (content) => ({
      ...(content as Properties),
      keepalive: {
        idleSeconds: scaled(at(content, "keepalive", "idleSeconds")),
        intervalSeconds: scaled(at(content, "keepalive", "intervalSeconds")),
        count: at(content, "keepalive", "count") ?? 0,
      },
    }));
    const { exitCode, error } = await upload("with-keepalive");
    expect(error).toBe("");
    expect(exitCode).toBe(0);
  });

  it("never hears of its end without it, because the edge has forgotten the control connection", async () => {
    await stack.editOnMachine(stack.machine.settingsFile, (content) => {
      const { keepalive: _, ...rest } = content as Properties;
      return rest;
    });
    const { exitCode } = await upload("without-keepalive");
    // curl's "operation timed out".
    expect(exitCode).toBe(28);
  });
});
