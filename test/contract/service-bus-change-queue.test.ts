import { connect, createServer, type Server, type Socket } from "node:net";
import type { ServiceBusClient } from "@azure/service-bus";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Broker, localConnectionString } from "../../infra/local/bus/broker.js";
import { makeServiceBusQueueWatch } from "../../shared/messaging/queue-watch.js";
import { makeServiceBusClient } from "../../shared/messaging/service-bus-client.js";
import { makeServiceBusChangeQueue, type ServiceBusChangeQueue } from "../../shared/messaging/service-bus-queue.js";
import { messageIdOf } from "../../shared/model/envelope.js";
import { laneOf } from "../../shared/model/lane.js";
import { startTestBroker } from "../support/bus.js";
import { depthOf } from "../support/depth-of.js";
import { realClock } from "../support/real-clock.js";
import { anEnvelope, recordId } from "../support/samples.js";
import { describeChangeQueue } from "./change-queue.contract.js";

const lanes = 4;
let broker: Broker;
let client: ServiceBusClient;
/** Nobody else may peek through it. */
let watching: ServiceBusClient;
let queue: ServiceBusChangeQueue;

function makeQueue(of: ServiceBusClient, timeoutMs = 8_000, name = "changes"): ServiceBusChangeQueue {
  return makeServiceBusChangeQueue({ client: of, queue: name, lanes, clock: realClock, timeoutMs });
}

// A broker of its own for every test: emptying one drops its connections, and what comes next would test recovery.
beforeEach(async () => {
  broker = await startTestBroker();
  client = makeServiceBusClient({ connectionString: broker.connectionString });
  queue = makeQueue(client);
  watching = makeServiceBusClient({ connectionString: broker.connectionString });
});
afterEach(async () => {
  await watching.close();
  await queue.close();
  await client.close();
  await broker.close();
});

/** Takes and completes what is visible in the lane, as the host would. */
async function drain(lane: string): Promise<unknown[]> {
  const receiver = await client.acceptSession("changes", lane);
  const bodies: unknown[] = [];
  try {
    for (;;) {
      const messages = await receiver.receiveMessages(100, { maxWaitTimeInMs: 150 });
      if (messages.length === 0) return bodies;
      for (const message of messages) {
        bodies.push(message.body);
        await receiver.completeMessage(message);
      }
    }
  } finally {
    await receiver.close();
  }
}

/** As the host does with a message whose run failed. */
async function giveBack(lane: string): Promise<void> {
  const receiver = await client.acceptSession("changes", lane);
  const [message] = await receiver.receiveMessages(1);
  if (message) await receiver.abandonMessage(message);
  await receiver.close();
}

describeChangeQueue("over the SDK", async () => ({
  ...{ queue, lanes, drain, giveBack },
  now: realClock.now,
  pass: realClock.sleep,
  watch: makeServiceBusQueueWatch({ client: watching, queue: "changes", clock: realClock, timeoutMs: 8_000 }),
}));

describe("ChangeQueue over the SDK, on the wire", () => {
  it("sends JSON with the lane as session, an id for duplicate detection and lower-camel properties", async () => {
    await queue.send([anEnvelope()]);

    const other = makeServiceBusClient({ connectionString: broker.connectionString });
    const [message] = await other.createReceiver("changes").peekMessages(1);
    await other.close();
    expect(message).toMatchObject({
      sessionId: laneOf("contact", recordId(1), lanes),
      messageId: messageIdOf(anEnvelope()),
      contentType: "application/json",
      correlationId: "correlation-1",
      applicationProperties: { table: "contact", cause: "notice" },
    });
  });

  it("sends and counts again after the connection broke", async () => {
    await queue.send([anEnvelope({ id: recordId(1) })]);
    broker.dropConnections();

    await queue.send([anEnvelope({ id: recordId(2) })]);

    expect(await depthOf(queue, 10)).toBe(2);
  });

  it("sends again after its sender was closed", async () => {
    const senders: { close(): Promise<void> }[] = [];
    const watched: ServiceBusClient = Object.create(client, {
      createSender: {
        value: (name: string) => {
          const sender = client.createSender(name);
          senders.push(sender);
          return sender;
        },
      },
    });
    const own = makeQueue(watched);
    await own.send([anEnvelope({ id: recordId(1) })]);
    await own.send([anEnvelope({ id: recordId(2) })]);
    await senders[0]?.close();

    await own.send([anEnvelope({ id: recordId(3) })]);

    expect(senders).toHaveLength(2);
    expect(await depthOf(queue, 10)).toBe(3);
    await own.close();
  });

  it("puts no message on the queue twice when the answer to a send was lost, whoever sends it again", async () => {
    broker.faults.add({ on: "send *", times: 2, lost: true });
    const hasty = makeQueue(client, 500);

    await expect(hasty.send([anEnvelope()])).rejects.toMatchObject({ kind: "unavailable", maybeApplied: true });
    await hasty.send([anEnvelope()]);

    expect(await depthOf(queue, 10)).toBe(1);
  });

  it("starts no further lane after one failed", async () => {
    const wide = makeServiceBusChangeQueue({ client, queue: "changes", lanes: 64, clock: realClock, timeoutMs: 8_000 });
    broker.faults.add([
      { on: "send *", times: 1, answer: { condition: "amqp:not-allowed" } },
      { on: "send *", after: 1, delayMs: 300 },
    ]);
    const sent = Array.from({ length: 200 }, (_, n) => anEnvelope({ id: recordId(n) }));

    await expect(wide.send(sent)).rejects.toMatchObject({ kind: "unavailable" });
    await realClock.sleep(1_000);

    expect(await depthOf(queue, 1_000)).toBeLessThan(60);
  });

  it("sends again by itself when the bus was busy for a moment", async () => {
    broker.faults.add({ on: "send *", times: 1, answer: { condition: "com.microsoft:server-busy" } });

    await queue.send([anEnvelope()]);

    expect(await depthOf(queue, 10)).toBe(1);
  });

  it("says auth when the bus does not accept us", async () => {
    broker.faults.add({ on: "authorize *", answer: { condition: "amqp:unauthorized-access" } });
    const stranger = makeServiceBusClient({ connectionString: broker.connectionString });
    const own = makeQueue(stranger);

    await expect(own.send([anEnvelope()])).rejects.toMatchObject({
      kind: "auth",
      context: { code: "UnauthorizedAccess" },
    });

    broker.faults.remove();
    await stranger.close();
  });

  it("says unavailable, with the code, when the queue does not exist", async () => {
    const own = makeQueue(client, 8_000, "no-such-queue");

    await expect(own.send([anEnvelope()])).rejects.toMatchObject({
      kind: "unavailable",
      context: { code: "MessagingEntityNotFound", queue: "no-such-queue" },
    });
  });

  it("says unavailable at once after the client was closed", async () => {
    const gone = makeServiceBusClient({ connectionString: broker.connectionString });
    const own = makeQueue(gone);
    await own.send([anEnvelope()]);
    await gone.close();

    await expect(own.send([anEnvelope()])).rejects.toMatchObject({ kind: "unavailable" });
  });
});

