import { describe, expect, it } from "vitest";
import { bodies, errorCode, only, openBus } from "./support.js";

const minuteMs = 60_000;

describe("duplicate detection (facts/azure-local.md §1, semantics to keep honest)", () => {
  const watched = () => openBus([{ name: "q", duplicateDetectionWindowMs: 10 * minuteMs }]);

  it("accepts and drops a message with an id seen inside the window", async () => {
    const { client, send } = await watched();
    await send(
      "q",
      { body: "first", messageId: "m" },
      { body: "again", messageId: "m" },
      { body: "other", messageId: "n" },
    );

    const received = await client.createReceiver("q").receiveMessages(2);

    expect(bodies(received)).toEqual(["first", "other"]);
  });

  it("drops a duplicate although the first one was completed", async () => {
    const { client, send, broker } = await watched();
    await send("q", { body: 1, messageId: "m" });
    const receiver = client.createReceiver("q");
    await receiver.completeMessage(only(await receiver.receiveMessages(1)));

    await send("q", { body: 2, messageId: "m" });

    expect(broker.queues()[0]?.main.size).toBe(0);
  });

  it("takes the id again after the window", async () => {
    const { send, broker, clock } = await watched();
    await send("q", { body: 1, messageId: "m" });

    clock.advance(10 * minuteMs - 1);
    await send("q", { body: 2, messageId: "m" });
    const inside = broker.queues()[0]?.main.size;
    clock.advance(1);
    await send("q", { body: 3, messageId: "m" });

    expect([inside, broker.queues()[0]?.main.size]).toEqual([1, 2]);
  });

  it("drops duplicates inside one batch", async () => {
    const { client, broker } = await watched();

    await client.createSender("q").sendMessages([
      { body: 1, messageId: "m" },
      { body: 2, messageId: "m" },
      { body: 3, messageId: "n" },
    ]);

    expect(broker.queues()[0]?.main.size).toBe(2);
  });

  it("drops a duplicate of a scheduled message, sent or scheduled", async () => {
    const { client, send, clock, broker } = await watched();
    const sender = client.createSender("q");
    const due = new Date(clock.now() + minuteMs);
    await sender.scheduleMessages({ body: 1, messageId: "m" }, due);

    await sender.scheduleMessages({ body: 2, messageId: "m" }, due);
    await send("q", { body: 3, messageId: "m" });

    expect(broker.queues()[0]?.main.counts).toEqual({ active: 0, deferred: 0, scheduled: 1 });
  });

  it("answers a number for a scheduled duplicate that leads nowhere", async () => {
    const { client, clock } = await watched();
    const sender = client.createSender("q");
    const due = new Date(clock.now() + minuteMs);
    await sender.scheduleMessages({ body: 1, messageId: "m" }, due);

    const numbers = await sender.scheduleMessages({ body: 2, messageId: "m" }, due);

    expect(numbers.length).toBe(1);
    expect(await errorCode(sender.cancelScheduledMessages(numbers))).toBe("MessageNotFound");
  });

  it("does not forget the id when a scheduled message is cancelled", async () => {
    const { client, send, clock, broker } = await watched();
    const sender = client.createSender("q");
    const numbers = await sender.scheduleMessages({ body: 1, messageId: "m" }, new Date(clock.now() + minuteMs));
    await sender.cancelScheduledMessages(numbers);

    await send("q", { body: 2, messageId: "m" });

    expect(broker.queues()[0]?.main.size).toBe(0);
  });

  it("never takes two messages without an id for duplicates", async () => {
    const { client, broker } = await watched();

    await client.createSender("q").sendMessages([{ body: 1 }, { body: 1 }]);

    expect(broker.queues()[0]?.main.size).toBe(2);
  });

  it("is off unless configured", async () => {
    const { send, broker } = await openBus([{ name: "q" }]);

    await send("q", { body: 1, messageId: "m" }, { body: 1, messageId: "m" });

    expect(broker.queues()[0]?.main.size).toBe(2);
  });
});
