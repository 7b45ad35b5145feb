// Service Bus triggers and outputs over real sockets, through the unmodified client on both sides (facts/azure-local.md §2).
import { setTimeout as sleep } from "node:timers/promises";
import { ServiceBusClient, type ServiceBusMessage } from "@azure/service-bus";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Broker, startBroker } from "../../../infra/local/bus/broker.js";
import { buildApp, removeApps } from "./apps.js";
import { type HostLog, startTestHost } from "./hosts.js";

const TRIGGERS = ["lane", "plain", "manual", "batch", "laneBatch", "relay"];
const hostJson = {
  version: "2.0",
  extensions: {
    serviceBus: {
      maxConcurrentSessions: 4,
      sessionIdleTimeout: "00:00:00.300",
      maxConcurrentCalls: 2,
      clientRetryOptions: { tryTimeout: "00:00:02", delay: "00:00:00.050", maxDelay: "00:00:00.200" },
    },
  },
};

let broker: Broker;
let client: ServiceBusClient;
let appDir: string;
let stopHost: (() => Promise<void>) | undefined;

beforeAll(async () => {
  appDir = await buildApp("bus", { hostJson });
});
afterAll(removeApps);

beforeEach(async () => {
  const lockDurationMs = 1_000;
  broker = await startBroker({
    port: 0,
    queues: [
      { name: "lanes", requiresSession: true, maxDeliveryCount: 3, lockDurationMs },
      { name: "lane-batch", requiresSession: true, lockDurationMs },
      ...["plain", "manual", "batch", "relay", "second"].map((name) => ({ name, maxDeliveryCount: 3, lockDurationMs })),
    ],
  });
  client = new ServiceBusClient(broker.connectionString);
});
afterEach(async () => {
  await stopHost?.();
  stopHost = undefined;
  await client.close();
  await broker.close();
});

/** A host that runs only the named triggers. */
async function startHostFor(
  triggers: string[],
  env: Record<string, string> = {},
): Promise<{ log: HostLog; url: string }> {
  const others = TRIGGERS.filter((name) => !triggers.includes(name));
  const disabled = Object.fromEntries(others.map((name) => [`AzureWebJobs.${name}.Disabled`, "true"]));
  const host = await startTestHost({
    appDir,
    env: { BUS: broker.connectionString, LANES: "lanes", ...disabled, ...env },
  });
  stopHost = host.close;
  return host;
}

async function send(queue: string, ...messages: ServiceBusMessage[]): Promise<void> {
  const sender = client.createSender(queue);
  await sender.sendMessages(messages);
  await sender.close();
}

const done = (log: HostLog, name: string, body: unknown): Promise<unknown> =>
  log.until((entry) => entry.function === name && entry.message === JSON.stringify({ done: body }));

const countDone = (log: HostLog): number => log.entries.filter((entry) => entry.message.startsWith('{"done"')).length;

