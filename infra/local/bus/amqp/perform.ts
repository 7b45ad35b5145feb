// How an operation that is answered goes, with the faults and the latency it meets. Deliveries and attaches, which are not
// answered in one piece, are in receiving-link.ts and serve-connection.ts.
import type { Operation } from "../calls/fault-schema.js";
import type { Clock } from "../core/clock.js";
import type { BusCore, Peer } from "./peer.js";
import type { AmqpFailure } from "./rhea-internals.js";

/** Runs things after a wait, at once when there is none. */
export type Turns = (waitMs: number, run: () => void) => void;

/**
 * Makes turns in which nothing overtakes what came before: messages on one link keep their order, however slow each is. What
 * throws later, outside the guards of the connection, goes to `fail`.
 */
export function makeTurns(clock: Clock, fail: (error: unknown) => void): Turns {
  const waiting: { at: number; run: () => void }[] = [];
  let lastAt = 0;

  const runDue = (): void => {
    for (let head = waiting[0]; head !== undefined; head = waiting[0]) {
      const leftMs = head.at - clock.now();
      if (leftMs > 0) {
        clock.later(leftMs, runDue);
        return;
      }
      try {
        head.run();
      } catch (error) {
        fail(error);
      }
      waiting.shift();
    }
  };

  return (waitMs, run) => {
    if (waiting.length === 0 && waitMs <= 0) {
      run();
      return;
    }
    lastAt = Math.max(lastAt, clock.now() + waitMs);
    waiting.push({ at: lastAt, run });
    if (waiting.length === 1) clock.later(waitMs, runDue);
  };
}

/** The two ways of a link: operations to the broker, answers to the client. */
export interface Road {
  readonly there: Turns;
  readonly back: Turns;
}

/** Makes the road of one link. */
export const makeRoad = ({ clock }: BusCore, { fail }: Peer): Road => ({
  there: makeTurns(clock, fail),
  back: makeTurns(clock, fail),
});

/** Whether an answer says that something failed. */
export const isFailure = (value: unknown): value is AmqpFailure =>
  typeof value === "object" && value !== null && "condition" in value;

/** One operation: `work` does it, at most once; `answer` tells the client, unless its connection is gone. */
export interface Performance<Value> {
  readonly operation: Operation;
  readonly queue: string;
  work(): Value;
  answer(value: Value | AmqpFailure): void;
}

/** Does an operation as faults and latency want it, and logs it. */
export function perform<Value>(bus: BusCore, peer: Peer, road: Road, task: Performance<Value>): void {
  const { fate, waitMs, answerMs, end } = bus.calls.begin(task.operation, task.queue, peer.client);

  const dieUnanswered = (): void => {
    peer.cut();
    end("none");
  };

  road.there(waitMs, () => {
    if (fate.reset) {
      dieUnanswered();
      return;
    }
    // What has arrived is done, even when its sender is gone by now.
    const value = fate.answer ?? task.work();
    road.back(answerMs, () => {
      if (fate.lost || !peer.isConnected()) {
        dieUnanswered();
        return;
      }
      task.answer(value);
      end(isFailure(value) ? value.condition : "ok");
    });
  });
}
