import { describe, expect, it } from "vitest";
import type { LineEvent } from "../../../server/protocol/lines.ts";
import { CommandQueue } from "../../../server/session/command-queue.ts";
import { BOUNDS } from "../../../server/session/limits.ts";

function queueOf(...texts: readonly string[]): { queue: CommandQueue; left: LineEvent[] } {
  const left: LineEvent[] = texts.map((text) => ({ kind: "line", text }));
  return { queue: new CommandQueue({ next: () => left.shift() }), left };
}

const text = (event: LineEvent | undefined): string | undefined =>
  event?.kind === "line" ? event.text : event?.kind;

describe("command queue during a transfer", () => {
  it("answers NOOP and STAT at once, STAT with a path later", () => {
    const { queue } = queueOf("NOOP", "STAT", "STAT /", "NOOP");
    expect(queue.readAhead()).toEqual({
      kind: "answer",
      parsed: { verb: "NOOP", argument: undefined },
    });
    expect(queue.readAhead()).toEqual({
      kind: "answer",
      parsed: { verb: "STAT", argument: undefined },
    });
    expect(queue.readAhead()).toBeUndefined();
    expect([text(queue.take()), text(queue.take()), queue.take()]).toEqual([
      "STAT /",
      "NOOP",
      undefined,
    ]);
  });

  it("keeps replies in the order of commands: behind one that waits, NOOP waits too", () => {
    const { queue } = queueOf("PWD", "NOOP");
    expect(queue.readAhead()).toBeUndefined();
    expect([text(queue.take()), text(queue.take())]).toEqual(["PWD", "NOOP"]);
  });

  it("notices ABOR behind others and still answers it in its turn", () => {
    const { queue } = queueOf("PWD", "ABOR", "SYST");
    expect(queue.readAhead()).toEqual({ kind: "abort" });
    expect(queue.readAhead()).toBeUndefined();
    expect([text(queue.take()), text(queue.take()), text(queue.take())]).toEqual([
      "PWD",
      "ABOR",
      "SYST",
    ]);
  });

  it("reads a bounded number ahead and leaves the rest where it was", () => {
    const { queue, left } = queueOf(...Array.from({ length: 100 }, () => "PWD"));
    expect(queue.readAhead()).toBeUndefined();
    expect(left).toHaveLength(100 - BOUNDS.queuedCommands);
    for (let index = 0; index < 100; index++) expect(text(queue.take())).toBe("PWD");
    expect(queue.take()).toBeUndefined();
  });

  it("knows whether QUIT waits", () => {
    const { queue } = queueOf("PWD", "quit");
    expect(queue.holdsQuit).toBe(false);
    queue.readAhead();
    expect(queue.holdsQuit).toBe(true);
  });
});