describe("a Service Bus trigger without sessions", () => {
  it("runs the function for a message and completes it", async () => {
    const { log } = await startHostFor(["plain"]);

    await send("plain", { body: { a: 1 } });
    await done(log, "plain", { a: 1 });

    await sleep(100);
    const receiver = client.createReceiver("plain");
    expect(await receiver.peekMessages(10)).toEqual([]);
  });

  it("abandons a message whose function fails, so that it comes again with a higher delivery count, counted from 1", async () => {
    const { log } = await startHostFor(["plain"]);

    await send("plain", { body: { failUntil: 2 } });
    await done(log, "plain", { failUntil: 2 });

    const counts = log
      .said("plain")
      .flatMap((said) => (said as { metadata?: { deliveryCount: number } }).metadata?.deliveryCount ?? []);
    expect(counts).toEqual([1, 2, 3]);
  });

  it("leaves a message that fails every time to the dead-letter queue", async () => {
    const { log } = await startHostFor(["plain"]);

    await send("plain", { body: { failUntil: 99 } });
    const receiver = client.createReceiver("plain", { subQueueType: "deadLetter" });
    const [dead] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5_000 });

    expect(dead?.deadLetterReason).toBe("MaxDeliveryCountExceeded");
    expect(log.entries.filter((entry) => entry.message.includes("asked to fail"))).toHaveLength(3);
  });

  it("runs no more than maxConcurrentCalls messages at once", async () => {
    const { log } = await startHostFor(["plain"]);

    await send("plain", ...[1, 2, 3, 4].map((n) => ({ body: { n, sleepMs: 300 } })));
    await done(log, "plain", { n: 4, sleepMs: 300 });

    let running = 0;
    let most = 0;
    for (const { message } of log.entries) {
      if (message.startsWith("Executing")) running += 1;
      if (message.startsWith("Executed")) running -= 1;
      most = Math.max(most, running);
    }
    expect(most).toBe(2);
  });

  it("renews the lock of a message that takes longer than the lock lasts", async () => {
    const { log } = await startHostFor(["plain"]);

    await send("plain", { body: { sleepMs: 1_800 } });
    await done(log, "plain", { sleepMs: 1_800 });

    await sleep(200);
    expect(log.said("plain").filter((said) => "got" in (said as object))).toHaveLength(1);
    expect(await client.createReceiver("plain").peekMessages(10)).toEqual([]);
  });

  it("neither completes nor abandons with autoCompleteMessages off: the message comes again when its lock has run out", async () => {
    const { log } = await startHostFor(["manual"]);

    await send("manual", { body: { m: 1 } });
    await done(log, "manual", { m: 1 });

    expect(await client.createReceiver("manual").peekMessages(10)).toHaveLength(1);
  });

  it("abandons after a failure even with autoCompleteMessages off", async () => {
    const { log } = await startHostFor(["manual"]);

    await send("manual", { body: { failUntil: 1 } });
    const started = Date.now();
    await done(log, "manual", { failUntil: 1 });

    expect(Date.now() - started).toBeLessThan(900);
  });

  it.each([
    ["a JSON object", '{"a":1}', { a: 1 }],
    ["plain text", "plain", "plain"],
    ["digits", "42", 42],
    ["a word that is JSON", "true", true],
    ["an empty body", "", ""],
  ])("hands over %s as the library parses it", async (_, body, expected) => {
    const { log } = await startHostFor(["plain"]);

    await send("plain", { body: Buffer.from(body) });
    const entry = await log.until(({ message }) => message.startsWith('{"got"'));

    expect(JSON.parse(entry.message).got).toEqual(expected);
  });

  it("never runs for a body that is an AMQP value: its delivery fails until it is dead-lettered", async () => {
    const { log } = await startHostFor(["plain"]);

    const message = { body: "not a data section", bodyType: "value" as const };
    await client.createSender("plain").sendMessages(message);
    const [dead] = await client
      .createReceiver("plain", { subQueueType: "deadLetter" })
      .receiveMessages(1, { maxWaitTimeInMs: 3_000 });

    expect(dead?.deadLetterReason).toBe("MaxDeliveryCountExceeded");
    expect(log.entries.some(({ message }) => message.startsWith("Executing"))).toBe(false);
    expect(log.entries.some(({ level, message }) => level === "warning" && message.includes("AMQP value"))).toBe(true);
  });
});

describe("trigger metadata of a message", () => {
  it("has lower-camel keys, text parsed where it is JSON, and 1 as the first delivery count", async () => {
    const { log } = await startHostFor(["plain"]);

    await send("plain", {
      body: "x",
      messageId: "123",
      correlationId: "c",
      subject: "s",
      applicationProperties: { Kind: "K", n: 1 },
    });
    const entry = await log.until(({ message }) => message.startsWith('{"got"'));

    const { metadata } = JSON.parse(entry.message);
    expect(metadata).toMatchObject({
      messageId: 123,
      correlationId: "c",
      subject: "s",
      label: "s",
      deliveryCount: 1,
      sequenceNumber: 1,
      applicationProperties: { kind: "K", n: 1 },
      userProperties: { kind: "K", n: 1 },
    });
    expect(Date.parse(metadata.enqueuedTimeUtc)).toBeGreaterThan(Date.now() - 60_000);
    expect(metadata).not.toHaveProperty("sessionId");
  });
});

