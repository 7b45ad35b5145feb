// A link on which a client sends: messages in, dispositions out.
import type { Delivery, Receiver } from "rhea";
import type { Draft } from "../core/message.js";
import { refusalFailure, tooLarge } from "./failures.js";
import { decodeBatch, decodeDraft } from "./message-codec.js";
import { type BusCore, type Entity, nameOf, type Peer } from "./peer.js";
import { makeRoad, perform } from "./perform.js";
import { type AmqpFailure, accepted, batchFormat, finishDelivery, rejected, setAttachField } from "./rhea-internals.js";

interface Incoming {
  readonly message?: unknown;
  readonly delivery?: Delivery;
  readonly format?: number;
}

const undecodable: AmqpFailure = {
  condition: "amqp:decode-error",
  description: "The transfer is not an AMQP message.",
};

const decode = (encoded: Buffer, format: number | undefined, skewMs: number): Draft[] | undefined => {
  try {
    return format === batchFormat ? decodeBatch(encoded, skewMs) : [decodeDraft(encoded, skewMs)];
  } catch {
    return undefined;
  }
};

/** Takes what the client sends to a queue. A batch is taken whole or not at all (facts/azure-local.md §1, "Batch format"). */
export function serveSendingLink(link: Receiver, { queue, store }: Entity, bus: BusCore, peer: Peer): void {
  const { maxMessageBytes } = queue.options;
  const road = makeRoad(bus, peer);
  setAttachField(link, "max_message_size", maxMessageBytes);

  const failureOf = (encoded: Buffer, drafts: readonly Draft[] | undefined): AmqpFailure | undefined => {
    if (encoded.length > maxMessageBytes) return tooLarge(maxMessageBytes);
    if (drafts === undefined) return undecodable;
    for (const draft of drafts) {
      const refusal = queue.refusal(draft);
      if (refusal !== undefined) return refusalFailure(refusal, queue.options.name, maxMessageBytes);
    }
    return undefined;
  };

  /** Takes the transfer, or says why not. */
  const take = (encoded: Buffer, format: number | undefined): AmqpFailure | undefined => {
    const drafts = decode(encoded, format, bus.skewMs());
    const failure = failureOf(encoded, drafts);
    if (failure === undefined) queue.send(drafts ?? []);
    return failure;
  };

  link.on("message", ({ message, delivery, format }: Incoming) => {
    if (delivery === undefined || !Buffer.isBuffer(message)) return;
    perform(bus, peer, road, {
      operation: "send",
      queue: nameOf(store),
      work: () => take(message, format),
      answer: (failure) => finishDelivery(delivery, failure === undefined ? accepted() : rejected(failure)),
    });
  });
}
