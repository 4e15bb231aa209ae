import { describe, expect, it } from "vitest";
import { passed, type Check, type CheckId, type Verdict } from "../../../probe/check.ts";
import { completeOptions, type ProbeOptions } from "../../../probe/options.ts";
import { runChecks } from "../../../probe/run.ts";
import { ProbeFault } from "../../../probe/symptoms.ts";

const check = (
  id: CheckId,
  run: () => Promise<Verdict> = () => Promise.resolve(passed("fine")),
  changes: Partial<Check> = {},
): Check => ({ id, title: id, lane: "session", needs: [], run, ...changes });

const run = (checks: readonly Check[], changes: Partial<ProbeOptions> = {}, signal?: AbortSignal) =>
  runChecks(
    checks,
    completeOptions({ host: "ftp.example.com", password: "-", ...changes }),
    signal ?? new AbortController().signal,
    () => undefined,
  );

const fails = () => Promise.reject(new ProbeFault({ kind: "stalled", waitingFor: "the greeting" }));

describe("running checks", () => {
  it("keeps the order of a lane, and lets lanes go on side by side", async () => {
    const events: string[] = [];
    const slow = Promise.withResolvers<undefined>();
    const noting = (id: CheckId, wait?: Promise<undefined>) => async () => {
      events.push(`${id} begins`);
      await wait;
      events.push(`${id} ends`);
      return passed("");
    };
    const reports = await run([
      check("address", noting("address", slow.promise)),
      check("greeting", noting("greeting")),
      check(
        "idle",
        () => {
          slow.resolve(undefined);
          return noting("idle")();
        },
        { lane: "idle" },
      ),
    ]);
    expect(events.indexOf("idle begins")).toBeLessThan(events.indexOf("address ends"));
    expect(events.indexOf("greeting begins")).toBeGreaterThan(events.indexOf("address ends"));
    expect(reports.map(({ id }) => id)).toEqual(["address", "greeting", "idle"]);
  });

  it("does not run what needs a failed check, nor what needs that", async () => {
    const reports = await run([
      check("address", fails),
      check("login", undefined, { needs: ["address"] }),
      check("passive", undefined, { needs: ["login"] }),
      check("greeting"),
    ]);
    expect(reports.map(({ outcome }) => outcome)).toEqual(["failed", "notRun", "notRun", "passed"]);
    expect(reports[0]).toMatchObject({ suspect: "server" });
    expect(reports[2]?.detail).toBe("needs: login");
  });

  it("runs what needs one of several when one passed", async () => {
    const needsOneOf: CheckId[] = ["extendedPassive", "passive"];
    const outcomes = async (first: () => Promise<Verdict>, second?: () => Promise<Verdict>) =>
      (
        await run([
          check("extendedPassive", first),
          check("passive", second),
          check("passivePort", undefined, { needsOneOf }),
        ])
      ).map(({ outcome }) => outcome);
    expect(await outcomes(fails)).toEqual(["failed", "passed", "passed"]);
    expect(await outcomes(fails, fails)).toEqual(["failed", "failed", "notRun"]);
  });

  it("takes a bug for a bug", async () => {
    const bug = new TypeError("not a fault of the server");
    await expect(run([check("address", () => Promise.reject(bug))])).rejects.toBe(bug);
  });

  it("refuses a plan in which a check comes before what it needs", async () => {
    const checks = [check("login", undefined, { needs: ["greeting"] }), check("greeting")];
    await expect(run(checks)).rejects.toThrow("login comes before greeting");
  });

  it("reads evidence once, and only reports what it says", async () => {
    let readings = 0;
    const evidence = () => {
      readings += 1;
      return Promise.resolve([{ layer: "nicNsg", ranges: ["21-21"] }]);
    };
    const dropped = () =>
      Promise.reject(new ProbeFault({ kind: "noAnswer", port: 50000, role: "passive" }));
    const reports = await run([check("address", dropped), check("greeting", dropped)], {
      evidence,
    });
    expect(readings).toBe(1);
    expect(reports.map(({ suspect }) => suspect)).toEqual(["nicNsg", "nicNsg"]);
  });

  it("ends with the reason of its signal", async () => {
    const stop = new AbortController();
    const reason = new Error("enough");
    const waits = () => {
      stop.abort(reason);
      return Promise.reject(new ProbeFault({ kind: "stalled", waitingFor: "nothing" }));
    };
    await expect(run([check("address", waits)], {}, stop.signal)).rejects.toBe(reason);
  });
});
