// What a received message becomes (facts/azure-local.md §2, typed data and triggerMetadata).
import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import { toMessages } from "../../../../infra/local/host/service-bus/outputs.js";
import {
  toBatchMetadata,
  toBodies,
  toBody,
  toMetadata,
  UnreadableBody,
} from "../../../../infra/local/host/service-bus/trigger-data.js";

function received(text: string, more: Record<string, unknown> = {}): ServiceBusReceivedMessage {
  const message = {
    body: Buffer.from(text),
    messageId: "m",
    deliveryCount: 0,
    state: "active",
    _rawAmqpMessage: { bodyType: "data" },
    ...more,
  };
  return message as unknown as ServiceBusReceivedMessage;
}

describe("a body", () => {
  it("is text, unparsed, or bytes where the binding says binary", () => {
    expect(toBody(received('{"a":1}'), undefined)).toEqual({ string: '{"a":1}' });
    expect(toBody(received("x"), "binary")).toEqual({ bytes: Buffer.from("x") });
  });

  it("is refused when it is an AMQP value", () => {
    const message = received("", { body: 7, _rawAmqpMessage: { bodyType: "value" } });

    expect(() => toBody(message, undefined)).toThrow(UnreadableBody);
  });

  it("in a batch is left out when empty, unless the app asked for empty entries", () => {
    const messages = [received("a"), received(""), received("b")];

    expect(toBodies(messages, false)).toEqual({ collectionString: { string: ["a", "b"] } });
    expect(toBodies(messages, true)).toEqual({ collectionString: { string: ["a", "", "b"] } });
  });
});

describe("metadata of one message", () => {
  it("has PascalCase keys, text as string, all else as JSON, and nothing that is absent", () => {
    const metadata = toMetadata(
      received("x", {
        messageId: "123",
        deliveryCount: 2,
        enqueuedTimeUtc: new Date("2026-03-01T00:00:00Z"),
        sequenceNumber: { low: 5, high: 0 },
        timeToLive: 1_209_600_000,
        applicationProperties: { Kind: 1 },
        sessionId: undefined,
      }),
    );

    expect(metadata).toMatchObject({
      MessageId: { string: "123" },
      DeliveryCount: { json: "3" },
      EnqueuedTimeUtc: { json: '"2026-03-01T00:00:00.000Z"' },
      SequenceNumber: { json: "5" },
      TimeToLive: { json: '"14.00:00:00"' },
      ApplicationProperties: { json: '{"Kind":1}' },
      UserProperties: { json: '{"Kind":1}' },
    });
    expect(metadata).not.toHaveProperty("SessionId");
  });

  it("keeps sequence numbers beyond 53 bits exact", () => {
    expect(toMetadata(received("x", { sequenceNumber: { low: 1, high: 0x200000 } })).SequenceNumber).toEqual({
      json: "9007199254740993",
    });
  });
});

describe("metadata of a batch", () => {
  it("has each key once with Array behind it: texts, Long objects, and JSON for the rest", () => {
    const messages = [
      received("a", { messageId: "1", sequenceNumber: { low: 1, high: 0 }, correlationId: undefined }),
      received("b", { messageId: "2", sequenceNumber: { low: -1, high: 7 }, correlationId: "c" }),
    ];

    const metadata = toBatchMetadata(messages, false);

    expect(metadata.MessageIdArray).toEqual({ collectionString: { string: ["1", "2"] } });
    expect(metadata.CorrelationIdArray).toEqual({ collectionString: { string: ["c"] } });
    expect(metadata.DeliveryCountArray).toEqual({ json: "[1,1]" });
    expect(metadata.SequenceNumberArray).toEqual({
      collectionSint64: {
        sint64: [
          { low: 1, high: 0, unsigned: false },
          { low: -1, high: 7, unsigned: false },
        ],
      },
    });
    expect(metadata).not.toHaveProperty("MessageId");
  });
});

describe("messages of an output", () => {
  it.each([
    ["nothing for undefined", undefined, []],
    ["nothing for null", { json: "null" }, []],
    ["text as it is", { string: "a" }, ["a"]],
    ["empty text as an empty message", { string: "" }, [""]],
    ["a number as digits", { int: 0 }, ["0"]],
    ["a truth value as JSON", { json: "false" }, ["false"]],
    ["an object as JSON", { json: '{"a":1}' }, ['{"a":1}']],
    [
      "an array as one message for each element, null left out",
      { json: '["a",{"b":1},null,[2]]' },
      ["a", '{"b":1}', "[2]"],
    ],
    ["bytes as they are", { bytes: Buffer.from("z") }, ["z"]],
  ])("are %s", (_, data, expected) => {
    expect(toMessages(data).map(({ body }) => String(body))).toEqual(expected);
  });
});
