import { describe, expect, it, onTestFinished } from "vitest";
import { startAdmin } from "../../../infra/local/bus/admin/admin-server.js";
import { realClock } from "../../../infra/local/bus/core/clock.js";
import type { QueueSettings } from "../../../infra/local/bus/core/queue-options.js";
import { bodies, errorCode, noRenewal, only, openBus, until } from "./support.js";

interface Answer {
  error: string;
  counts: Record<string, { outcomes: object }>;
  requests: { operation: string }[];
}

const openAdmin = async (queues: QueueSettings[]) => {
  const bus = await openBus(queues, { clock: realClock });
  const admin = await startAdmin(bus.broker, 0);
  onTestFinished(() => admin.close());
  const call = async (method: string, path: string, body?: unknown) => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await fetch(`http://127.0.0.1:${admin.port}/_sim/${path}`, init);
    return { status: response.status, value: (await response.json()) as Answer };
  };
  return { ...bus, call };
};

const tookMs = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return performance.now() - start;
};

describe("GET and DELETE /_sim/requests (issue 3, faults and inspection)", () => {
  it("counts operations by queue and outcome, and logs them without their bodies", async () => {
    const { client, connect, call, send, broker } = await openAdmin([{ name: "Orders" }]);
    broker.faults.add({ on: "settle orders", times: 1, delayMs: 1 });
    await send("orders", { body: "secret-1" }, { body: "secret-2" });
    await errorCode(connect().createSender("nowhere").sendMessages({ body: 1 }));
    const receiver = client.createReceiver("orders");
    const message = only(await receiver.receiveMessages(1));
    await receiver.completeMessage(message);
    await receiver.renewMessageLock(only(await receiver.receiveMessages(1)));
    await client.createReceiver("orders", { subQueueType: "deadLetter" }).receiveMessages(1, { maxWaitTimeInMs: 10 });

    const { value } = await call("GET", "requests");

    expect(value.counts).toMatchObject({
      "send Orders": { count: 2, outcomes: { ok: 2 }, meanMs: expect.any(Number) },
      "attach nowhere": { outcomes: { "amqp:not-found": expect.any(Number) } },
      "attach Orders": { count: 2, outcomes: { ok: 2 } },
      "attach Orders/$DeadLetterQueue": { count: 1, outcomes: { ok: 1 } },
      "deliver Orders": { count: 2, outcomes: { ok: 2 } },
      "settle Orders": { count: 1, outcomes: { ok: 1 } },
      "manage Orders": { count: 1, outcomes: { ok: 1 } },
    });
    expect(value.requests.find(({ operation }) => operation === "settle")).toMatchObject({
      at: expect.stringMatching(/Z$/),
      queue: "Orders",
      outcome: "ok",
      client: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      faults: ["1"],
    });
    expect(JSON.stringify(value)).not.toContain("secret");
  });

  it("shows the operations asked for, as many as asked for, and none after they were deleted", async () => {
    const { call, send } = await openAdmin([{ name: "a" }, { name: "b" }]);
    await send("a", { body: 1 }, { body: 2 }, { body: 3 });
    await send("b", { body: 1 });

    const some = await call("GET", "requests?operation=send&queue=a&limit=2");
    await call("DELETE", "requests");
    const none = await call("GET", "requests");

    expect(some.value.requests).toMatchObject([
      { operation: "send", queue: "a" },
      { operation: "send", queue: "a" },
    ]);
    expect(some.value.counts).toMatchObject({ "send a": { count: 3 }, "send b": { count: 1 } });
    expect(none.value).toEqual({ total: 0, counts: {}, requests: [] });
  });

  it("says what was refused, and that a client whose connection was cut got no answer", async () => {
    const { call, connect, broker } = await openAdmin([{ name: "q" }]);
    broker.faults.add([
      { on: "send q", times: 1, answer: { condition: "amqp:not-allowed" } },
      { on: "send q", times: 1, lost: true },
    ]);
    const sender = connect({ retryOptions: { maxRetries: 0, timeoutInMs: 1000 } }).createSender("q");
    await errorCode(sender.sendMessages({ body: 1 }));
    await errorCode(sender.sendMessages({ body: 2 }));

    const { value } = await call("GET", "requests");

    expect(value.counts["send q"]?.outcomes).toEqual({ "amqp:not-allowed": 1, none: 1 });
  });
});

