import { makeHeap } from "./heap.js";
import type { Message } from "./message.js";

/** Messages waiting for a receiver, lowest sequence number first: what was abandoned comes back before what is newer. */
export interface Lane {
  put(message: Message): void;
  first(): Message | undefined;
  take(): Message | undefined;
}

/** Makes an empty lane. A message that stopped being ready while waiting (it expired) is skipped. */
export function makeLane(): Lane {
  const waiting = makeHeap<Message>((message) => message.sequenceNumber);

  const first = (): Message | undefined => {
    for (;;) {
      const message = waiting.peek();
      if (message === undefined || message.place === "ready") return message;
      waiting.pop();
    }
  };

  return {
    put(message) {
      message.place = "ready";
      waiting.push(message);
    },
    first,
    take: () => (first() === undefined ? undefined : waiting.pop()),
  };
}
