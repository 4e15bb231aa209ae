import { describe, expect, it } from "vitest";
import { formatReport, holds, type CheckReport, type ProbeReport } from "../../../probe/report.ts";

const check = (changes: Partial<CheckReport>): CheckReport => ({
  id: "x",
  title: "short",
  outcome: "passed",
  detail: "fine",
  milliseconds: 1,
  ...changes,
});
const report = (...checks: CheckReport[]): ProbeReport => ({
  host: "ftp.example.com",
  startedAt: "2026-01-01T00:00:00.000Z",
  milliseconds: 1234,
  checks,
});

describe("the report", () => {
  it("is an aligned table with advice under what failed", () => {
    const text = formatReport(
      report(
        check({}),
        check({ title: "much longer", outcome: "warning", detail: "soon" }),
        check({
          outcome: "failed",
          detail: "silent",
          suspect: "nicNsg",
          alternatives: ["guestFirewall"],
          setting: "passivePorts",
          advice: ["first", "second"],
        }),
        check({ outcome: "notRun", detail: "needs: much longer" }),
      ),
    );
    expect(text).toBe(`✓ short        fine
! much longer  soon
✗ short        silent
    most likely: nicNsg, or guestFirewall; setting: passivePorts
    first
    second
– short        needs: much longer

ftp.example.com: 1 passed, 1 warned, 1 failed, 1 not run in 1.2 s
`);
  });

  it("holds with warnings and with what was not asked for, not with a failure", () => {
    const good = [check({}), check({ outcome: "warning" }), check({ outcome: "notRun" })];
    expect(holds(report(...good))).toBe(true);
    expect(holds(report(...good, check({ outcome: "failed" })))).toBe(false);
  });
});