describe("a Service Bus trigger with sessions", () => {
  it("runs the messages of a session one after the other, in order", async () => {
    const { log } = await startHostFor(["lane"]);

    await send("lanes", ...[1, 2, 3, 4, 5].map((n) => ({ sessionId: "a", body: { n, sleepMs: n === 1 ? 200 : 0 } })));
    await done(log, "lane", { n: 5, sleepMs: 0 });

    const order = log.said("lane").map((said) => Object.entries(said as Record<string, { n: number }>)[0]);
    expect(order.map((entry) => `${entry?.[0]} ${entry?.[1].n}`)).toEqual(
      [1, 2, 3, 4, 5].flatMap((n) => [`got ${n}`, `done ${n}`]),
    );
  });

  it("keeps the order of a session when a message fails and is delivered again", async () => {
    const { log } = await startHostFor(["lane"]);

    await send("lanes", { sessionId: "a", body: { n: 1, failUntil: 2 } }, { sessionId: "a", body: { n: 2 } });
    await done(log, "lane", { n: 2 });

    const got = log.said("lane").flatMap((said) => (said as { got?: { n: number } }).got?.n ?? []);
    expect(got).toEqual([1, 1, 1, 2]);
  });

  it("dead-letters a message that fails maxDeliveryCount times and goes on with the next of its session", async () => {
    const { log } = await startHostFor(["lane"]);

    await send("lanes", { sessionId: "a", body: { failUntil: 99 } }, { sessionId: "a", body: { n: 2 } });
    await done(log, "lane", { n: 2 });

    const [dead] = await client
      .createReceiver("lanes", { subQueueType: "deadLetter" })
      .receiveMessages(1, { maxWaitTimeInMs: 3_000 });
    expect(dead?.sessionId).toBe("a");
    expect(dead?.deadLetterReason).toBe("MaxDeliveryCountExceeded");
  });

  it("works up to maxConcurrentSessions sessions at once and takes the rest when one is idle", async () => {
    const { log } = await startHostFor(["lane"]);

    const sessions = ["a", "b", "c", "d", "e", "f"];
    await send("lanes", ...sessions.map((sessionId) => ({ sessionId, body: { sessionId, sleepMs: 400 } })));
    await Promise.all(sessions.map((sessionId) => done(log, "lane", { sessionId, sleepMs: 400 })));

    const firstEnd = log.entries.findIndex(({ message }) => message.startsWith("Executed"));
    const begun = log.entries.slice(0, firstEnd).filter(({ message }) => message.startsWith("Executing"));
    expect(begun).toHaveLength(4);
  });

  it("runs maxConcurrentCallsPerSession messages of one session at once where host.json says so", async () => {
    const { log } = await startHostFor(["lane"], {
      AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentCallsPerSession: "2",
    });

    await send("lanes", ...[1, 2].map((n) => ({ sessionId: "a", body: { n, sleepMs: 200 } })));
    await done(log, "lane", { n: 2, sleepMs: 200 });

    const order = log.said("lane").map((said) => Object.keys(said as object)[0]);
    expect(order.slice(0, 2)).toEqual(["got", "got"]);
  });

  it("gives an idle session back, so that someone else can take it", async () => {
    const { log } = await startHostFor(["lane"]);

    await send("lanes", { sessionId: "a", body: { n: 1 } });
    await done(log, "lane", { n: 1 });
    await sleep(700);
    const receiver = await client.acceptSession("lanes", "a");

    expect(receiver.sessionId).toBe("a");
  });

  it("keeps a session whose function runs longer than the session lock lasts", async () => {
    const { log } = await startHostFor(["lane"]);

    await send("lanes", { sessionId: "a", body: { n: 1, sleepMs: 1_800 } }, { sessionId: "a", body: { n: 2 } });
    await done(log, "lane", { n: 2 });

    const got = log.said("lane").flatMap((said) => (said as { got?: { n: number } }).got?.n ?? []);
    expect(got).toEqual([1, 2]);
  });

  it("picks up a session that begins long after the host started to wait", async () => {
    const { log } = await startHostFor(["lane"]);
    await sleep(2_500);

    await send("lanes", { sessionId: "late", body: { n: 1 } });
    const started = Date.now();
    await done(log, "lane", { n: 1 });

    expect(Date.now() - started).toBeLessThan(500);
  });

  it("gives its sessions back without a raised delivery count when the host closes", async () => {
    const { log } = await startHostFor(["lane"]);
    await send("lanes", ...[1, 2, 3].map((n) => ({ sessionId: "a", body: { n, sleepMs: 400 } })));
    await log.until(({ message }) => message.startsWith('{"got"'));

    await stopHost?.();
    const receiver = await client.acceptSession("lanes", "a");
    const rest = await receiver.receiveMessages(3, { maxWaitTimeInMs: 1_000 });

    expect(countDone(log)).toBe(1);
    expect(rest.map(({ body, deliveryCount }) => ({ n: body.n, deliveryCount }))).toEqual([
      { n: 2, deliveryCount: 0 },
      { n: 3, deliveryCount: 0 },
    ]);
  });
});

