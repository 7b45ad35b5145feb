import { describe, expect, it } from "vitest";
import { bodies, openBus } from "./support.js";

describe("peeking (facts/azure-local.md §1, peek-message)", () => {
  it("shows messages in order without locking or counting", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    await send("q", { body: 1 }, { body: 2 });
    const receiver = client.createReceiver("q");

    const peeked = await receiver.peekMessages(10);
    const received = await receiver.receiveMessages(2);

    expect(bodies(peeked)).toEqual([1, 2]);
    expect(peeked.map(({ lockToken }) => lockToken)).toEqual([undefined, undefined]);
    expect(received.map(({ deliveryCount }) => deliveryCount)).toEqual([0, 0]);
  });

  it("goes on from where the last peek of the receiver ended", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    await send("q", { body: 1 }, { body: 2 }, { body: 3 });
    const receiver = client.createReceiver("q");

    const pages = [await receiver.peekMessages(2), await receiver.peekMessages(2), await receiver.peekMessages(2)];

    expect(pages.map(bodies)).toEqual([[1, 2], [3], []]);
  });

  it("starts at a given sequence number", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    await send("q", { body: 1 }, { body: 2 }, { body: 3 });
    const receiver = client.createReceiver("q");
    const [, second] = await receiver.peekMessages(2);

    const peeked = await receiver.peekMessages(10, { fromSequenceNumber: second?.sequenceNumber ?? ([] as never) });

    expect(bodies(peeked)).toEqual([2, 3]);
  });

  it("answers nothing from an empty queue", async () => {
    const { client } = await openBus([{ name: "q" }]);

    const peeked = await client.createReceiver("q").peekMessages(10);

    expect(peeked).toEqual([]);
  });

  it("shows locked, deferred and scheduled messages with their state", async () => {
    const { client, send, clock } = await openBus([{ name: "q" }]);
    await send("q", { body: "deferred" }, { body: "locked" }, { body: "active" });
    const receiver = client.createReceiver("q");
    const [first] = await receiver.receiveMessages(2);
    if (first !== undefined) await receiver.deferMessage(first);
    await client.createSender("q").scheduleMessages({ body: "scheduled" }, new Date(clock.now() + 1000));

    const peeked = await client.createReceiver("q").peekMessages(10);

    expect(peeked.map(({ body, state }) => [body, state])).toEqual([
      ["deferred", "deferred"],
      ["locked", "active"],
      ["active", "active"],
      ["scheduled", "scheduled"],
    ]);
  });

  it("leaves out messages that are gone", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    await send("q", { body: 1 }, { body: 2 }, { body: 3 });
    const receiver = client.createReceiver("q");
    const [, second] = await receiver.receiveMessages(2);
    if (second !== undefined) await receiver.completeMessage(second);

    const peeked = await client.createReceiver("q").peekMessages(10);

    expect(bodies(peeked)).toEqual([1, 3]);
  });

  it("shows messages of all sessions through a plain receiver of a queue with sessions", async () => {
    const { client, send } = await openBus([{ name: "s", requiresSession: true }]);
    await send("s", { body: 1, sessionId: "A" }, { body: 2, sessionId: "B" }, { body: 3, sessionId: "A" });

    const peeked = await client.createReceiver("s").peekMessages(10);

    expect(peeked.map(({ sessionId, body }) => [sessionId, body])).toEqual([
      ["A", 1],
      ["B", 2],
      ["A", 3],
    ]);
  });

  it("shows only its own messages to a session receiver", async () => {
    const { client, send } = await openBus([{ name: "s", requiresSession: true }]);
    await send("s", { body: 1, sessionId: "A" }, { body: 2, sessionId: "B" }, { body: 3, sessionId: "A" });
    const session = await client.acceptSession("s", "A");

    const peeked = await session.peekMessages(10);

    expect(bodies(peeked)).toEqual([1, 3]);
  });
});
