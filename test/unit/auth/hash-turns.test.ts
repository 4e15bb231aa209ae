import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { HashTurns, TooManyHashesError } from "../../../server/auth/hash-turns.ts";

/** Computations that end when they are told to, in the order in which they began. */
function scripted(turns: HashTurns) {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const attempt = (client: string, name: string, signal?: AbortSignal): Promise<string> =>
    turns.run({ client, ...(signal === undefined ? {} : { signal }) }, async () => {
      begun.push(name);
      await new Promise<void>((resolve) => ends.push(resolve));
      return name;
    });
  const endOne = async (): Promise<void> => {
    ends.shift()?.();
    await nextTurn();
  };
  return { begun, attempt, endOne };
}

test("a client with many attempts does not keep another one waiting", async () => {
  const { begun, attempt, endOne } = scripted(
    new HashTurns({ atOnce: 1, waiting: 100, waitingOfClient: 100 }),
  );
  const names = ["g1", "g2", "g3", "g4"];
  const all = names.map((name) => attempt("guesser", name));
  all.push(attempt("owner", "o1"), attempt("other", "p1"), attempt("owner", "o2"));
  for (let index = 0; index < 7; index++) await endOne();
  expect(await Promise.all(all)).toEqual(["g1", "g2", "g3", "g4", "o1", "p1", "o2"]);
  expect(begun).toEqual(["g1", "g2", "o1", "p1", "g3", "o2", "g4"]);
});

test("what would wait too long is refused, of one client and of all", async () => {
  const { attempt, endOne } = scripted(
    new HashTurns({ atOnce: 1, waiting: 3, waitingOfClient: 2 }),
  );
  const accepted = [attempt("a", "1"), attempt("a", "2"), attempt("a", "3")];
  await expect(attempt("a", "4")).rejects.toThrow(TooManyHashesError);
  accepted.push(attempt("b", "5"));
  await expect(attempt("c", "6")).rejects.toThrow(TooManyHashesError);
  for (let index = 0; index < 4; index++) await endOne();
  expect(await Promise.all(accepted)).toEqual(["1", "2", "3", "5"]);
  const next = attempt("c", "7");
  await endOne();
  expect(await next).toBe("7");
});

test("who has left computes nothing, and the turn passes on", async () => {
  const { begun, attempt, endOne } = scripted(
    new HashTurns({ atOnce: 1, waiting: 9, waitingOfClient: 9 }),
  );
  const gone = new AbortController();
  const first = attempt("a", "1");
  const left = attempt("a", "2", gone.signal);
  const last = attempt("a", "3");
  gone.abort();
  const refused = expect(left).rejects.toThrow("aborted");
  await endOne();
  await refused;
  await endOne();
  expect([await first, await last]).toEqual(["1", "3"]);
  expect(begun).toEqual(["1", "3"]);
});
