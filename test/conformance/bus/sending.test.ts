import { randomUUID } from "node:crypto";
import type { ServiceBusMessage } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import { bodies, errorCode, errorMessage, only, openBus } from "./support.js";

describe("sending (facts/azure-local.md §1, messages to the client)", () => {
  it.each<[string, unknown]>([
    ["an object", { a: [1, { b: null }], text: "é" }],
    ["a string", "plain"],
    ["a number", 42],
    ["a boolean", false],
    ["null", null],
    ["an empty array", []],
  ])("delivers %s as it was sent", async (_name, body) => {
    const { client, send } = await openBus([{ name: "q" }]);
    await send("q", { body });

    const received = await client.createReceiver("q").receiveMessages(1);

    expect(bodies(received)).toEqual([body]);
  });

  it("delivers the bytes of a body when the client does not parse it", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    await send("q", { body: { a: 1 } });

    const received = await client.createReceiver("q", { skipParsingBodyAsJson: true }).receiveMessages(1);

    expect(Buffer.from(only(received).body).toString()).toBe('{"a":1}');
  });

  it("delivers value and sequence bodies with their type", async () => {
    const { client } = await openBus([{ name: "q" }]);
    const sender = client.createSender("q");
    await sender.sendMessages({ body: "as value", bodyType: "value" });
    await sender.sendMessages({ body: [1, "two"], bodyType: "sequence" });

    const received = await client.createReceiver("q").receiveMessages(2);

    expect(received.map((message) => message._rawAmqpMessage.bodyType)).toEqual(["value", "sequence"]);
    expect(bodies(received)).toEqual(["as value", [1, "two"]]);
  });

  it("keeps every property a sender can set", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    const sent: ServiceBusMessage = {
      body: 1,
      messageId: "m-1",
      sessionId: "s-1",
      subject: "subject",
      contentType: "application/json",
      correlationId: "c-1",
      to: "to",
      replyTo: "reply",
      replyToSessionId: "r-1",
      partitionKey: "s-1",
      timeToLive: 60_000,
    };
    await send("q", sent);

    const received = only(await client.createReceiver("q").receiveMessages(1));

    expect(received).toMatchObject(sent);
  });

  it("keeps application properties of every type; dates arrive as numbers", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    const at = new Date("2026-03-01T10:00:00Z");
    await send("q", {
      body: 1,
      applicationProperties: {
        int: 7,
        big: 2 ** 40,
        negative: -5,
        double: 1.5,
        yes: true,
        no: false,
        nothing: null,
        text: "t",
        at,
      },
    });

    const { applicationProperties } = only(await client.createReceiver("q").receiveMessages(1));

    expect(applicationProperties).toEqual({
      int: 7,
      big: 2 ** 40,
      negative: -5,
      double: 1.5,
      yes: true,
      no: false,
      nothing: null,
      text: "t",
      at: at.getTime(),
    });
  });

  it("keeps annotations and footers of the sender's own", async () => {
    const { client } = await openBus([{ name: "q" }]);
    const raw = {
      body: Buffer.from("1"),
      bodyType: "data",
      messageAnnotations: { mine: "kept" },
      footer: { end: 1 },
    } as const;
    await client.createSender("q").sendMessages(raw);

    const { _rawAmqpMessage } = only(await client.createReceiver("q").receiveMessages(1));

    expect(_rawAmqpMessage.messageAnnotations).toMatchObject({ mine: "kept" });
    expect(_rawAmqpMessage.footer).toEqual({ end: 1 });
  });

  it("gives a message id of 32 hex digits to a message without one, so that it can be settled", async () => {
    const { client, broker } = await openBus([{ name: "q" }]);
    await client.createSender("q").sendMessages([{ body: 1 }]);
    const receiver = client.createReceiver("q");

    const message = only(await receiver.receiveMessages(1));
    await receiver.completeMessage(message);

    expect(message.messageId).toMatch(/^[0-9a-f]{32}$/);
    expect(broker.queues()[0]?.main.size).toBe(0);
  });

  it("keeps numeric and binary message ids as they are", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    const binary = Buffer.from(randomUUID().replaceAll("-", ""), "hex");
    await send("q", { body: 1, messageId: 17 }, { body: 2, messageId: binary });

    const received = await client.createReceiver("q").receiveMessages(2);

    expect(received.map(({ messageId }) => messageId)).toEqual([17, binary]);
  });

  it("numbers messages in the order they came, from 1, and stamps when they were enqueued", async () => {
    const { client, send, clock } = await openBus([{ name: "q" }]);
    await send("q", { body: 1 }, { body: 2 }, { body: 3 });

    const received = await client.createReceiver("q").receiveMessages(3);

    expect(received.map(({ sequenceNumber }) => Number(sequenceNumber))).toEqual([1, 2, 3]);
    expect(received[0]?.enqueuedTimeUtc?.getTime()).toBe(clock.now());
  });

  it("sends a received message on to another queue as it is", async () => {
    const { client, send } = await openBus([{ name: "q" }, { name: "other" }]);
    await send("q", { body: { a: 1 }, messageId: "m", applicationProperties: { p: 1 } });
    const message = only(await client.createReceiver("q").receiveMessages(1));

    await client.createSender("other").sendMessages(message);

    const forwarded = only(await client.createReceiver("other").receiveMessages(1));
    expect(forwarded).toMatchObject({
      body: { a: 1 },
      messageId: "m",
      applicationProperties: { p: 1 },
      deliveryCount: 0,
    });
  });

  it("finds a queue whatever the case of its name", async () => {
    const { client, send } = await openBus([{ name: "Changes" }]);
    await send("changes", { body: 1 });

    const received = await client.createReceiver("CHANGES").receiveMessages(1);

    expect(bodies(received)).toEqual([1]);
  });

  it("answers MessagingEntityNotFound for a queue that does not exist", async () => {
    const { client } = await openBus([{ name: "q" }]);

    const sending = errorCode(client.createSender("nowhere").sendMessages({ body: 1 }));
    const receiving = errorCode(client.createReceiver("nowhere").receiveMessages(1, { maxWaitTimeInMs: 500 }));

    expect(await sending).toBe("MessagingEntityNotFound");
    expect(await receiving).toBe("MessagingEntityNotFound");
  });

  it("refuses to send into a dead-letter queue", async () => {
    const { client } = await openBus([{ name: "q" }]);

    const sending = errorMessage(client.createSender("q/$DeadLetterQueue").sendMessages({ body: 1 }));

    expect(await sending).toContain("InvalidOperationError");
  });
});

