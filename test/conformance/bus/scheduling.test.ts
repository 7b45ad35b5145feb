import { describe, expect, it } from "vitest";
import { bodies, errorCode, errorMessage, only, openBus } from "./support.js";

describe("scheduling (facts/azure-local.md §1, $management and annotation)", () => {
  it.each(["scheduleMessages", "scheduledEnqueueTimeUtc"])(
    "delivers a message scheduled by %s when it is due",
    async (way) => {
      const { client, clock } = await openBus([{ name: "q" }]);
      const due = new Date(clock.now() + 5000);
      const sender = client.createSender("q");
      if (way === "scheduleMessages") await sender.scheduleMessages({ body: 1 }, due);
      else await sender.sendMessages({ body: 1, scheduledEnqueueTimeUtc: due });
      const receiver = client.createReceiver("q");

      clock.advance(4999);
      const early = await receiver.receiveMessages(1, { maxWaitTimeInMs: 100 });
      clock.advance(1);
      const onTime = only(await receiver.receiveMessages(1));

      expect(early).toEqual([]);
      expect(onTime).toMatchObject({ body: 1, scheduledEnqueueTimeUtc: due });
      expect(onTime.enqueuedTimeUtc).toEqual(due);
    },
  );

  it("wakes a receiver that already waits", async () => {
    const { client, clock, broker } = await openBus([{ name: "q" }]);
    await client.createSender("q").scheduleMessages({ body: 1 }, new Date(clock.now() + 5000));
    const receiving = client.createReceiver("q").receiveMessages(1, { maxWaitTimeInMs: 3000 });
    await new Promise((resolve) => setTimeout(resolve, 100));

    clock.advance(5000);

    expect(bodies(await receiving)).toEqual([1]);
    expect(broker.queues()[0]?.main.counts).toEqual({ active: 1, deferred: 0, scheduled: 0 });
  });

  it("answers one sequence number per message and delivers in the order of due times", async () => {
    const { client, clock } = await openBus([{ name: "q" }]);
    const sender = client.createSender("q");
    const later = await sender.scheduleMessages([{ body: "late 1" }, { body: "late 2" }], new Date(clock.now() + 2000));
    await sender.scheduleMessages({ body: "soon" }, new Date(clock.now() + 1000));

    clock.advance(2000);
    const received = await client.createReceiver("q").receiveMessages(3);

    expect(later.map(Number)).toEqual([1, 2]);
    expect(bodies(received)).toEqual(["soon", "late 1", "late 2"]);
  });

  it("gives a message that is due a new sequence number behind everything sent before", async () => {
    const { client, clock, send } = await openBus([{ name: "q" }]);
    const [scheduled] = await client.createSender("q").scheduleMessages({ body: "due" }, new Date(clock.now() + 1000));
    await send("q", { body: "sent meanwhile" });

    clock.advance(1000);
    const received = await client.createReceiver("q").receiveMessages(2);

    expect(bodies(received)).toEqual(["sent meanwhile", "due"]);
    expect(Number(received[1]?.sequenceNumber)).toBeGreaterThan(Number(scheduled));
  });

  it("enqueues at once what is due in the past", async () => {
    const { client, clock } = await openBus([{ name: "q" }]);
    await client.createSender("q").scheduleMessages({ body: 1 }, new Date(clock.now() - 1000));

    const received = await client.createReceiver("q").receiveMessages(1);

    expect(bodies(received)).toEqual([1]);
  });

  it("cancels a scheduled message", async () => {
    const { client, clock, broker } = await openBus([{ name: "q" }]);
    const sender = client.createSender("q");
    const numbers = await sender.scheduleMessages({ body: 1 }, new Date(clock.now() + 1000));

    await sender.cancelScheduledMessages(numbers);
    clock.advance(1000);

    expect(broker.queues()[0]?.main.size).toBe(0);
  });

  it("answers MessageNotFound when cancelling what is not scheduled any more", async () => {
    const { client, clock } = await openBus([{ name: "q" }]);
    const sender = client.createSender("q");
    const numbers = await sender.scheduleMessages({ body: 1 }, new Date(clock.now() + 1000));
    clock.advance(1000);

    const code = await errorCode(sender.cancelScheduledMessages(numbers));

    expect(code).toBe("MessageNotFound");
  });

  it("cancels none when one of several is not there", async () => {
    const { client, clock, broker } = await openBus([{ name: "q" }]);
    const sender = client.createSender("q");
    const [number] = await sender.scheduleMessages({ body: 1 }, new Date(clock.now() + 1000));
    if (number === undefined) throw new Error("no number");

    const code = await errorCode(sender.cancelScheduledMessages([number, number.add(1)]));

    expect(code).toBe("MessageNotFound");
    expect(broker.queues()[0]?.main.counts.scheduled).toBe(1);
  });

  it("delivers to the session it was scheduled for", async () => {
    const { client, clock } = await openBus([{ name: "s", requiresSession: true }]);
    await client.createSender("s").scheduleMessages({ body: 1, sessionId: "A" }, new Date(clock.now() + 1000));
    const accepting = client.acceptNextSession("s");
    await new Promise((resolve) => setTimeout(resolve, 100));

    clock.advance(1000);
    const session = await accepting;

    expect(session.sessionId).toBe("A");
    expect(bodies(await session.receiveMessages(1))).toEqual([1]);
  });

  it("refuses to schedule without a session id where sessions are required", async () => {
    const { client, clock } = await openBus([{ name: "s", requiresSession: true }]);

    const scheduling = client.createSender("s").scheduleMessages({ body: 1 }, new Date(clock.now() + 1000));

    expect(await errorMessage(scheduling)).toContain("SessionId was not set");
  });

  it("refuses to schedule what is too large", async () => {
    const { client, clock } = await openBus([{ name: "q", maxMessageBytes: 2000 }]);

    const scheduling = client
      .createSender("q")
      .scheduleMessages({ body: "x".repeat(2000) }, new Date(clock.now() + 1000));

    expect(await errorCode(scheduling)).toBe("MessageSizeExceeded");
  });
});
