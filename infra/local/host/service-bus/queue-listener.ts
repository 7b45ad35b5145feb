// Messages of a queue without sessions, one message for each call of the function.
import type { ServiceBusClient } from "@azure/service-bus";
import type { ServiceBusOptions } from "../config/host-json.js";
import type { BusHealth } from "./bus-health.js";
import type { Dispatch } from "./dispatch.js";

/** A running Service Bus trigger. */
export interface BusListener {
  /** No further message is taken; resolves when those under way are settled. */
  stop(): Promise<void>;
}

export interface BusListenerOptions {
  client: ServiceBusClient;
  queueName: string;
  options: ServiceBusOptions;
  dispatch: Dispatch;
  health: BusHealth;
}

/** Receives up to `maxConcurrentCalls` messages at once and renews their locks. The client reconnects by itself, for ever. */
export function startQueueListener({ client, queueName, options, dispatch, health }: BusListenerOptions): BusListener {
  const receiver = client.createReceiver(queueName, {
    skipParsingBodyAsJson: true,
    maxAutoLockRenewalDurationInMs: options.maxAutoLockRenewalDuration,
  });
  const underWay = new Set<Promise<void>>();
  const stopping = new AbortController();
  const subscription = receiver.subscribe(
    {
      processMessage: (message) => {
        health.recovered();
        const work = dispatch.one(receiver, message);
        underWay.add(work);
        return work.finally(() => underWay.delete(work));
      },
      processError: async ({ error, errorSource }) => {
        // A lock that could not be renewed shows when its message is settled; often it has just been, and nothing is wrong.
        if (errorSource !== "renewLock" && !stopping.signal.aborted) health.failed(error);
      },
    },
    {
      autoCompleteMessages: false,
      maxConcurrentCalls: options.maxConcurrentCalls,
      // Ends the client's attempts to reconnect, nothing else.
      abortSignal: stopping.signal,
    },
  );
  return {
    stop: async () => {
      stopping.abort();
      await subscription.close();
      await Promise.all(underWay);
      await receiver.close();
    },
  };
}
