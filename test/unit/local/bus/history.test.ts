import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Queue } from "../../../../infra/local/bus/core/queue.js";
import type { Recorder } from "../../../../infra/local/bus/core/recorder.js";
import {
  applyRecord,
  dropRecord,
  type JournalRecord,
  type KeptQueue,
  putRecord,
  statusRecord,
} from "../../../../infra/local/bus/journal/records.js";
import { restoreQueues, snapshotOf } from "../../../../infra/local/bus/journal/restore.js";
import { aDraft, aReceiver, makeTestQueue, type TestReceiver } from "./support.js";

// Any history of operations, with the broker dying after any commit: nothing acknowledged is lost, nothing completed is back.

const step = fc.oneof(
  fc.record({
    kind: fc.constant("send" as const),
    session: fc.constantFrom("A", "B", "C"),
    dueInMs: fc.constantFrom(0, 0, 500),
  }),
  fc.record({ kind: fc.constant("receive" as const), session: fc.constantFrom("A", "B", "C") }),
  fc.record({
    kind: fc.constant("settle" as const),
    which: fc.nat(20),
    outcome: fc.constantFrom("complete", "abandon", "defer", "release", "dead-letter"),
  }),
  fc.record({ kind: fc.constant("advance" as const), ms: fc.constantFrom(10, 400, 1000) }),
  fc.record({ kind: fc.constant("close" as const), session: fc.constantFrom("A", "B", "C") }),
);

/** A recorder into memory that keeps whole commits only, as the file does. */
const makeMemoryRecorder = () => {
  const commits: string[] = [];
  let pending: JournalRecord[] = [];
  const recorder: Recorder = {
    put: (shelf, message, fresh) => pending.push(fresh ? putRecord(shelf, message) : statusRecord(shelf, message)),
    drop: (shelf, number) => pending.push(dropRecord(shelf, number)),
    seen: (queue, id, at) => pending.push(["seen", queue, id, at]),
    sessionState: (queue, id, state) => pending.push(["state", queue, id, state?.toString("base64") ?? null]),
    commit() {
      if (pending.length > 0) commits.push(JSON.stringify(pending));
      pending = [];
    },
  };
  return { recorder, commits };
};

const replay = (commits: readonly string[]): Map<string, KeptQueue> => {
  const kept = new Map<string, KeptQueue>();
  for (const line of commits) for (const record of JSON.parse(line) as JournalRecord[]) applyRecord(kept, record);
  return kept;
};

const idsIn = (queue: Queue): string[] =>
  [...queue.main.all(), ...queue.dead.all()].map(({ messageId }) => messageId).sort();

describe.each([{ requiresSession: false }, { requiresSession: true }])(
  "any history of a queue, %j",
  ({ requiresSession }) => {
    it("holds exactly what was sent and not completed, in memory and after a replay of its journal", () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
          const { recorder, commits } = makeMemoryRecorder();
          const settings = { requiresSession, lockDurationMs: 1000, maxDeliveryCount: 3 };
          const { queue, clock } = makeTestQueue(settings, recorder);
          const present = new Set<string>();
          const receivers: TestReceiver[] = [];
          const tokens = () => receivers.flatMap(({ got }) => got);

          for (const [index, action] of steps.entries()) {
            switch (action.kind) {
              case "send": {
                const messageId = `m${index}`;
                present.add(messageId);
                queue.send([aDraft({ messageId, sessionId: action.session, dueAt: clock.now() + action.dueInMs })]);
                break;
              }
              case "receive": {
                const receiver = aReceiver(2);
                receivers.push(receiver);
                if (requiresSession) {
                  const grant = queue.main.sessions?.accept(action.session, receiver);
                  if (grant !== undefined) queue.main.wakeSession(grant.session);
                } else {
                  const attachment = queue.main.attach(receiver);
                  attachment.wake();
                  attachment.detach();
                }
                break;
              }
              case "settle": {
                const delivery = tokens()[action.which];
                if (delivery?.lock === undefined) break;
                const outcome =
                  action.outcome === "dead-letter"
                    ? ({ kind: "dead-letter", reason: "r", description: undefined } as const)
                    : ({ kind: action.outcome as "complete" } as const);
                const settled = queue.main.settle(delivery.lock.token, outcome);
                if (settled && action.outcome === "complete") present.delete(delivery.message.messageId);
                break;
              }
              case "advance":
                clock.advance(action.ms);
                break;
              case "close": {
                const grant = queue.main.sessions?.held(action.session);
                if (grant !== undefined) queue.main.releaseSession(grant);
                break;
              }
            }
            expect(idsIn(queue)).toEqual([...present].sort());
          }

          const { queue: restored } = makeTestQueue(settings);
          restoreQueues(new Map([["q", restored]]), replay(commits));
          expect(idsIn(restored)).toEqual([...present].sort());
          expect(restored.main.lockedCount).toBe(0);
          const { queue: again } = makeTestQueue(settings);
          restoreQueues(new Map([["q", again]]), replay([JSON.stringify([...snapshotOf([restored])])]));
          expect([...again.main.all()]).toEqual([...restored.main.all()]);
          expect([...again.dead.all()]).toEqual([...restored.dead.all()]);
        }),
        { numRuns: 300 },
      );
    });

    it("never delivers messages of one lane out of order, but for what came back", () => {
      fc.assert(
        fc.property(
          fc.array(fc.constantFrom("A", "B"), { minLength: 1, maxLength: 40 }),
          fc.nat(3),
          (sessions, abandons) => {
            const { queue } = makeTestQueue({ requiresSession, maxDeliveryCount: 10 });
            queue.send(sessions.map((sessionId, index) => aDraft({ sessionId, messageId: `${index}` })));
            const receiver = aReceiver(1);
            const grant = requiresSession ? queue.main.sessions?.accept("A", receiver) : undefined;
            const attachment = requiresSession ? undefined : queue.main.attach(receiver);
            const wake = () => (grant === undefined ? attachment?.wake() : queue.main.wakeSession(grant.session));
            wake();
            const completed: number[] = [];

            for (let at = 0; at < receiver.got.length; at++) {
              const { message, lock } = receiver.got[at] ?? {};
              if (message === undefined || lock === undefined) break;
              receiver.remaining = 1;
              const isAbandoned = message.deliveryCount < abandons;
              queue.main.settle(lock.token, { kind: isAbandoned ? "abandon" : "complete" });
              if (!isAbandoned) completed.push(Number(message.messageId));
              wake();
            }

            const expected = [...sessions.keys()].filter((index) => !requiresSession || sessions[index] === "A");
            expect(completed).toEqual(expected);
          },
        ),
      );
    });
  },
);