describe("batches (facts/azure-local.md §1, batch format)", () => {
  it("delivers the messages of an array in order", async () => {
    const { client } = await openBus([{ name: "q" }]);
    await client.createSender("q").sendMessages([{ body: 1 }, { body: 2 }, { body: 3 }]);

    const received = await client.createReceiver("q").receiveMessages(3);

    expect(bodies(received)).toEqual([1, 2, 3]);
  });

  it("delivers the one message of an array with one element", async () => {
    const { client } = await openBus([{ name: "q" }]);
    await client.createSender("q").sendMessages([{ body: "alone", applicationProperties: { p: 1 } }]);

    const message = only(await client.createReceiver("q").receiveMessages(1));

    expect(message).toMatchObject({ body: "alone", applicationProperties: { p: 1 } });
  });

  it("delivers each message of a batch with its own properties", async () => {
    const { client } = await openBus([{ name: "q" }]);
    await client.createSender("q").sendMessages([
      { body: 1, messageId: "a", subject: "one", applicationProperties: { n: 1 } },
      { body: 2, messageId: "b", sessionId: "s" },
    ]);

    const [first, second] = await client.createReceiver("q").receiveMessages(2);

    expect(first).toMatchObject({ messageId: "a", subject: "one", applicationProperties: { n: 1 } });
    expect(first?.sessionId).toBeUndefined();
    expect(second).toMatchObject({ messageId: "b", sessionId: "s" });
    expect(second?.subject).toBeUndefined();
    expect(second?.applicationProperties).toBeUndefined();
  });

  it("lets the client fill a batch up to the queue's limit and no further", async () => {
    const { client } = await openBus([{ name: "q", maxMessageBytes: 20_000 }]);
    const sender = client.createSender("q");
    const batch = await sender.createMessageBatch();
    const body = "x".repeat(6000);

    const added = [1, 2, 3, 4].map(() => batch.tryAddMessage({ body }));
    await sender.sendMessages(batch);

    expect(batch.maxSizeInBytes).toBe(20_000);
    expect(added).toEqual([true, true, true, false]);
    expect((await client.createReceiver("q").receiveMessages(3)).length).toBe(3);
  });

  it("announces 256 KB when the queue says nothing else", async () => {
    const { client } = await openBus([{ name: "q" }]);

    const batch = await client.createSender("q").createMessageBatch();

    expect(batch.maxSizeInBytes).toBe(262_144);
  });

  it("takes nothing of a batch of which one message lacks its session id", async () => {
    const { client, broker } = await openBus([{ name: "s", requiresSession: true }]);

    const sending = errorMessage(client.createSender("s").sendMessages([{ body: 1, sessionId: "A" }, { body: 2 }]));

    expect(await sending).toContain("SessionId was not set");
    expect(broker.queues()[0]?.main.size).toBe(0);
  });
});

describe("size limits (facts/azure-local.md §1, settlement)", () => {
  it("carries 200 KB, which takes several frames", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    const body = "0123456789".repeat(20_000);
    await send("q", { body });

    const received = await client.createReceiver("q").receiveMessages(1);

    expect(only(received).body === body).toBe(true);
  });

  it("refuses a message above the limit with MessageSizeExceeded, and goes on with the next", async () => {
    const { client, broker } = await openBus([{ name: "q" }]);
    const sender = client.createSender("q");

    const code = await errorCode(sender.sendMessages({ body: "x".repeat(262_144) }));
    await sender.sendMessages({ body: "small" });

    expect(code).toBe("MessageSizeExceeded");
    expect(broker.queues()[0]?.main.size).toBe(1);
  });

  it("takes 1 MB when the queue is configured like a Premium one", async () => {
    const { client, send } = await openBus([{ name: "q", maxMessageBytes: 1_048_576 }]);
    await send("q", { body: "x".repeat(1_000_000) });

    const received = await client.createReceiver("q").receiveMessages(1);

    expect(only(received).body.length).toBe(1_000_000);
  });

  it("refuses an array that does not fit one batch", async () => {
    const { client, broker } = await openBus([{ name: "q", maxMessageBytes: 10_000 }]);
    const body = "x".repeat(6000);

    const code = await errorCode(client.createSender("q").sendMessages([{ body }, { body }]));

    expect(code).toBe("MessageSizeExceeded");
    expect(broker.queues()[0]?.main.size).toBe(0);
  });
});
