// The in-memory twin of service-bus-queue.ts, with the receiving half that tests drive flows with. Deterministic: time is the
// clock's, order is the order of the calls. Not imitated: locks running out, time to live, size limits of a batch.

import type { ChangeQueue } from "../flows/ports.js";
import type { Clock } from "../model/clock.js";
import { type Envelope, fitEnvelope, messageIdOf } from "../model/envelope.js";
import { laneOf } from "../model/lane.js";
import { soonMs } from "./count-waiting.js";
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
}

interface Entry {
  lane: string;
  text: string;
  messageId: string;
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

  const activateDue = (): void => {
    const due = scheduled.filter(({ at }) => at <= clock.now()).sort((a, b) => a.at - b.at);
    scheduled = scheduled.filter(({ at }) => at > clock.now());
    active.push(...due.map(({ entry }) => entry));
  };
  /** Undefined: a repeated message id, accepted and dropped. */
  const accept = (envelope: Envelope): Entry | undefined => {
    const messageId = messageIdOf(envelope);
    if ((seenUntil.get(messageId) ?? 0) > clock.now()) return undefined;
    seenUntil.set(messageId, clock.now() + duplicateDetectionSeconds * 1000);
    const lane = laneOf(envelope.table, envelope.id, lanes);
    return { lane, text: JSON.stringify(fitEnvelope(envelope)), messageId, deliveries: 0, inHand: undefined };
  };
  const heldAs = (delivery: Delivery): Entry | undefined => active.find((entry) => entry.inHand === delivery);
  const isFree = (lane: string): boolean => !active.some((entry) => entry.lane === lane && entry.inHand);

  return {
    async send(envelopes) {
      activateDue();
      for (const envelope of envelopes) {
        const entry = accept(envelope);
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
      for (const { lane } of [...active, ...soon].slice(0, limit)) depths.set(lane, (depths.get(lane) ?? 0) + 1);
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
