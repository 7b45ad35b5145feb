import { describe, expect, it } from "vitest";
import { bodies, errorMessage, noRenewal, only, openBus } from "./support.js";

const deadLetters = { subQueueType: "deadLetter" } as const;

describe("the dead-letter queue (facts/azure-local.md §1, settlement)", () => {
  it("takes a dead-lettered message with reason, description, changed properties and its source", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    await send("q", { body: 1, messageId: "m", applicationProperties: { kept: 1, changed: 1 } });
    const receiver = client.createReceiver("q");
    await receiver.deadLetterMessage(only(await receiver.receiveMessages(1)), {
      deadLetterReason: "reason",
      deadLetterErrorDescription: "description",
      changed: 2,
    });

    const dead = only(await client.createReceiver("q", deadLetters).receiveMessages(1));

    expect(dead).toMatchObject({ body: 1, messageId: "m", deadLetterReason: "reason", deadLetterSource: "q" });
    expect(dead.applicationProperties).toEqual({
      kept: 1,
      changed: 2,
      DeadLetterReason: "reason",
      DeadLetterErrorDescription: "description",
    });
  });

  it("takes a message dead-lettered without any reason", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    await send("q", { body: 1 });
    const receiver = client.createReceiver("q");
    await receiver.deadLetterMessage(only(await receiver.receiveMessages(1)));

    const dead = only(await client.createReceiver("q", deadLetters).receiveMessages(1));

    expect(dead.deadLetterReason).toBeUndefined();
  });

  it("takes a message after the last of maxDeliveryCount failed deliveries, not before", async () => {
    const { client, send, broker } = await openBus([{ name: "q", maxDeliveryCount: 3 }]);
    await send("q", { body: 1 });
    const receiver = client.createReceiver("q");
    const counts: (number | undefined)[] = [];

    for (let delivery = 0; delivery < 3; delivery++) {
      const message = only(await receiver.receiveMessages(1));
      counts.push(message.deliveryCount);
      await receiver.abandonMessage(message);
    }

    expect(counts).toEqual([0, 1, 2]);
    expect(broker.queues()[0]?.main.size).toBe(0);
    const dead = only(await client.createReceiver("q", deadLetters).receiveMessages(1));
    expect(dead).toMatchObject({ body: 1, deadLetterReason: "MaxDeliveryCountExceeded", deliveryCount: 3 });
  });

  it("counts a lost lock as a failed delivery", async () => {
    const { client, send, clock } = await openBus([{ name: "q", maxDeliveryCount: 1 }]);
    await send("q", { body: 1 });
    await client.createReceiver("q", noRenewal).receiveMessages(1);

    clock.advance(60_000);

    const dead = only(await client.createReceiver("q", deadLetters).receiveMessages(1));
    expect(dead.deadLetterReason).toBe("MaxDeliveryCountExceeded");
  });

  it("never buries its own messages, however often they are abandoned", async () => {
    const { client, send } = await openBus([{ name: "q", maxDeliveryCount: 1 }]);
    await send("q", { body: 1 });
    const receiver = client.createReceiver("q");
    await receiver.abandonMessage(only(await receiver.receiveMessages(1)));
    const dead = client.createReceiver("q", deadLetters);

    for (let delivery = 0; delivery < 4; delivery++) await dead.abandonMessage(only(await dead.receiveMessages(1)));

    expect(only(await dead.receiveMessages(1)).deliveryCount).toBe(5);
  });

  it("lets its messages be completed, deferred and renewed", async () => {
    const { client, send, broker, clock } = await openBus([{ name: "q" }]);
    await send("q", { body: 1 });
    const receiver = client.createReceiver("q");
    await receiver.deadLetterMessage(only(await receiver.receiveMessages(1)));
    const dead = client.createReceiver("q", deadLetters);
    const message = only(await dead.receiveMessages(1));

    clock.advance(10_000);
    const until = await dead.renewMessageLock(message);
    await dead.deferMessage(message);
    await dead.completeMessage(only(await dead.receiveDeferredMessages(message.sequenceNumber ?? [])));

    expect(until.getTime()).toBe(clock.now() + 60_000);
    expect(broker.queues()[0]?.dead.size).toBe(0);
  });

  it("refuses to dead-letter its messages again, and keeps them", async () => {
    const { client, send, broker } = await openBus([{ name: "q" }]);
    await send("q", { body: 1 });
    const receiver = client.createReceiver("q");
    await receiver.deadLetterMessage(only(await receiver.receiveMessages(1)));
    const dead = client.createReceiver("q", deadLetters);

    const refused = errorMessage(dead.deadLetterMessage(only(await dead.receiveMessages(1))));

    expect(await refused).toContain("cannot be dead-lettered again");
    expect(broker.queues()[0]?.dead.size).toBe(1);
  });

  it("can be peeked", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    await send("q", { body: 1 });
    const receiver = client.createReceiver("q");
    await receiver.deadLetterMessage(only(await receiver.receiveMessages(1)), {
      deadLetterReason: "r",
      deadLetterErrorDescription: "d",
    });

    const peeked = await client.createReceiver("q", deadLetters).peekMessages(10);

    expect(peeked).toMatchObject([{ body: 1, deadLetterReason: "r" }]);
  });

  it("is found whatever the case of its name", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    await send("q", { body: 1 });
    const receiver = client.createReceiver("q");
    await receiver.deadLetterMessage(only(await receiver.receiveMessages(1)));

    const dead = await client.createReceiver("q/$deadletterqueue").receiveMessages(1);

    expect(bodies(dead)).toEqual([1]);
  });

  it("of a queue with sessions is read without sessions; messages keep their session id", async () => {
    const { client, send } = await openBus([{ name: "s", requiresSession: true }]);
    await send("s", { body: 1, sessionId: "A" });
    const session = await client.acceptSession("s", "A");
    await session.deadLetterMessage(only(await session.receiveMessages(1)));

    const dead = only(await client.createReceiver("s", deadLetters).receiveMessages(1));

    expect(dead).toMatchObject({ body: 1, sessionId: "A" });
  });
});
