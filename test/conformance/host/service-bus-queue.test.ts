// Service Bus triggers without sessions, and what a function gets to know of a message, over real sockets with the unmodified client on both sides
// (facts/azure-local.md §2).
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { gotBy, untilDone, useBusWorld } from "./bus-world.js";

const world = useBusWorld();

describe("a Service Bus trigger without sessions", () => {
  it("runs the function for a message and completes it", async () => {
    const { log } = await world.startHost(["plain"]);

    await world.send("plain", { body: { a: 1 } });
    await untilDone(log, "plain", { a: 1 });

    await sleep(100);
    const receiver = world.client.createReceiver("plain");
    expect(await receiver.peekMessages(10)).toEqual([]);
  });

  it("abandons a message whose function fails, so that it comes again with a higher delivery count, counted from 1", async () => {
    const { log } = await world.startHost(["plain"]);

    await world.send("plain", { body: { failUntil: 2 } });
    await untilDone(log, "plain", { failUntil: 2 });

    const counts = gotBy(log, "plain").map(({ metadata }) => metadata.deliveryCount);
    expect(counts).toEqual([1, 2, 3]);
  });

  it("leaves a message that fails every time to the dead-letter queue", async () => {
    const { log } = await world.startHost(["plain"]);

    await world.send("plain", { body: { failUntil: 99 } });
    const receiver = world.client.createReceiver("plain", { subQueueType: "deadLetter" });
    const [dead] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5_000 });

    expect(dead?.deadLetterReason).toBe("MaxDeliveryCountExceeded");
    expect(log.entries.filter((entry) => entry.message.includes("asked to fail"))).toHaveLength(3);
  });

  it("runs no more than maxConcurrentCalls messages at once", async () => {
    const { log } = await world.startHost(["plain"]);

    await world.send("plain", ...[1, 2, 3, 4].map((n) => ({ body: { n, sleepMs: 300 } })));
    await untilDone(log, "plain", { n: 4, sleepMs: 300 });

    let running = 0;
    let most = 0;
    for (const { message } of log.entries) {
      if (message.startsWith("Executing")) running += 1;
      if (message.startsWith("Executed")) running -= 1;
      most = Math.max(most, running);
    }
    expect(most).toBe(2);
  });

  it("renews the lock of a message that takes longer than the lock lasts", async () => {
    const { log } = await world.startHost(["plain"]);

    await world.send("plain", { body: { sleepMs: 1_800 } });
    await untilDone(log, "plain", { sleepMs: 1_800 });

    await sleep(200);
    expect(gotBy(log, "plain")).toHaveLength(1);
    expect(await world.client.createReceiver("plain").peekMessages(10)).toEqual([]);
  });

  it("neither completes nor abandons with autoCompleteMessages off: the message comes again when its lock has run out", async () => {
    const { log } = await world.startHost(["manual"]);

    await world.send("manual", { body: { m: 1 } });
    await untilDone(log, "manual", { m: 1 });

    expect(await world.client.createReceiver("manual").peekMessages(10)).toHaveLength(1);
  });

  it("abandons after a failure even with autoCompleteMessages off", async () => {
    const { log } = await world.startHost(["manual"]);

    await world.send("manual", { body: { failUntil: 1 } });
    const started = Date.now();
    await untilDone(log, "manual", { failUntil: 1 });

    expect(Date.now() - started).toBeLessThan(900);
  });

  it.each([
    ["a JSON object", '{"a":1}', { a: 1 }],
    ["plain text", "plain", "plain"],
    ["digits", "42", 42],
    ["a word that is JSON", "true", true],
    ["an empty body", "", ""],
  ])("hands over %s as the library parses it", async (_, body, expected) => {
    const { log } = await world.startHost(["plain"]);

    await world.send("plain", { body: Buffer.from(body) });
    const entry = await log.until(({ message }) => message.startsWith('{"got"'));

    expect(JSON.parse(entry.message).got).toEqual(expected);
  });

  it("never runs for a body that is an AMQP value: its delivery fails until it is dead-lettered", async () => {
    const { log } = await world.startHost(["plain"]);

    const message = { body: "not a data section", bodyType: "value" as const };
    await world.client.createSender("plain").sendMessages(message);
    const [dead] = await world.client
      .createReceiver("plain", { subQueueType: "deadLetter" })
      .receiveMessages(1, { maxWaitTimeInMs: 3_000 });

    expect(dead?.deadLetterReason).toBe("MaxDeliveryCountExceeded");
    expect(log.entries.some(({ message }) => message.startsWith("Executing"))).toBe(false);
    expect(log.entries.some(({ level, message }) => level === "warning" && message.includes("AMQP value"))).toBe(true);
  });
});

describe("trigger metadata of a message", () => {
  it("has lower-camel keys, text parsed where it is JSON, and 1 as the first delivery count", async () => {
    const { log } = await world.startHost(["plain"]);

    await world.send("plain", {
      body: "x",
      messageId: "123",
      correlationId: "c",
      subject: "s",
      applicationProperties: { Kind: "K", n: 1 },
    });
    const entry = await log.until(({ message }) => message.startsWith('{"got"'));

    const { metadata } = JSON.parse(entry.message);
    expect(metadata).toMatchObject({
      messageId: 123,
      correlationId: "c",
      subject: "s",
      label: "s",
      deliveryCount: 1,
      sequenceNumber: 1,
      applicationProperties: { kind: "K", n: 1 },
      userProperties: { kind: "K", n: 1 },
    });
    expect(Date.parse(metadata.enqueuedTimeUtc)).toBeGreaterThan(Date.now() - 60_000);
    expect(metadata).not.toHaveProperty("sessionId");
  });
});
