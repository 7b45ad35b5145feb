import { describe, expect, it } from "vitest";
import { realClock } from "../../../infra/local/bus/core/clock.js";
import type { FaultRequest } from "../../../infra/local/bus/faults.js";
import { errorCode, noRenewal, only, openBus, until } from "./support.js";

const withFault = async (fault: FaultRequest) => {
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
      on: "send",
      kind: "refuse",
      times: 2,
      condition: "amqp:resource-limit-exceeded",
    });
    const sender = connect(impatient).createSender("q");

    const codes = [1, 2, 3].map(() => errorCode(sender.sendMessages({ body: 1 })));

    expect(await Promise.all(codes)).toEqual(["QuotaExceeded", "QuotaExceeded", "none"]);
    expect(broker.queues()[0]?.main.size).toBe(1);
  });

  it("are overcome by a client that tries again when the server is busy", async () => {
    const { send, broker } = await withFault({ on: "send", kind: "refuse", times: 2 });

    await send("q", { body: 1 });

    expect(broker.queues()[0]?.main.size).toBe(1);
    expect(broker.faults.list()).toEqual([]);
  });

  it("lose the answer to a send after the message is in: trying again makes two, unless duplicates are detected", async () => {
    const { send, broker } = await withFault({ on: "send", kind: "lose-answer" });

    await send("q", { body: 1, messageId: "m" });

    expect(broker.queues()[0]?.main.tally.enqueued).toBe(1);
    expect(broker.queues()[0]?.main.size).toBe(1);
    await send("q", { body: 2 });
    broker.faults.add({ on: "send", kind: "lose-answer" });
    await send("q", { body: 3 });
    expect(broker.queues()[0]?.main.size).toBe(4);
  });

  it("cut the connection before the message is in", async () => {
    const { connect, broker } = await withFault({ on: "send", kind: "drop-connection" });

    await errorCode(connect(impatient).createSender("q").sendMessages({ body: 1 }));

    expect(broker.queues()[0]?.main.size).toBe(0);
  });

  it("delay the answer to a send by what was asked", async () => {
    const { send } = await withFault({ on: "send", kind: "delay", ms: 400 });
    const start = Date.now();

    await send("q", { body: 1 });

    expect(Date.now() - start).toBeGreaterThanOrEqual(399);
  });

  it("lose the lock of a delivered message", async () => {
    const { client, send } = await withFault({ on: "deliver", kind: "lose-lock" });
    await send("q", { body: 1 });
    const receiver = client.createReceiver("q", noRenewal);
    const message = only(await receiver.receiveMessages(1));

    const code = await errorCode(receiver.completeMessage(message));

    expect(code).toBe("MessageLockLost");
    expect(only(await receiver.receiveMessages(1)).deliveryCount).toBe(1);
  });

  it("lose the lock of a session", async () => {
    const { client, send } = await withFault({ queue: "s", on: "deliver", kind: "lose-lock", ms: 100 });
    await send("s", { body: 1, sessionId: "A" });
    const session = await client.acceptSession("s", "A", noRenewal);
    const message = only(await session.receiveMessages(1));
    await new Promise((resolve) => setTimeout(resolve, 200));

    const code = await errorCode(session.completeMessage(message));

    expect(code).toBe("SessionLockLost");
  });

  it("cut the connection after a message was delivered", async () => {
    const { client, connect, send, broker } = await withFault({ on: "deliver", kind: "drop-connection" });
    await send("s", { body: 1, sessionId: "A" });
    const session = await client.acceptSession("s", "A", noRenewal);

    await session.receiveMessages(1, { maxWaitTimeInMs: 300 }).catch(() => []);
    await until(() => broker.queues()[1]?.main.sessions?.heldCount === 0);
    // Another client: one that accepts in the very moment its connection breaks can wait for ever.
    const next = await connect().acceptSession("s", "A");

    expect(only(await next.receiveMessages(1)).deliveryCount).toBe(0);
    expect(broker.faults.list()).toEqual([]);
  });

  it("lose the answer to a completion that was done", async () => {
    const { client, send, broker } = await withFault({ on: "settle", kind: "lose-answer" });
    await send("q", { body: 1 });
    const receiver = client.createReceiver("q");

    const code = await errorCode(receiver.completeMessage(only(await receiver.receiveMessages(1))));

    expect(code).not.toBe("none");
    expect(broker.queues()[0]?.main.size).toBe(0);
  });

  it("refuse a token", async () => {
    const { connect } = await withFault({ on: "authorize", kind: "refuse", times: "always" });

    const code = await errorCode(connect(impatient).createSender("q").sendMessages({ body: 1 }));

    expect(code).toBe("UnauthorizedAccess");
  });

  it("refuse and delay links", async () => {
    const { connect, broker } = await withFault({
      on: "attach",
      kind: "refuse",
      condition: "com.microsoft:entity-disabled",
    });
    const code = await errorCode(connect(impatient).createSender("q").sendMessages({ body: 1 }));
    broker.faults.add({ on: "attach", kind: "delay", ms: 300 });
    const start = Date.now();

    await connect().createSender("q").sendMessages({ body: 1 });

    expect(code).toBe("MessagingEntityDisabled");
    expect(Date.now() - start).toBeGreaterThanOrEqual(299);
  });

  it("lose the answer to a scheduling that was done", async () => {
    const { connect, broker } = await withFault({ on: "manage", kind: "lose-answer" });
    const sender = connect(impatient).createSender("q");

    const code = await errorCode(sender.scheduleMessages({ body: 1 }, new Date(Date.now() + 60_000)));

    expect(code).not.toBe("none");
    expect(broker.queues()[0]?.main.counts.scheduled).toBe(1);
  });

  it("strike only the queue they name, after letting some operations pass", async () => {
    const { connect, broker } = await withFault({
      queue: "Q",
      on: "send",
      kind: "refuse",
      skip: 1,
      condition: "amqp:not-allowed",
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
      broker.faults.add({ on: "send", kind: "refuse", rate: 0.5, times: "always", condition: "amqp:not-allowed" });
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
      broker.faults.add({ on: "send", kind: "refuse", rate: 0.5, times: "always" });
      return Array.from({ length: 20 }, () => broker.faults.strike("send", "q") !== undefined);
    };
    const first = history();

    broker.reset();

    expect(history()).toEqual(first);
  });

  it("do not stop a subscriber from getting everything through a rain of cut connections", async () => {
    const { connect, broker, client } = await openBus([{ name: "q", lockDurationMs: 500 }], { clock: realClock });
    await client.createSender("q").sendMessages(Array.from({ length: 40 }, (_, index) => ({ body: index })));
    broker.faults.add({ on: "settle", kind: "drop-connection", rate: 0.1, times: 4 });
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
