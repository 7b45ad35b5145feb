import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import type { Head } from "../flows/monitor-ports.js";

/** A position in the queue, in the SDK's own 64-bit type. */
export type SequenceNumber = NonNullable<ServiceBusReceivedMessage["sequenceNumber"]>;

/** Messages scheduled for later than this from now are not waiting. */
export const soonMs = 2_000;
const pageSize = 250;

/** One walk over the queue. `from`: where it starts; without it the SDK starts where it last stopped, which on a fresh client is the start. */
export interface Walk {
  receiver: ServiceBusReceiver;
  limit: number;
  from: SequenceNumber | undefined;
  now: number;
  signal: AbortSignal;
}

/**
 * Counts records of messages that are active or due within two seconds by peeking, by session, up to `limit` in all; deferred ones do not count. `heads`: the
 * first active message of each session. `first` is where the next walk must start. It locks nothing and needs no right but Listen, other than the administration client's counts.
 */
export async function countWaiting(walk: Walk): Promise<{
  depths: ReadonlyMap<string, number>;
  heads: ReadonlyMap<string, Head>;
  first: SequenceNumber | undefined;
}> {
  const depths = new Map<string, number>();
  const heads = new Map<string, Head>();
  let count = 0;
  let from = walk.from;
  let first = walk.from;
  while (count < walk.limit) {
    const options = {
      abortSignal: walk.signal,
      omitMessageBody: true,
      ...(from !== undefined && { fromSequenceNumber: from }),
    };
    const messages = await walk.receiver.peekMessages(pageSize, options);
    for (const message of messages) {
      if (!isWaiting(message, walk.now) || count === walk.limit) continue;
      const lane = message.sessionId ?? "";
      const records = Math.min(recordsOf(message), walk.limit - count);
      depths.set(lane, (depths.get(lane) ?? 0) + records);
      count += records;
      if (message.state === "active" && !heads.has(lane)) heads.set(lane, headOf(message, walk.now));
    }
    const last = messages.at(-1)?.sequenceNumber;
    if (last === undefined) break;
    first ??= last.sub(last);
    from = last.add(1);
  }
  return { depths, heads, first };
}

function headOf({ sequenceNumber, enqueuedTimeUtc }: ServiceBusReceivedMessage, now: number): Head {
  return { position: String(sequenceNumber), at: enqueuedTimeUtc?.getTime() ?? now };
}

/** A bundle says how many records it holds; any other message holds one. */
function recordsOf({ applicationProperties }: ServiceBusReceivedMessage): number {
  const records = applicationProperties?.records;
  return typeof records === "number" ? records : 1;
}

function isWaiting({ state, scheduledEnqueueTimeUtc }: ServiceBusReceivedMessage, now: number): boolean {
  if (state === "active") return true;
  return state === "scheduled" && (scheduledEnqueueTimeUtc?.getTime() ?? 0) <= now + soonMs;
}