describe("a bus that cannot be reached", () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  /** A port that passes everything to the broker, or, while `hole` is set, takes connections and never answers. */
  async function gateway(): Promise<{ port: number; setHole(on: boolean): void }> {
    let hole = false;
    const sockets = new Set<Socket>();
    const server: Server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      if (hole) return;
      const inner = connect(broker.port, "127.0.0.1");
      sockets.add(inner);
      inner.on("error", () => socket.destroy());
      socket.on("close", () => inner.destroy());
      inner.on("close", () => socket.destroy());
      socket.pipe(inner).pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return {
      port: typeof address === "object" && address ? address.port : 0,
      setHole(on) {
        hole = on;
        if (!on) for (const socket of sockets) socket.destroy();
      },
    };
  }

  function queueAt(port: number, timeoutMs: number): ServiceBusChangeQueue {
    const own = makeServiceBusClient({ connectionString: localConnectionString(port) });
    closing.push(() => own.close());
    return makeQueue(own, timeoutMs);
  }

  it("fails every call within two seconds when nothing listens there", async () => {
    const own = queueAt(1, 8_000);

    const started = Date.now();
    const unreachable = { kind: "unavailable", maybeApplied: false, context: { code: "ECONNREFUSED" } };
    await expect(own.send([anEnvelope()])).rejects.toMatchObject(unreachable);
    await expect(own.schedule(anEnvelope(), realClock.now())).rejects.toMatchObject(unreachable);
    await expect(depthOf(own, 10)).rejects.toMatchObject({ kind: "unavailable" });

    expect(Date.now() - started).toBeLessThan(2_000);
  });

  it("fails every call at its time-out when the connection is accepted and never answered", async () => {
    const door = await gateway();
    door.setHole(true);
    const own = queueAt(door.port, 400);

    for (const call of [
      () => own.send([anEnvelope()]),
      () => own.schedule(anEnvelope(), realClock.now()),
      () => depthOf(own, 10),
    ]) {
      const started = Date.now();
      await expect(call()).rejects.toMatchObject({ kind: "unavailable", context: { code: "ETIMEDOUT" } });
      expect(Date.now() - started).toBeLessThan(1_000);
    }
  });

  it("is used again by the same client once it can be reached, after refused and after unanswered connections", async () => {
    const door = await gateway();
    const own = queueAt(door.port, 1_500);
    await own.send([anEnvelope({ id: recordId(1) })]);

    door.setHole(true);
    broker.dropConnections();
    await expect(own.send([anEnvelope({ id: recordId(2) })])).rejects.toMatchObject({ kind: "unavailable" });
    door.setHole(false);

    await untilDone(() => own.send([anEnvelope({ id: recordId(2) })]), 15_000);
    expect(await depthOf(own, 10)).toBe(2);
  });

  it("is used by a client that first met it unanswering", async () => {
    const door = await gateway();
    door.setHole(true);
    const own = queueAt(door.port, 400);
    await expect(own.send([anEnvelope()])).rejects.toMatchObject({ kind: "unavailable" });
    door.setHole(false);

    await untilDone(() => own.send([anEnvelope()]), 15_000);

    expect(await depthOf(queue, 10)).toBe(1);
  });

  it("is used by a client that first met it closed", async () => {
    const { port } = await startTestBroker().then(async (started) => {
      await started.close();
      return started;
    });
    const own = queueAt(port, 2_000);
    await expect(own.send([anEnvelope()])).rejects.toMatchObject({ kind: "unavailable" });
    const late = await startTestBroker(port);
    closing.unshift(() => late.close());

    await untilDone(() => own.send([anEnvelope()]), 15_000);

    expect(await depthOf(own, 10)).toBe(1);
  });
});

/** Repeats as a caller would, until it goes through; fails with the last error after `longestMs`. */
async function untilDone(work: () => Promise<void>, longestMs: number): Promise<void> {
  const end = Date.now() + longestMs;
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await realClock.sleep(100);
    }
  }
}
