// ChangeQueue over Azure Service Bus (or the local broker). What a message looks like is in outgoing-message.ts, what an error
// means in to-bus-error.ts. Receiving is the Functions host's business, not ours.

import type { ServiceBusClient, ServiceBusReceiver, ServiceBusSender } from "@azure/service-bus";
import { RefusedError } from "../errors.js";
import type { ChangeQueue } from "../flows/ports.js";
import type { Clock } from "../model/clock.js";
import type { Envelope } from "../model/envelope.js";
import { boundedCall } from "./bounded-call.js";
import { countWaiting, type SequenceNumber } from "./count-waiting.js";
import { type OutgoingMessage, toBundleMessage, toOutgoingMessage } from "./outgoing-message.js";

/**
 * What the queue works with. `lanes` is the number of sessions, `timeoutMs` the longest time of one call of any kind. Nobody else
 * may peek this queue through `client`: the SDK keeps one reading position for all (count-waiting.ts).
 */
export interface ServiceBusQueueOptions {
  client: ServiceBusClient;
  queue: string;
  lanes: number;
  clock: Clock;
  timeoutMs: number;
}

/** A change queue that holds links; `close` ends them, not the client. */
export interface ServiceBusChangeQueue extends ChangeQueue {
  close(): Promise<void>;
}

/** Lanes served at once; within a lane one batch goes after the other, since their order is the lane's. */
const lanesAtOnce = 8;
/** Below Standard's limit of 256 KB a message with room for what the service adds, and far below Premium's batch limit of 1 MB. */
const maxBatchBytes = 240 * 1024;

/** Queue `changes` over the client. Every method throws UnavailableError, AuthError or RefusedError within `timeoutMs`. */
export function makeServiceBusChangeQueue(options: ServiceBusQueueOptions): ServiceBusChangeQueue {
  const { client, queue, lanes, clock, timeoutMs } = options;
  let openSender: ServiceBusSender | undefined;
  let openReceiver: ServiceBusReceiver | undefined;
  let firstSequence: SequenceNumber | undefined;

  const sender = (): ServiceBusSender => {
    if (!openSender || openSender.isClosed) openSender = client.createSender(queue);
    return openSender;
  };
  // Only its management link is ever opened: peeking takes no session and no lock.
  const receiver = (): ServiceBusReceiver => {
    if (!openReceiver || openReceiver.isClosed) openReceiver = client.createReceiver(queue);
    return openReceiver;
  };
  const bounded = <T>(operation: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    boundedCall({ queue, operation, timeoutMs }, call);

  return {
    async send(envelopes) {
      const byLane = groupByLane(envelopes.map((envelope) => toOutgoingMessage(envelope, lanes)));
      await bounded("send", (signal) =>
        forEachAtOnce(byLane, lanesAtOnce, (messages) => sendInOrder(sender(), messages, signal)),
      );
    },
    async sendBundles(bundles) {
      const byLane = groupByLane(bundles.map((envelopes) => toBundleMessage(envelopes, lanes)));
      await bounded("send", (signal) =>
        forEachAtOnce(byLane, lanesAtOnce, (messages) => sendInOrder(sender(), messages, signal)),
      );
    },
    // An annotated message takes the sender's own link and its duplicate detection. scheduleMessages would open a second,
    // request-response link only to learn a sequence number for a cancellation that we never make.
    async schedule(envelope: Envelope, at: number) {
      const message = { ...toOutgoingMessage(envelope, lanes), scheduledEnqueueTimeUtc: new Date(at) };
      await bounded("schedule", (abortSignal) => sender().sendMessages(message, { abortSignal }));
    },
    async depths(limit) {
      const counted = await bounded("peek", (signal) =>
        countWaiting({ receiver: receiver(), limit, from: firstSequence, now: clock.now(), signal }),
      );
      firstSequence ??= counted.first;
      return counted.depths;
    },
    async close() {
      await Promise.allSettled([openSender?.close(), openReceiver?.close()]);
    },
  };
}

function groupByLane(messages: readonly OutgoingMessage[]): OutgoingMessage[][] {
  const lanes = new Map<string, OutgoingMessage[]>();
  for (const message of messages) {
    const lane = lanes.get(message.sessionId) ?? [];
    lane.push(message);
    lanes.set(message.sessionId, lane);
  }
  return [...lanes.values()];
}

async function sendInOrder(
  sender: ServiceBusSender,
  messages: readonly OutgoingMessage[],
  abortSignal: AbortSignal,
): Promise<void> {
  const newBatch = () => sender.createMessageBatch({ maxSizeInBytes: maxBatchBytes, abortSignal });
  let batch = await newBatch();
  for (const message of messages) {
    if (batch.tryAddMessage(message)) continue;
    if (batch.count > 0) {
      await sender.sendMessages(batch, { abortSignal });
      batch = await newBatch();
      if (batch.tryAddMessage(message)) continue;
    }
    throw new RefusedError("a message does not fit into an empty batch", "MessageSizeExceeded", {
      messageId: message.messageId,
    });
  }
  await sender.sendMessages(batch, { abortSignal });
}

/** Runs `work` over all items, at most `most` at once. Starts none after the first failure. */
async function forEachAtOnce<T>(items: readonly T[], most: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) {
      await work(item).catch((error: unknown) => {
        rest.length = 0;
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
}
