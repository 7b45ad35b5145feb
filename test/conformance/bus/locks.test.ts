import { describe, expect, it } from "vitest";
import { realClock } from "../../../infra/local/bus/core/clock.js";
import { errorCode, noRenewal, only, openBus } from "./support.js";

describe("locks on messages (facts/azure-local.md §1, settlement and renew-lock)", () => {
  const locked = async () => {
    const bus = await openBus([{ name: "q", lockDurationMs: 30_000 }]);
    await bus.send("q", { body: 1 });
    const receiver = bus.client.createReceiver("q", noRenewal);
    return { ...bus, receiver, message: only(await receiver.receiveMessages(1)) };
  };

  it("run out: the message is delivered again, and that counts", async () => {
    const { client, clock } = await locked();

    clock.advance(30_000);

    const again = only(await client.createReceiver("q").receiveMessages(1));
    expect(again).toMatchObject({ body: 1, deliveryCount: 1 });
  });

  it("do not run out a moment early", async () => {
    const { clock, receiver, message, broker } = await locked();

    clock.advance(29_999);
    await receiver.completeMessage(message);

    expect(broker.queues()[0]?.main.size).toBe(0);
  });

  it.each(["completeMessage", "abandonMessage", "deferMessage", "deadLetterMessage"] as const)(
    "make %s fail with MessageLockLost once they ran out",
    async (settle) => {
      const { clock, receiver, message, broker } = await locked();

      clock.advance(30_000);

      expect(await errorCode(receiver[settle](message))).toBe("MessageLockLost");
      expect(broker.queues()[0]?.main.size).toBe(1);
    },
  );

  it("do not let the first holder settle what a second one holds now", async () => {
    const { client, clock, receiver, message } = await locked();
    clock.advance(30_000);
    const other = client.createReceiver("q", noRenewal);
    const again = only(await other.receiveMessages(1));

    const late = await errorCode(receiver.completeMessage(message));
    const holder = await errorCode(other.completeMessage(again));

    expect([late, holder]).toEqual(["MessageLockLost", "none"]);
  });

  it("are renewed for their full duration", async () => {
    const { clock, receiver, message, broker } = await locked();
    clock.advance(20_000);

    const until = await receiver.renewMessageLock(message);
    clock.advance(20_000);
    await receiver.completeMessage(message);

    expect(until.getTime()).toBe(clock.now() + 10_000);
    expect(broker.queues()[0]?.main.size).toBe(0);
  });

  it("cannot be renewed once they ran out", async () => {
    const { clock, receiver, message } = await locked();
    clock.advance(30_000);

    expect(await errorCode(receiver.renewMessageLock(message))).toBe("MessageLockLost");
  });

  it("cannot be renewed after the message was completed", async () => {
    const { receiver, message } = await locked();
    await receiver.completeMessage(message);

    expect(await errorCode(receiver.renewMessageLock(message))).toBe("MessageLockLost");
  });

  it("survive the connection they were taken on, and count when they run out", async () => {
    const { broker, clock, connect } = await locked();
    broker.dropConnections();
    const other = connect().createReceiver("q");

    const before = await other.receiveMessages(1, { maxWaitTimeInMs: 100 });
    clock.advance(30_000);
    const after = only(await other.receiveMessages(1));

    expect(before).toEqual([]);
    expect(after.deliveryCount).toBe(1);
  });

  it("run out in real time", async () => {
    const { client, send } = await openBus([{ name: "q", lockDurationMs: 300 }], { clock: realClock });
    await send("q", { body: 1 });
    const receiver = client.createReceiver("q", noRenewal);
    await receiver.receiveMessages(1);

    const again = only(await receiver.receiveMessages(1, { maxWaitTimeInMs: 2000 }));

    expect(again.deliveryCount).toBe(1);
  });

  it("are kept by a client that renews them by itself", async () => {
    const { client, send, broker } = await openBus([{ name: "q", lockDurationMs: 2000 }], { clock: realClock });
    await send("q", { body: 1 });
    const receiver = client.createReceiver("q");
    const message = only(await receiver.receiveMessages(1));

    await new Promise((resolve) => setTimeout(resolve, 2500));
    await receiver.completeMessage(message);

    expect(broker.queues()[0]?.main.tally).toMatchObject({ completed: 1, lockLosses: 0 });
  });
});

describe("settling several messages at once (rhea joins neighbouring answers)", () => {
  it("answers each with its own outcome: a lost lock next to good ones", async () => {
    const { client, send, clock } = await openBus([{ name: "q", lockDurationMs: 30_000 }]);
    await send("q", { body: 0 }, { body: 1 }, { body: 2 });
    const receiver = client.createReceiver("q", noRenewal);
    const received = await receiver.receiveMessages(3);
    clock.advance(20_000);
    for (const message of [received[0], received[2]]) if (message) await receiver.renewMessageLock(message);
    clock.advance(20_000);

    const codes = await Promise.all(received.map((message) => errorCode(receiver.completeMessage(message))));

    expect(codes).toEqual(["none", "MessageLockLost", "none"]);
  });
});