describe("a bus that goes away", () => {
  it("is found again after a dropped connection, by both kinds of trigger, and nothing is lost", async () => {
    const { log } = await startHostFor(["lane", "plain"]);
    await send("lanes", { sessionId: "a", body: { n: 1 } });
    await send("plain", { body: { p: 1 } });
    await Promise.all([done(log, "lane", { n: 1 }), done(log, "plain", { p: 1 })]);

    broker.dropConnections();
    client = new ServiceBusClient(broker.connectionString);
    await send("lanes", { sessionId: "a", body: { n: 2 } });
    await send("plain", { body: { p: 2 } });

    await Promise.all([done(log, "lane", { n: 2 }), done(log, "plain", { p: 2 })]);
  });

  it("is waited for: after a restart the host goes on by itself, and says once that it is away", async () => {
    const { log } = await startHostFor(["lane", "plain"]);
    const { port } = broker;
    const queues = broker.queues().map(({ options }) => options);
    await client.close();

    await broker.close();
    await log.until(({ level, message }) => level === "warning" && message.startsWith("Service Bus:"));
    await sleep(1_000);
    broker = await startBroker({ port, queues });
    client = new ServiceBusClient(broker.connectionString);
    await send("lanes", { sessionId: "a", body: { n: 1 } });
    await send("plain", { body: { p: 1 } });

    await Promise.all([done(log, "lane", { n: 1 }), done(log, "plain", { p: 1 })]);
    expect(log.entries.filter(({ level }) => level === "warning").length).toBeLessThan(4);
  });

  it("does not keep the host from starting when it is down", async () => {
    const { port } = broker;
    const queues = broker.queues().map(({ options }) => options);
    await client.close();
    await broker.close();

    const { log } = await startHostFor(["lane", "plain"]);
    await sleep(500);
    broker = await startBroker({ port, queues });
    client = new ServiceBusClient(broker.connectionString);
    await send("plain", { body: { p: 1 } });

    await done(log, "plain", { p: 1 });
  });

  it("does not keep the host from closing", async () => {
    const { log } = await startHostFor(["lane", "plain", "batch"]);
    await broker.close();
    await log.until(({ level, message }) => level === "warning" && message.startsWith("Service Bus:"));

    const started = Date.now();
    await stopHost?.();

    expect(Date.now() - started).toBeLessThan(2_900);
    broker = await startBroker({ port: 0, queues: [{ name: "unused" }] });
  });

  it("makes a queue that does not exist a warning, not the end of the host", async () => {
    const { log, url } = await startHostFor(["lane"], { LANES: "nowhere" });

    await log.until(({ level, message }) => level === "warning" && message.includes("nowhere"));

    expect((await fetch(`${url}/admin/host/ping`)).status).toBe(200);
  });
});

