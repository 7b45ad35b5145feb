import type { Consumer, LockHandle } from "../../../../infra/local/bus/core/consumer.js";
import type { Draft, Message } from "../../../../infra/local/bus/core/message.js";
import { makeQueue, type Queue } from "../../../../infra/local/bus/core/queue.js";
import { parseQueues, type QueueSettings } from "../../../../infra/local/bus/core/queue-options.js";
import { noRecorder, type Recorder } from "../../../../infra/local/bus/core/recorder.js";
import type { Holder } from "../../../../infra/local/bus/core/sessions.js";
import { type ManualClock, makeManualClock } from "./manual-clock.js";

/** A queue on a clock that stands still. */
export function makeTestQueue(
  settings: Omit<QueueSettings, "name"> = {},
  recorder: Recorder = noRecorder,
): { queue: Queue; clock: ManualClock } {
  const [options] = parseQueues([{ name: "q", ...settings }]);
  if (options === undefined) throw new Error("no options");
  const clock = makeManualClock();
  return { queue: makeQueue(options, clock, recorder), clock };
}

let count = 0;

/** A message to send; its id is unique unless given. */
export function aDraft(given: Partial<Draft> = {}): Draft {
  const properties = Buffer.from(given.messageId ?? `m${++count}`);
  return {
    messageId: properties.toString(),
    sessionId: undefined,
    ttlMs: undefined,
    dueAt: undefined,
    sizeBytes: 100,
    content: { annotations: undefined, properties, applicationProperties: undefined, body: Buffer.alloc(0) },
    ...given,
  };
}

/** A receiver that notes what it gets. `credit` can be changed; each delivery takes one. */
export interface TestReceiver extends Holder {
  readonly got: { message: Message; lock: LockHandle | undefined }[];
  readonly ids: string[];
  remaining: number;
  wasLost: boolean;
}

/** Makes a receiver with some credit. */
export function aReceiver(remaining = Number.POSITIVE_INFINITY, mode: Consumer["mode"] = "peekLock"): TestReceiver {
  const receiver: TestReceiver = {
    mode,
    got: [],
    remaining,
    wasLost: false,
    get ids() {
      return receiver.got.map(({ message }) => message.messageId);
    },
    credit: () => receiver.remaining,
    deliver(message, lock) {
      receiver.remaining--;
      receiver.got.push({ message, lock });
    },
    lost() {
      receiver.wasLost = true;
    },
  };
  return receiver;
}

/** The lock token of the nth delivery. */
export function tokenOf(receiver: TestReceiver, index = 0): string {
  const token = receiver.got[index]?.lock?.token;
  if (token === undefined) throw new Error(`delivery ${index} has no lock`);
  return token;
}
