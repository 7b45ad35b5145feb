// The in-memory twin of service-bus-queue.ts, with the receiving half that tests drive flows with. Deterministic: time is the
// clock's, order is the order of the calls. Not imitated: locks running out, time to live, size limits of a batch.

import type { QueueWatch } from "../flows/monitor-ports.js";
import type { ChangeQueue } from "../flows/ports.js";
import type { Clock } from "../model/clock.js";
import type { Envelope } from "../model/envelope.js";
import { soonMs } from "./count-waiting.js";
import { toBundleMessage, toOutgoingMessage } from "./outgoing-message.js";
import { queues } from "./queues.js";

/** A message that a lane's holder has in hand. `body` is what a trigger would get: JSON, unchecked. */
export interface Delivery {
  lane: string;
  body: unknown;
  messageId: string;
  /** 1 at the first delivery. */
  deliveryCount: number;
}

/** Queue `changes` in memory. Delivered at least once: what is not completed comes again. */
export interface MemoryChangeQueue extends ChangeQueue {
  /** The next message of the lane; undefined when there is none, or while one is in hand: a lane has one holder. */
  receive(lane: string): Delivery | undefined;
  /** Done. Completing what is no longer in hand does nothing. */
  complete(delivery: Delivery): void;
  /** Failed: comes again before any other, or goes to the dead letters after the tenth delivery. */
  abandon(delivery: Delivery): void;
  /** Every holder died: what was in hand comes again, and its delivery does not count. */
  release(): void;
  /** Lanes with something to receive now, in order. */
  readyLanes(): readonly string[];
  /** When the next scheduled message becomes visible (epoch ms). */
  nextDueAt(): number | undefined;
  deadLetters(): readonly Delivery[];
  /** The queue as the monitor sees it. */
  watch: QueueWatch;
}

interface Entry {
  /** Counts up; anew when it becomes visible, as on the bus. */
  number: number;
  /** When it became visible (epoch ms). */
  at: number;
  lane: string;
  text: string;
  messageId: string;
  records: number;
  deliveries: number;
  inHand: Delivery | undefined;
}

interface Scheduled {
  entry: Entry;
  at: number;
}

const { maxDeliveryCount, duplicateDetectionSeconds } = queues.changes;

/** Makes an empty queue with `lanes` lanes. */
export function makeMemoryChangeQueue({ lanes, clock }: { lanes: number; clock: Clock }): MemoryChangeQueue {
  let active: Entry[] = [];
  let scheduled: Scheduled[] = [];
  let dead: Entry[] = [];
  const seenUntil = new Map<string, number>();
  let numbers = 0;

  const activateDue = (): void => {
    const due = scheduled.filter(({ at }) => at <= clock.now()).sort((a, b) => a.at - b.at);
    scheduled = scheduled.filter(({ at }) => at > clock.now());
    active.push(...due.map(({ entry, at }) => ({ ...entry, number: ++numbers, at })));
  };
  /** Undefined: a repeated message id, accepted and dropped. */
  const acceptAs = (messageId: string, lane: string, body: unknown, records: number): Entry | undefined => {
    if ((seenUntil.get(messageId) ?? 0) > clock.now()) return undefined;
    seenUntil.set(messageId, clock.now() + duplicateDetectionSeconds * 1000);
    const text = JSON.stringify(body);
    return { number: ++numbers, at: clock.now(), lane, text, messageId, records, deliveries: 0, inHand: undefined };
  };
  const accept = (envelope: Envelope): Entry | undefined => {
    const { messageId, sessionId, body } = toOutgoingMessage(envelope, lanes);
    return acceptAs(messageId, sessionId, body, 1);
  };
  const heldAs = (delivery: Delivery): Entry | undefined => active.find((entry) => entry.inHand === delivery);
  const isFree = (lane: string): boolean => !active.some((entry) => entry.lane === lane && entry.inHand);

  return {
    watch: {
      queue: "changes",
      async look(limit) {
        activateDue();
        const heads = new Map<string, { position: string; at: number }>();
        for (const { lane, number, at } of [...active].sort((one, other) => one.number - other.number)) {
          if (!heads.has(lane)) heads.set(lane, { position: String(number), at });
        }
        const waiting = active.reduce((sum, { records }) => sum + records, 0);
        return { waiting: Math.min(limit, waiting), dead: Math.min(limit, dead.length), heads };
      },
    },
    async send(envelopes) {
      activateDue();
      for (const envelope of envelopes) {
        const entry = accept(envelope);
        if (entry) active.push(entry);
      }
    },
    async sendBundles(bundles) {
      activateDue();
      for (const envelopes of bundles) {
        const message = toBundleMessage(envelopes, lanes);
        const entry = acceptAs(message.messageId, message.sessionId, message.body, envelopes.length);
        if (entry) active.push(entry);
      }
    },
    async schedule(envelope, at) {
      activateDue();
      const entry = accept(envelope);
      if (entry) scheduled.push({ entry, at });
      activateDue();
    },
    async depths(limit) {
      activateDue();
      const soon = scheduled.filter(({ at }) => at <= clock.now() + soonMs).map(({ entry }) => entry);
      const depths = new Map<string, number>();
      let left = limit;
      for (const { lane, records } of [...active, ...soon]) {
        if (left > 0) depths.set(lane, (depths.get(lane) ?? 0) + Math.min(left, records));
        left -= records;
      }
      return depths;
    },
    receive(lane) {
      activateDue();
      const entry = isFree(lane) ? active.find((candidate) => candidate.lane === lane) : undefined;
      if (!entry) return undefined;
      entry.deliveries += 1;
      entry.inHand = toDelivery(entry);
      return entry.inHand;
    },
    complete(delivery) {
      active = active.filter((entry) => entry.inHand !== delivery);
    },
    abandon(delivery) {
      const entry = heldAs(delivery);
      if (!entry) return;
      entry.inHand = undefined;
      if (entry.deliveries < maxDeliveryCount) return;
      active = active.filter((candidate) => candidate !== entry);
      dead = [...dead, entry];
    },
    release() {
      for (const entry of active.filter(({ inHand }) => inHand)) {
        entry.deliveries -= 1;
        entry.inHand = undefined;
      }
    },
    readyLanes() {
      activateDue();
      return [...new Set(active.map(({ lane }) => lane))].filter(isFree).sort();
    },
    nextDueAt() {
      activateDue();
      return scheduled.length === 0 ? undefined : Math.min(...scheduled.map(({ at }) => at));
    },
    deadLetters: () => dead.map(toDelivery),
  };
}

function toDelivery({ lane, text, messageId, deliveries }: Entry): Delivery {
  return { lane, body: JSON.parse(text), messageId, deliveryCount: deliveries };
}
