import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import { bodies, errorMessage, only, openBus, until } from "./support.js";

describe("receiving (facts/azure-local.md §1, link attaches)", () => {
  it("hides a locked message from other receivers", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    await send("q", { body: 1 });
    await client.createReceiver("q").receiveMessages(1);

    const second = await client.createReceiver("q").receiveMessages(1, { maxWaitTimeInMs: 100 });

    expect(second).toEqual([]);
  });

  it("tells until when a message is locked", async () => {
    const { client, send, clock } = await openBus([{ name: "q", lockDurationMs: 30_000 }]);
    await send("q", { body: 1 });

    const message = only(await client.createReceiver("q").receiveMessages(1));

    expect(message.lockedUntilUtc?.getTime()).toBe(clock.now() + 30_000);
  });

  it("waits for a message that comes later", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    const receiving = client.createReceiver("q").receiveMessages(1, { maxWaitTimeInMs: 3000 });

    await send("q", { body: "late" });

    expect(bodies(await receiving)).toEqual(["late"]);
  });

  it("answers nothing from an empty queue after the waiting time", async () => {
    const { client } = await openBus([{ name: "q" }]);

    const received = await client.createReceiver("q").receiveMessages(5, { maxWaitTimeInMs: 100 });

    expect(received).toEqual([]);
  });

  it("removes a message when it is delivered in receive-and-delete mode", async () => {
    const { client, send, broker } = await openBus([{ name: "q" }]);
    await send("q", { body: 1 });

    const message = only(await client.createReceiver("q", { receiveMode: "receiveAndDelete" }).receiveMessages(1));

    expect(message.body).toBe(1);
    expect(message.lockToken).toBeUndefined();
    expect(broker.queues()[0]?.main.size).toBe(0);
  });

  it("loses nothing when a receive-and-delete receiver asks for more than there is, again and again", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    await send("q", ...Array.from({ length: 30 }, (_, index) => ({ body: index })));
    const receiver = client.createReceiver("q", { receiveMode: "receiveAndDelete" });
    const received: unknown[] = [];

    while (received.length < 30) received.push(...bodies(await receiver.receiveMessages(7, { maxWaitTimeInMs: 300 })));

    expect(received).toEqual(Array.from({ length: 30 }, (_, index) => index));
  });

  it("shares messages between competing receivers, each message once", async () => {
    const { connect, send, broker } = await openBus([{ name: "q" }]);
    const seen: number[] = [];
    const counts = [0, 0];
    for (const who of [0, 1]) {
      connect()
        .createReceiver("q")
        .subscribe({
          async processMessage({ body }) {
            seen.push(body);
            counts[who] = (counts[who] ?? 0) + 1;
          },
          async processError() {},
        });
    }

    await send("q", ...Array.from({ length: 40 }, (_, index) => ({ body: index })));
    await until(() => broker.queues()[0]?.main.size === 0);

    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index));
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });

  it("delivers to a subscriber and completes by itself", async () => {
    const { client, send, broker } = await openBus([{ name: "q" }]);
    const received: unknown[] = [];
    client.createReceiver("q").subscribe({
      async processMessage({ body }) {
        received.push(body);
      },
      async processError() {},
    });

    await send("q", { body: 1 }, { body: 2 });
    await until(() => broker.queues()[0]?.main.size === 0);

    expect(received).toEqual([1, 2]);
  });

  it("brings a message back to a subscriber whose handler failed, with one more failed delivery", async () => {
    const { client, send, broker } = await openBus([{ name: "q" }]);
    const counts: (number | undefined)[] = [];
    client.createReceiver("q").subscribe({
      async processMessage({ deliveryCount }) {
        counts.push(deliveryCount);
        if (counts.length < 3) throw new Error("not yet");
      },
      async processError() {},
    });

    await send("q", { body: 1 });
    await until(() => broker.queues()[0]?.main.size === 0);

    expect(counts).toEqual([0, 1, 2]);
  });

  it("iterates over messages as they come", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    await send("q", { body: 1 }, { body: 2 });
    const received: ServiceBusReceivedMessage[] = [];

    for await (const message of client.createReceiver("q").getMessageIterator()) {
      received.push(message);
      if (received.length === 2) break;
    }

    expect(bodies(received)).toEqual([1, 2]);
  });

  it("refuses a receiver without session on a queue with sessions", async () => {
    const { client } = await openBus([{ name: "s", requiresSession: true }]);

    const message = await errorMessage(client.createReceiver("s").receiveMessages(1, { maxWaitTimeInMs: 300 }));

    expect(message).toMatch(/^InvalidOperationError: .*requires sessions/);
  });

  it("refuses a session receiver on a queue without sessions", async () => {
    const { client } = await openBus([{ name: "q" }]);

    const message = await errorMessage(client.acceptNextSession("q"));

    expect(message).toMatch(/^InvalidOperationError: .*has no sessions/);
  });

  it("goes on receiving after an unsettled message is forgotten by its receiver", async () => {
    const { client, send, clock } = await openBus([{ name: "q", lockDurationMs: 1000 }]);
    const receiver = client.createReceiver("q", { maxAutoLockRenewalDurationInMs: 0 });
    await send("q", { body: 1 });
    await receiver.receiveMessages(1);

    clock.advance(1000);
    const again = only(await receiver.receiveMessages(1));

    expect(again).toMatchObject({ body: 1, deliveryCount: 1 });
  });
});
