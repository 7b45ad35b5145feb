import type { ServiceBusClient, ServiceBusReceiver } from "@azure/service-bus";
import type { QueueWatch } from "../flows/monitor-ports.js";
import type { Clock } from "../model/clock.js";
import { boundedCall } from "./bounded-call.js";
import { countWaiting, type SequenceNumber } from "./count-waiting.js";

/** What is looked at, and how. Nobody else may peek this queue through `client`: the SDK keeps one reading position for all. */
export interface QueueWatchOptions {
  client: ServiceBusClient;
  queue: string;
  clock: Clock;
  timeoutMs: number;
}

/** Looks at a queue and its dead letters by peeking, which locks nothing. Throws UnavailableError, AuthError or RefusedError. */
export function makeServiceBusQueueWatch({ client, queue, clock, timeoutMs }: QueueWatchOptions): QueueWatch {
  const walker = (options: { subQueueType?: "deadLetter" }) => {
    let receiver: ServiceBusReceiver | undefined;
    let from: SequenceNumber | undefined;
    return async (limit: number) => {
      const counted = await boundedCall({ queue, operation: "peek", timeoutMs }, (signal) => {
        if (!receiver || receiver.isClosed) receiver = client.createReceiver(queue, options);
        return countWaiting({ receiver, limit, from, now: clock.now(), signal });
      });
      from ??= counted.first;
      return counted;
    };
  };
  const [waiting, dead] = [walker({}), walker({ subQueueType: "deadLetter" })];
  return {
    queue,
    async look(limit) {
      const [{ depths, heads }, { depths: lost }] = await Promise.all([waiting(limit), dead(limit)]);
      return { waiting: sumOf(depths), dead: sumOf(lost), heads };
    },
  };
}

function sumOf(depths: ReadonlyMap<string, number>): number {
  return [...depths.values()].reduce((sum, depth) => sum + depth, 0);
}
