import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import type { FromWorker, WorkerMail } from "../../../server/processes/messages.ts";
import { OutgoingMail } from "../../../server/processes/worker-mail.ts";

const CLOSED: FromWorker = { kind: "closed", sessionId: "1" };
const release = (place: number): FromWorker => ({ kind: "release", place });

/** `id` null: nobody waits for the answer. */
function admit(place: number, id: number | null = null): FromWorker {
  const scope = { kind: "site", site: "site.example" } as const;
  return { kind: "admit", id, place, scope, limits: {}, address: "192.0.2.1" };
}

function openMail(): { mail: OutgoingMail; sent: WorkerMail[] } {
  const sent: WorkerMail[] = [];
  return { mail: new OutgoingMail((each) => sent.push(each)), sent };
}

it("what one turn has to tell goes together, in its order", async () => {
  const { mail, sent } = openMail();
  mail.post(admit(1, 1));
  mail.post(CLOSED);
  mail.post({ kind: "done", id: 7 });
  expect(sent).toEqual([]);
  await nextTurn();
  expect(sent).toEqual([[admit(1, 1), CLOSED, { kind: "done", id: 7 }]]);
});

it("a place without limits waits for the next message, and goes before it", async () => {
  const { mail, sent } = openMail();
  mail.post(admit(1));
  mail.post(admit(2));
  await nextTurn();
  await nextTurn();
  expect(sent).toEqual([]);
  mail.post({ kind: "prepared", id: 3, problem: null });
  await nextTurn();
  expect(sent).toEqual([[admit(1), admit(2), { kind: "prepared", id: 3, problem: null }]]);
});

it("a place that is given back before it was told of is never told of", async () => {
  const { mail, sent } = openMail();
  mail.post(admit(1));
  mail.post(admit(2));
  mail.post(release(1));
  await nextTurn();
  expect(sent).toEqual([]);
  mail.post(CLOSED);
  await nextTurn();
  expect(sent).toEqual([[admit(2), CLOSED]]);
});

it.each([
  ["under a limit", admit(1, 1)],
  ["that was told of", admit(1)],
])("a place %s is given back in the same turn", async (_which, admission) => {
  const { mail, sent } = openMail();
  mail.post(admission);
  mail.flush();
  mail.post(release(1));
  await nextTurn();
  expect(sent).toEqual([[admission], [release(1)]]);
});

it("an end may not wait for the turn's", async () => {
  const { mail, sent } = openMail();
  mail.post(admit(1));
  mail.post(CLOSED);
  mail.flush();
  expect(sent).toEqual([[admit(1), CLOSED]]);
  await nextTurn();
  expect(sent).toHaveLength(1);
});