describe("a Service Bus trigger with cardinality many", () => {
  it("gets waiting messages as one array, and arrays of metadata with Long sequence numbers", async () => {
    await send(
      "batch",
      { body: { n: 1 }, messageId: "m1" },
      { body: { n: 2 }, messageId: "m2" },
      { body: Buffer.from("") },
    );

    const { log } = await startHostFor(["batch"]);
    const entry = await log.until(({ message }) => message.startsWith('{"got"'));

    const { got, metadata } = JSON.parse(entry.message);
    expect(got).toEqual([{ n: 1 }, { n: 2 }]);
    expect(metadata.messageIdArray.slice(0, 2)).toEqual(["m1", "m2"]);
    expect(metadata.sequenceNumberArray[0]).toEqual({ low: 1, high: 0, unsigned: false });
    expect(metadata.deliveryCountArray).toEqual([1, 1, 1]);
    expect(metadata).not.toHaveProperty("messageId");
  });

  it("completes the whole batch after success", async () => {
    const { log } = await startHostFor(["batch"]);

    await send("batch", { body: { n: 1 } }, { body: { n: 2 } });
    await log.until(({ message }) => message.startsWith("Executed (Succeeded"));

    await sleep(100);
    expect(await client.createReceiver("batch").peekMessages(10)).toEqual([]);
  });

  it("abandons the whole batch after a failure, which is then delivered again", async () => {
    await send("batch", { body: { n: 1, failUntil: 1 } }, { body: { n: 2 } });

    const { log } = await startHostFor(["batch"]);
    await log.until(({ message }) => message.startsWith("Executed (Succeeded"));

    const counts = log.said("batch").flatMap((said) => {
      const { metadata } = said as { metadata?: { deliveryCountArray: number[] } };
      return metadata ? [metadata.deliveryCountArray] : [];
    });
    expect(counts).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  const atLeastTwo = (wait: string): Record<string, string> => ({
    AzureFunctionsJobHost__extensions__serviceBus__minMessageBatchSize: "2",
    AzureFunctionsJobHost__extensions__serviceBus__maxBatchWaitTime: wait,
  });

  it("waits for minMessageBatchSize messages", async () => {
    const { log } = await startHostFor(["batch"], atLeastTwo("00:00:05"));

    await send("batch", { body: 1 });
    await sleep(400);
    await send("batch", { body: 2 });
    const entry = await log.until(({ message }) => message.startsWith('{"got"'));

    expect(JSON.parse(entry.message).got).toEqual([1, 2]);
  });

  it("waits no longer than maxBatchWaitTime for them", async () => {
    const { log } = await startHostFor(["batch"], atLeastTwo("00:00:00.500"));

    await send("batch", { body: 1 });
    const started = Date.now();
    await log.until(({ message }) => message === '{"done":[1]}');

    expect(Date.now() - started).toBeGreaterThan(400);
    expect(Date.now() - started).toBeLessThan(2_000);
  });

  it("keeps one session until it is idle, then takes the next", async () => {
    await send("lane-batch", { sessionId: "a", body: 1 }, { sessionId: "b", body: 3 }, { sessionId: "a", body: 2 });

    const { log } = await startHostFor(["laneBatch"]);
    await log.until(({ message }) => message.startsWith('{"done":[3]'));

    const got = log.said("laneBatch").flatMap((said) => (said as { got?: unknown }).got ?? []);
    expect(got).toEqual([1, 2, 3]);
  });
});

describe("a Service Bus output", () => {
  const receive = async (count: number): Promise<unknown[]> => {
    const receiver = client.createReceiver("second", { skipParsingBodyAsJson: true });
    const messages = await receiver.receiveMessages(count, { maxWaitTimeInMs: 700 });
    return messages.map(({ body }) => String(body));
  };
  const post = async (url: string, wish: unknown): Promise<number> => {
    const response = await fetch(`${url}/api/send`, { method: "POST", body: JSON.stringify(wish) });
    return response.status;
  };

  it.each([
    ["text as it is", "plain text", ["plain text"]],
    ["an object as JSON", { a: 1 }, ['{"a":1}']],
    ["an array as one message for each element", ["x", { a: 1 }, 3], ["x", '{"a":1}', "3"]],
  ])("sends %s", async (_, value, expected) => {
    const { url } = await startHostFor([]);

    const status = await post(url, { value });

    expect(status).toBe(202);
    expect(await receive(expected.length)).toEqual(expected);
  });

  it("sends nothing when the function fails", async () => {
    const { url } = await startHostFor([]);

    const status = await post(url, { value: "never", fail: true });

    expect(status).toBe(500);
    expect(await receive(1)).toEqual([]);
  });

  it("fails the run when it cannot be sent", async () => {
    const { url, log } = await startHostFor([]);

    const response = await fetch(`${url}/api/sendToNowhere`);

    expect(response.status).toBe(500);
    expect(
      log.entries.some(({ message }) => message.startsWith("Executed (Failed") && message.includes("not-there")),
    ).toBe(true);
  });

  it("sends what a Service Bus function returns", async () => {
    await startHostFor(["relay"]);

    await send("relay", { body: { r: 1 } });

    expect(await receive(2)).toEqual(['{"r":1}', '{"relayed":{"r":1}}']);
  });
});
