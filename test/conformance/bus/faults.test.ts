import { describe, expect, it } from "vitest";
import type { BusFaultRequest } from "../../../infra/local/bus/calls/fault-schema.js";
import { realClock } from "../../../infra/local/bus/core/clock.js";
import { errorCode, noRenewal, only, openBus, until } from "./support.js";

const withFault = async (fault: BusFaultRequest) => {
  const bus = await openBus(
    [
      { name: "q", duplicateDetectionWindowMs: 60_000 },
      { name: "s", requiresSession: true },
    ],
    { clock: realClock },
  );
  bus.broker.faults.add(fault);
  return bus;
};
const impatient = { retryOptions: { maxRetries: 0, timeoutInMs: 2000 } };

describe("faults on request (issue 3, faults and inspection)", () => {
  it("refuse a send as often as asked, with the condition asked for", async () => {
    const { connect, broker } = await withFault({
      on: "send q",
      times: 2,
      answer: { condition: "amqp:resource-limit-exceeded" },
    });
    const sender = connect(impatient).createSender("q");

    const codes = [1, 2, 3].map(() => errorCode(sender.sendMessages({ body: 1 })));

    expect(await Promise.all(codes)).toEqual(["QuotaExceeded", "QuotaExceeded", "none"]);
    expect(broker.queues()[0]?.main.size).toBe(1);
  });

  it("are overcome by a client that tries again when the server is busy", async () => {
    const { send, broker } = await withFault({
      on: "send q",
      times: 2,
      answer: { condition: "com.microsoft:server-busy" },
    });

    await send("q", { body: 1 });

    expect(broker.queues()[0]?.main.size).toBe(1);
    expect(broker.faults.list()).toMatchObject([{ seen: 3, struck: 2 }]);
  });

  it("lose the answer to a send after the message is in: trying again makes two, unless duplicates are detected", async () => {
    const { send, broker } = await withFault({ on: "send q", times: 1, lost: true });

    await send("q", { body: 1, messageId: "m" });

    expect(broker.queues()[0]?.main.tally.enqueued).toBe(1);
    expect(broker.queues()[0]?.main.size).toBe(1);
    await send("q", { body: 2 });
    broker.faults.add({ on: "send q", times: 1, lost: true });
    await send("q", { body: 3 });
    expect(broker.queues()[0]?.main.size).toBe(4);
  });

  it("cut the connection before the message is in", async () => {
    const { connect, broker } = await withFault({ on: "send q", times: 1, reset: "before" });

    await errorCode(connect(impatient).createSender("q").sendMessages({ body: 1 }));

    expect(broker.queues()[0]?.main.size).toBe(0);
  });

  it("delay a send by what was asked", async () => {
    const { send } = await withFault({ on: "send q", delayMs: 400 });
    const start = Date.now();

    await send("q", { body: 1 });

    expect(Date.now() - start).toBeGreaterThanOrEqual(399);
  });

  it("lose the lock of a delivered message", async () => {
    const { client, send } = await withFault({ on: "deliver q", times: 1, lockLost: true });
    await send("q", { body: 1 });
    const receiver = client.createReceiver("q", noRenewal);
    const message = only(await receiver.receiveMessages(1));

    const code = await errorCode(receiver.completeMessage(message));

    expect(code).toBe("MessageLockLost");
    expect(only(await receiver.receiveMessages(1)).deliveryCount).toBe(1);
  });

  it("lose the lock of a session", async () => {
    const { client, send } = await withFault({ on: "deliver s", lockLost: 100 });
    await send("s", { body: 1, sessionId: "A" });
    const session = await client.acceptSession("s", "A", noRenewal);
    const message = only(await session.receiveMessages(1));
    await new Promise((resolve) => setTimeout(resolve, 200));

    const code = await errorCode(session.completeMessage(message));

    expect(code).toBe("SessionLockLost");
  });

  it("cut the connection after a message was delivered", async () => {
    const { client, connect, send, broker } = await withFault({ on: "deliver s", times: 1, lost: true });
    await send("s", { body: 1, sessionId: "A" });
    const session = await client.acceptSession("s", "A", noRenewal);

    await session.receiveMessages(1, { maxWaitTimeInMs: 300 }).catch(() => []);
    await until(() => broker.queues()[1]?.main.sessions?.heldCount === 0);
    // Another client: one that accepts in the very moment its connection breaks can wait for ever.
    const next = await connect().acceptSession("s", "A");

    expect(only(await next.receiveMessages(1)).deliveryCount).toBe(0);
    expect(broker.faults.list()).toMatchObject([{ seen: 2, struck: 1 }]);
  });

  it("cut the connection before a message reaches its receiver: its lock has to run out", async () => {
    const { client, connect, send, broker } = await withFault({ on: "deliver q", times: 1, reset: "before" });
    await send("q", { body: 1 });

    const got = await client
      .createReceiver("q")
      .receiveMessages(1, { maxWaitTimeInMs: 300 })
      .catch(() => []);

    expect(got).toEqual([]);
    expect(broker.queues()[0]?.main.lockedCount).toBe(1);
    expect(await connect().createReceiver("q").receiveMessages(1, { maxWaitTimeInMs: 100 })).toEqual([]);
  });

  it("strike the dead-letter queue by its own name, and not with its queue", async () => {
    const { client, send, broker } = await withFault({ on: "settle q", answer: { condition: "amqp:not-allowed" } });
    broker.faults.add({ on: "attach q/$DeadLetterQueue", answer: { condition: "com.microsoft:entity-disabled" } });
    await send("q", { body: 1 });
    const receiver = client.createReceiver("q");

    const settled = await errorCode(receiver.deadLetterMessage(only(await receiver.receiveMessages(1))));
    const opened = await errorCode(client.createReceiver("q", { subQueueType: "deadLetter" }).receiveMessages(1));

    expect(settled).toBe("GeneralError");
    expect(opened).toBe("MessagingEntityDisabled");
    expect(broker.queues()[0]?.dead.size).toBe(0);
  });

  it("add their delays up, and let the first that ends an operation decide", async () => {
    const { connect, broker } = await openBus([{ name: "q" }], { clock: realClock });
    const sender = connect(impatient).createSender("q");
    await sender.sendMessages({ body: 0 });
    broker.faults.add([
      { on: "send q", delayMs: 100 },
      { on: "* q", delayMs: 100, answer: { condition: "amqp:not-allowed" } },
      { on: "send q", times: 1, lost: true },
    ]);
    const start = Date.now();

    const code = await errorCode(sender.sendMessages({ body: 1 }));

    expect(code).toBe("GeneralError");
    expect(Date.now() - start).toBeGreaterThanOrEqual(199);
    expect(broker.faults.list()).toMatchObject([{ struck: 1 }, { struck: 1 }, { seen: 0, struck: 0 }]);
  });

  it("lose the answer to a completion that was done", async () => {
    const { client, send, broker } = await withFault({ on: "settle q", times: 1, lost: true });
    await send("q", { body: 1 });
    const receiver = client.createReceiver("q");

    const code = await errorCode(receiver.completeMessage(only(await receiver.receiveMessages(1))));

    expect(code).not.toBe("none");
    expect(broker.queues()[0]?.main.size).toBe(0);
  });

  it("refuse a token", async () => {
    const { connect } = await withFault({ on: "authorize *", answer: { condition: "amqp:unauthorized-access" } });

    const code = await errorCode(connect(impatient).createSender("q").sendMessages({ body: 1 }));

    expect(code).toBe("UnauthorizedAccess");
  });

  it("refuse and delay links", async () => {
    const { connect, broker } = await withFault({
      on: "attach q",
      times: 1,
      answer: { condition: "com.microsoft:entity-disabled" },
    });
    const code = await errorCode(connect(impatient).createSender("q").sendMessages({ body: 1 }));
    broker.faults.add({ on: "attach q", delayMs: 300 });
    const start = Date.now();

    await connect().createSender("q").sendMessages({ body: 1 });

    expect(code).toBe("MessagingEntityDisabled");
    expect(Date.now() - start).toBeGreaterThanOrEqual(299);
  });

  it("lose the answer to a scheduling that was done", async () => {
    const { connect, broker } = await withFault({ on: "manage q", times: 1, lost: true });
    const sender = connect(impatient).createSender("q");

    const code = await errorCode(sender.scheduleMessages({ body: 1 }, new Date(Date.now() + 60_000)));

    expect(code).not.toBe("none");
    expect(broker.queues()[0]?.main.counts.scheduled).toBe(1);
  });

  it("strike only the queue they name, after letting some operations pass", async () => {
    const { connect, broker } = await withFault({
      on: "send Q",
      after: 1,
      answer: { condition: "amqp:not-allowed" },
    });
    const client = connect(impatient);
    const sender = client.createSender("q");
    await client.createSender("s").sendMessages({ body: 1, sessionId: "A" });

    const codes = [
      await errorCode(sender.sendMessages({ body: 1 })),
      await errorCode(sender.sendMessages({ body: 2 })),
    ];

    expect(codes).toEqual(["none", "GeneralError"]);
    expect(broker.queues().map(({ main }) => main.size)).toEqual([1, 1]);
  });

  it("strike a share of the operations, the same ones for the same seed", async () => {
    const run = async (seed: number): Promise<string> => {
      const { broker, connect } = await openBus([{ name: "q" }], { seed });
      broker.faults.add({ on: "send q", rate: 0.5, answer: { condition: "amqp:not-allowed" } });
      const sender = connect(impatient).createSender("q");
      const codes: string[] = [];
      for (let turn = 0; turn < 20; turn++) codes.push(await errorCode(sender.sendMessages({ body: turn })));
      return codes.map((code) => (code === "none" ? "." : "x")).join("");
    };

    const [first, second, other] = [await run(7), await run(7), await run(8)];

    expect(first).toBe(second);
    expect(first).not.toBe(other);
    expect(first).toMatch(/\..*x|x.*\./);
  });

  it("start the seed's history again after a reset", async () => {
    const { broker } = await openBus([{ name: "q" }]);
    const history = (): boolean[] => {
      broker.faults.add({ on: "send q", rate: 0.5, lost: true });
      return Array.from({ length: 20 }, () => broker.faults.decide("send", "q", 0).lost === true);
    };
    const first = history();

    broker.reset();

    expect(history()).toEqual(first);
    expect(new Set(first).size).toBe(2);
  });

  it("do not stop a subscriber from getting everything through a rain of cut connections", async () => {
    const { connect, broker, client } = await openBus([{ name: "q", lockDurationMs: 500 }], { clock: realClock });
    await client.createSender("q").sendMessages(Array.from({ length: 40 }, (_, index) => ({ body: index })));
    broker.faults.add({ on: "settle q", rate: 0.1, times: 4, reset: "before" });
    const seen = new Set<unknown>();
    connect()
      .createReceiver("q", noRenewal)
      .subscribe({
        async processMessage({ body }) {
          seen.add(body);
        },
        async processError() {},
      });

    const end = Date.now() + 10_000;
    while (broker.queues()[0]?.main.size !== 0 && Date.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 20));

    expect(seen.size).toBe(40);
    await until(() => broker.queues()[0]?.main.size === 0);
  });
});