describe("GET and POST /_sim/latency (issue 3, faults and inspection)", () => {
  it("makes the operations it names take their time, and no others", async () => {
    const { client, call } = await openAdmin([{ name: "slow" }, { name: "quick" }]);
    const [slow, quick] = [client.createSender("slow"), client.createSender("quick")];
    await slow.sendMessages({ body: 0 });
    await quick.sendMessages({ body: 0 });

    const set = await call("POST", "latency", { "send slow": 800, "* *": 0 });
    const slowMs = await tookMs(() => slow.sendMessages({ body: 1 }));
    const quickMs = await tookMs(() => quick.sendMessages({ body: 1 }));

    expect(set.value).toEqual(await call("GET", "latency").then(({ value }) => value));
    expect(slowMs).toBeGreaterThanOrEqual(799);
    expect(quickMs).toBeLessThan(700);
  });

  it("holds deliveries, settlements and management back too", async () => {
    const { client, send, broker } = await openAdmin([{ name: "q" }]);
    await send("q", { body: 1 });
    const receiver = client.createReceiver("q");
    await receiver.peekMessages(1);
    broker.latency.set(80);

    const deliverMs = await tookMs(() => receiver.receiveMessages(1).then(only));
    const manageMs = await tookMs(() => receiver.peekMessages(1));

    // The link is attached, then the message comes.
    expect(deliverMs).toBeGreaterThanOrEqual(159);
    expect(manageMs).toBeGreaterThanOrEqual(79);
  });

  it("never lets a message overtake another one on the same link, however the latency varies", async () => {
    const { client, connect, broker } = await openAdmin([{ name: "s", requiresSession: true }]);
    broker.latency.set({ "* *": [0, 30] });
    const sender = client.createSender("s");
    const sent = Array.from({ length: 40 }, (_, index) => index);

    await Promise.all(sent.map((body) => sender.sendMessages({ body, sessionId: "A" })));
    const session = await connect().acceptSession("s", "A");
    const got: unknown[] = [];
    while (got.length < sent.length) got.push(...bodies(await session.receiveMessages(10, { maxWaitTimeInMs: 1000 })));

    expect(got).toEqual(sent);
  });

  it("lets many operations wait at the same time", async () => {
    const { client, broker } = await openAdmin([{ name: "q" }]);
    const sender = client.createSender("q");
    await sender.sendMessages({ body: 0 });
    broker.latency.set({ "send q": 200 });

    const ms = await tookMs(() => Promise.all(Array.from({ length: 20 }, () => sender.sendMessages({ body: 1 }))));

    expect(ms).toBeLessThan(3_000);
  });

  it("answers a drain only when what is under way has arrived, so that nothing is lost", async () => {
    const { connect, send, broker } = await openAdmin([{ name: "q" }]);
    await send("q", { body: 1 }, { body: 2 }, { body: 3 });
    broker.latency.set({ "deliver q": 150 });
    const receiver = connect().createReceiver("q", { receiveMode: "receiveAndDelete" });

    const got = await receiver.receiveMessages(10, { maxWaitTimeInMs: 50 });

    expect(bodies(got)).toEqual([1, 2, 3]);
  });

  it.each([
    [{ "send q": -1 }, "send q"],
    [{ "throw q": 5 }, "throw q"],
    [{ send: 5 }, "send"],
  ])("refuses %j and says why", async (rules, field) => {
    const { call } = await openAdmin([{ name: "q" }]);

    const { status, value } = await call("POST", "latency", rules);

    expect(status).toBe(400);
    expect(value.error).toContain(field);
    expect((await call("GET", "latency")).value).toEqual({ latency: 0 });
  });
});

describe("POST /_sim/clock (issue 3, faults and inspection)", () => {
  const hourMs = 3_600_000;

  it("shows clients wrong times for enqueuing and locks, while locks last as long as they should", async () => {
    const { client, call, send } = await openAdmin([{ name: "q", lockDurationMs: 3_000 }]);
    const receiver = client.createReceiver("q", noRenewal);

    const { value } = await call("POST", "clock", { skewMs: -hourMs });
    await send("q", { body: 1 });
    const message = only(await receiver.receiveMessages(1));
    const renewedUntil = await receiver.renewMessageLock(message);
    await new Promise((resolve) => setTimeout(resolve, 100));

    expect(value).toEqual({ skewMs: -hourMs });
    expect(message.enqueuedTimeUtc?.getTime()).toBeLessThan(Date.now() - hourMs + 1000);
    expect(message.enqueuedTimeUtc?.getTime()).toBeGreaterThan(Date.now() - hourMs - 5000);
    expect(renewedUntil.getTime() - Date.now() + hourMs).toBeLessThan(3_000);
    expect(await errorCode(receiver.completeMessage(message))).toBe("none");
  });

  it("makes a scheduled message due by the wrong clock, and tells its time as its sender said it", async () => {
    const { client, call, broker } = await openAdmin([{ name: "q" }]);
    const dueAt = new Date(Date.now() + hourMs - 1000);
    await call("POST", "clock", { skewMs: hourMs });

    await client.createSender("q").scheduleMessages({ body: "now" }, dueAt);
    await client.createSender("q").scheduleMessages({ body: "later" }, new Date(dueAt.getTime() + hourMs));
    await until(() => broker.queues()[0]?.main.counts.active === 1);

    const peeked = await client.createReceiver("q").peekMessages(2);
    expect(peeked.map(({ body, state }) => [body, state])).toEqual(
      expect.arrayContaining([
        ["now", "active"],
        ["later", "scheduled"],
      ]),
    );
    expect(peeked.find(({ body }) => body === "now")?.scheduledEnqueueTimeUtc).toEqual(dueAt);
  });

  it("tells the wrong end of a session's lock", async () => {
    const { client, call } = await openAdmin([{ name: "s", requiresSession: true }]);
    await call("POST", "clock", { skewMs: hourMs });

    const session = await client.acceptSession("s", "A", noRenewal);
    const renewedUntil = await session.renewSessionLock();

    expect(renewedUntil.getTime()).toBeGreaterThan(Date.now() + hourMs);
  });

  it("goes right again after a reset", async () => {
    const { client, call, send } = await openAdmin([{ name: "q" }]);
    await call("POST", "clock", { skewMs: hourMs });
    await call("POST", "reset");

    await send("q", { body: 1 });

    const [message] = await client.createReceiver("q").peekMessages(1);
    expect(message?.enqueuedTimeUtc?.getTime()).toBeLessThanOrEqual(Date.now());
  });
});
