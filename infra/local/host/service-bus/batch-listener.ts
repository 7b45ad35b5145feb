// Cardinality many: one batch at a time for each function and host. Locks of a batch are not renewed, as in the real host.
import { setTimeout as sleep } from "node:timers/promises";
import type { ReceiveMessagesOptions, ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import type { ServiceBusOptions } from "../config/host-json.js";
import { backOffMs } from "./bus-health.js";
import type { BusListener, BusListenerOptions } from "./queue-listener.js";
import { startSessionSlots } from "./session-listener.js";

/** The client cannot hold more unsettled deliveries on one link. */
const CLIENT_LIMIT = 2000;

/** Once the first message is there the real host waits for no more than what is on its way already. */
const GATHER_MS = 50;

/** Batches of a queue without sessions. */
export function startBatchListener({ client, queueName, options, dispatch, health }: BusListenerOptions): BusListener {
  const stopping = new AbortController();
  const receiver = client.createReceiver(queueName, { skipParsingBodyAsJson: true, maxAutoLockRenewalDurationInMs: 0 });

  const loop = async (): Promise<void> => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      try {
        const batch = await receiveBatch(receiver, options, options.clientRetryOptions.tryTimeout, stopping.signal);
        failures = 0;
        health.recovered();
        if (batch.length > 0) await dispatch.many(receiver, batch);
      } catch (error) {
        if (stopping.signal.aborted) return;
        health.failed(error);
        failures += 1;
        await sleep(backOffMs(failures), undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
  };

  const running = loop();
  return {
    stop: async () => {
      stopping.abort();
      await running;
      await receiver.close();
    },
  };
}

/** Batches of a queue with sessions: one session at a time, kept until it is idle. */
export function startSessionBatchListener(listener: BusListenerOptions): BusListener {
  const { options, dispatch } = listener;
  const idleMs = options.sessionIdleTimeout ?? options.clientRetryOptions.tryTimeout;
  return startSessionSlots(listener, 1, false, async (receiver, stopping) => {
    while (!stopping.aborted) {
      const batch = await receiveBatch(receiver, options, idleMs, stopping).catch((error: unknown) => {
        if (stopping.aborted) return [];
        throw error;
      });
      if (batch.length === 0) return;
      await dispatch.many(receiver, batch);
    }
  });
}

/** Up to `maxMessageBatchSize` messages; fewer than `minMessageBatchSize` only when `maxBatchWaitTime` has passed since the first. */
async function receiveBatch(
  receiver: Pick<ServiceBusReceiver, "receiveMessages">,
  options: ServiceBusOptions,
  waitMs: number,
  abortSignal: AbortSignal,
): Promise<ServiceBusReceivedMessage[]> {
  const maximum = Math.min(options.maxMessageBatchSize, CLIENT_LIMIT);
  const batch: ServiceBusReceivedMessage[] = [];
  let waitUntil = Date.now() + waitMs;
  do {
    // Not in the published type: without it the client gathers for a whole second.
    const receiveOptions: ReceiveMessagesOptions & { maxTimeAfterFirstMessageInMs: number } = {
      maxWaitTimeInMs: Math.max(waitUntil - Date.now(), 1),
      maxTimeAfterFirstMessageInMs: GATHER_MS,
      abortSignal,
    };
    const received = await receiver.receiveMessages(maximum - batch.length, receiveOptions);
    if (batch.length === 0 && received.length > 0) waitUntil = Date.now() + options.maxBatchWaitTime;
    batch.push(...received);
  } while (batch.length > 0 && batch.length < options.minMessageBatchSize && Date.now() < waitUntil);
  return batch;
}
