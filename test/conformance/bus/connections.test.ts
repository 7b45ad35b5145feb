import { once } from "node:events";
import rhea from "rhea";
import { describe, expect, it, onTestFinished } from "vitest";
import { bodies, only, openBus, until } from "./support.js";

describe("connections that break (facts/azure-local.md §1, rhea server pitfalls)", () => {
  it("are opened again by the client: sending goes on", async () => {
    const { broker, client } = await openBus([{ name: "q" }]);
    const sender = client.createSender("q");
    await sender.sendMessages({ body: 1 });

    broker.dropConnections();
    await sender.sendMessages({ body: 2 });

    expect(broker.queues()[0]?.main.size).toBe(2);
  });

  it("do not end a subscription", async () => {
    const { broker, client, connect } = await openBus([{ name: "q" }]);
    const received: unknown[] = [];
    client.createReceiver("q").subscribe({
      async processMessage({ body }) {
        received.push(body);
      },
      async processError() {},
    });
    const sender = connect().createSender("q");
    await sender.sendMessages({ body: 1 });
    await until(() => received.length === 1);

    broker.dropConnections();
    await sender.sendMessages({ body: 2 });
    await until(() => received.length === 2);

    expect(received).toEqual([1, 2]);
  });

  it("leave no receiver behind that messages would be given to", async () => {
    const { broker, client, connect, send } = await openBus([{ name: "q" }]);
    client.createReceiver("q").subscribe({ async processMessage() {}, async processError() {} });
    const gone = connect();
    gone.createReceiver("q").subscribe({ async processMessage() {}, async processError() {} });
    await until(() => broker.queues()[0] !== undefined);
    await gone.close();

    await send("q", ...Array.from({ length: 10 }, (_, index) => ({ body: index })));
    await until(() => broker.queues()[0]?.main.size === 0);

    expect(broker.queues()[0]?.main.tally.completed).toBe(10);
  });
});

describe("credit and drain (facts/azure-local.md §1, rhea server pitfalls)", () => {
  it("keep a receiver usable after receives that asked for more than there was", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    const receiver = client.createReceiver("q");
    const received: unknown[] = [];

    for (let turn = 0; turn < 10; turn++) {
      await send("q", { body: turn });
      for (const message of await receiver.receiveMessages(5, { maxWaitTimeInMs: 30 })) {
        received.push(message.body);
        await receiver.completeMessage(message);
      }
    }
    for (const message of await receiver.receiveMessages(10, { maxWaitTimeInMs: 50 })) received.push(message.body);

    expect(received).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("lose no message to the race between a drain and a send", async () => {
    const { client, connect } = await openBus([{ name: "q" }]);
    const sender = connect().createSender("q");
    const receiver = client.createReceiver("q", { receiveMode: "receiveAndDelete" });
    const received: number[] = [];
    const sending = (async () => {
      for (let body = 0; body < 60; body++) {
        await sender.sendMessages({ body });
        await new Promise((resolve) => setTimeout(resolve, body % 7));
      }
    })();

    while (received.length < 60) {
      for (const message of await receiver.receiveMessages(4, { maxWaitTimeInMs: 3 })) received.push(message.body);
    }
    await sending;

    expect(received).toEqual(Array.from({ length: 60 }, (_, index) => index));
  });

  it("answer a drain that arrives when the last credit was just used", async () => {
    const { broker, send } = await openBus([{ name: "q" }]);
    await send("q", { body: 1 });
    const container = rhea.create_container();
    const connection = container.connect({ port: broker.port, host: "127.0.0.1", reconnect: false });
    onTestFinished(() => connection.close());
    const receiver = connection.open_receiver({ source: "q", credit_window: 0, autoaccept: false });
    receiver.add_credit(1);
    await once(receiver, "message");
    const drained = once(receiver, "receiver_drained");

    receiver.drain_credit();

    await expect(drained).resolves.toHaveLength(1);
  });

  it("carry thousands of deliveries over one link, in order", async () => {
    const { client, broker } = await openBus([{ name: "q" }]);
    const sender = client.createSender("q");
    const total = 5000;
    for (let start = 0; start < total; start += 1000) {
      await sender.sendMessages(Array.from({ length: 1000 }, (_, index) => ({ body: start + index })));
    }
    const received: number[] = [];
    client.createReceiver("q").subscribe(
      {
        async processMessage({ body }) {
          received.push(body);
        },
        async processError() {},
      },
      { maxConcurrentCalls: 50 },
    );

    while (broker.queues()[0]?.main.size !== 0) await new Promise((resolve) => setTimeout(resolve, 20));

    expect(received).toEqual(Array.from({ length: total }, (_, index) => index));
  });

  it("hand a large backlog of large messages out piece by piece", async () => {
    const { client, send } = await openBus([{ name: "q" }]);
    const body = "x".repeat(150_000);
    await send("q", ...Array.from({ length: 20 }, () => ({ body })));
    const receiver = client.createReceiver("q");

    const received = await receiver.receiveMessages(20, { maxWaitTimeInMs: 3000 });

    expect(received.length).toBe(20);
    expect(bodies(received).every((item) => item === body)).toBe(true);
    await receiver.completeMessage(only(received.slice(0, 1)));
  });
});
