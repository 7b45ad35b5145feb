import { describe, expect, it } from "vitest";
import { bodies, errorCode, noRenewal, only, openBus } from "./support.js";

const deadLetters = { subQueueType: "deadLetter" } as const;

describe("time to live (facts/azure-local.md §1, semantics to keep honest)", () => {
  it("drops a message whose time is over", async () => {
    const { client, send, clock, broker } = await openBus([{ name: "q" }]);
    await send("q", { body: "short", timeToLive: 1000 }, { body: "long" });

    clock.advance(1000);

    expect(bodies(await client.createReceiver("q").receiveMessages(1))).toEqual(["long"]);
    expect(broker.queues()[0]?.main.size).toBe(1);
  });

  it("dead-letters it with TTLExpiredException where the queue says so", async () => {
    const { client, send, clock } = await openBus([{ name: "q", deadLetteringOnMessageExpiration: true }]);
    await send("q", { body: 1, timeToLive: 1000 });

    clock.advance(1000);

    const dead = only(await client.createReceiver("q", deadLetters).receiveMessages(1));
    expect(dead).toMatchObject({ body: 1, deadLetterReason: "TTLExpiredException" });
  });

  it("applies the queue's default, and the shorter of the two", async () => {
    const { send, clock, broker } = await openBus([{ name: "q", defaultTtlMs: 5000 }]);
    await send("q", { body: "default" }, { body: "short", timeToLive: 1000 }, { body: "too long", timeToLive: 60_000 });
    const sizes: (number | undefined)[] = [];

    for (const ms of [999, 1, 3999, 1]) {
      clock.advance(ms);
      sizes.push(broker.queues()[0]?.main.size);
    }

    expect(sizes).toEqual([3, 2, 2, 0]);
  });

  it("tells the receiver when the message expires", async () => {
    const { client, send, clock } = await openBus([{ name: "q", defaultTtlMs: 60_000 }]);
    await send("q", { body: 1 });

    const message = only(await client.createReceiver("q").receiveMessages(1));

    expect(message.timeToLive).toBe(60_000);
    expect(message.expiresAtUtc?.getTime()).toBe(clock.now() + 60_000);
  });

  it("lets a receiver that holds the message complete it after its time", async () => {
    const { client, send, clock, broker } = await openBus([{ name: "q" }]);
    await send("q", { body: 1, timeToLive: 1000 });
    const receiver = client.createReceiver("q", noRenewal);
    const message = only(await receiver.receiveMessages(1));

    clock.advance(2000);

    expect(await errorCode(receiver.completeMessage(message))).toBe("none");
    expect(broker.queues()[0]?.main.tally.completed).toBe(1);
  });

  it("ends a message that is abandoned after its time", async () => {
    const { client, send, clock, broker } = await openBus([{ name: "q" }]);
    await send("q", { body: 1, timeToLive: 1000 });
    const receiver = client.createReceiver("q", noRenewal);
    const message = only(await receiver.receiveMessages(1));
    clock.advance(2000);

    await receiver.abandonMessage(message);

    expect(broker.queues()[0]?.main.size).toBe(0);
  });

  it("of a scheduled message starts when it is enqueued", async () => {
    const { client, clock, broker } = await openBus([{ name: "q" }]);
    await client.createSender("q").scheduleMessages({ body: 1, timeToLive: 1000 }, new Date(clock.now() + 5000));
    const sizes: (number | undefined)[] = [];

    for (const ms of [5999, 1]) {
      clock.advance(ms);
      sizes.push(broker.queues()[0]?.main.size);
    }

    expect(sizes).toEqual([1, 0]);
  });

  it("does not end a deferred message until somebody asks for it", async () => {
    const { client, send, clock, broker } = await openBus([{ name: "q" }]);
    await send("q", { body: 1, timeToLive: 1000 });
    const receiver = client.createReceiver("q");
    const message = only(await receiver.receiveMessages(1));
    await receiver.deferMessage(message);

    clock.advance(2000);
    const kept = broker.queues()[0]?.main.size;
    const code = await errorCode(receiver.receiveDeferredMessages(message.sequenceNumber ?? []));

    expect([kept, code, broker.queues()[0]?.main.size]).toEqual([1, "MessageNotFound", 0]);
  });

  it("does not apply in the dead-letter queue", async () => {
    const { client, send, clock, broker } = await openBus([{ name: "q" }]);
    await send("q", { body: 1, timeToLive: 1000 });
    const receiver = client.createReceiver("q");
    await receiver.deadLetterMessage(only(await receiver.receiveMessages(1)));

    clock.advance(100_000);

    expect(broker.queues()[0]?.dead.size).toBe(1);
  });
});
