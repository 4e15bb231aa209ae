import { describe, expect, it } from "vitest";
import { storageReply, transferReply } from "../../../server/session/failures.ts";

describe("failures", () => {
  it.each([
    ["notFound", 550],
    ["denied", 550],
    ["busy", 450],
    ["noSpace", 452],
    ["quotaExceeded", 552],
    ["invalidName", 553],
    ["offsetBeyondEnd", 554],
    ["unavailable", 451],
  ] as const)("storage: %s before a transfer is %d", (kind, code) => {
    expect(storageReply(kind).code).toBe(code);
  });

  it.each([
    [{ kind: "noConnection" }, 425],
    [{ kind: "tlsFailed" }, 522],
    [{ kind: "aborted" }, 426],
    [{ kind: "connectionLost" }, 426],
    [{ kind: "timedOut" }, 426],
    [{ kind: "internal" }, 451],
    [{ kind: "storage", error: "noSpace" }, 452],
    [{ kind: "storage", error: "quotaExceeded" }, 552],
    [{ kind: "storage", error: "notFound" }, 451],
    [{ kind: "storage", error: "unavailable" }, 451],
  ] as const)("transfer: %j is %d", (failure, code) => {
    expect(transferReply({ kind: "failed", failure, bytes: 0 }).code).toBe(code);
  });
});
