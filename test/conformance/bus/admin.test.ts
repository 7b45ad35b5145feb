import { ServiceBusAdministrationClient } from "@azure/service-bus";
import { describe, expect, it, onTestFinished } from "vitest";
import { startAdmin } from "../../../infra/local/bus/admin/admin-server.js";
import type { QueueSettings } from "../../../infra/local/bus/core/queue-options.js";
import { startBusProcess } from "./process.js";
import { errorCode, only, openBus } from "./support.js";

const openAdmin = async (queues: QueueSettings[]) => {
  const bus = await openBus(queues);
  const admin = await startAdmin(bus.broker, 0);
  onTestFinished(() => admin.close());
  const url = `http://127.0.0.1:${admin.port}`;
  return {
    ...bus,
    url,
    get: async (path: string) => (await fetch(`${url}${path}`)).json(),
    post: (path: string, body: string) => fetch(`${url}${path}`, { method: "POST", body }),
  };
};

describe("GET /_sim/state (design.md §9)", () => {
  it("counts messages by state, locks, sessions and what happened", async () => {
    const { client, send, clock, get } = await openAdmin([{ name: "q" }, { name: "s", requiresSession: true }]);
    await send("q", { body: 1 }, { body: 2 }, { body: 3 }, { body: 4 }, { body: 5 });
    await client.createSender("q").scheduleMessages({ body: 6 }, new Date(clock.now() + 1000));
    const receiver = client.createReceiver("q");
    const [a, b, c] = await receiver.receiveMessages(4);
    if (a === undefined || b === undefined || c === undefined) throw new Error("something is missing");
    await receiver.completeMessage(a);
    await receiver.deferMessage(b);
    await receiver.deadLetterMessage(c);
    await client.acceptSession("s", "A");

    const state = await get("/_sim/state/queues");

    expect(state).toMatchObject([
      {
        name: "q",
        active: 2,
        scheduled: 1,
        deferred: 1,
        deadLetter: 1,
        locked: 1,
        total: { enqueued: 6, delivered: 4, completed: 1, abandoned: 0, deferred: 1, deadLettered: 1, lockLosses: 0 },
      },
      { name: "s", sessions: 1, sessionsLocked: 1 },
    ]);
  });

  it("lists messages without their bodies, dead-lettered ones on request", async () => {
    const { client, send, get } = await openAdmin([{ name: "q" }]);
    await send("q", { body: "secret-1", messageId: "a", sessionId: "x" }, { body: "secret-2", messageId: "b" });
    const receiver = client.createReceiver("q");
    await receiver.deadLetterMessage(only(await receiver.receiveMessages(1)), {
      deadLetterReason: "r",
      deadLetterErrorDescription: "d",
    });

    const live = await get("/_sim/state/messages?queue=q");
    const dead = await get("/_sim/state/messages?queue=q&dead=1");

    expect(live).toMatchObject([
      { messageId: "b", sequenceNumber: 2, deliveryCount: 0, state: "active", locked: false },
    ]);
    expect(dead).toMatchObject([{ messageId: "a", sessionId: "x", deadLetter: { reason: "r", source: "q" } }]);
    expect(JSON.stringify([live, dead])).not.toContain("secret");
  });

  it.each([
    ["/_sim/state/messages?queue=nowhere", 400, "nowhere"],
    ["/_sim/state/orders", 404, "orders"],
    ["/_sim/nothing", 404, "/_sim/faults"],
  ])("answers %s with %i and a reason", async (path, status, reason) => {
    const { url } = await openAdmin([{ name: "q" }]);

    const response = await fetch(`${url}${path}`);

    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: expect.stringContaining(reason) });
  });
});

describe("POST /_sim (design.md §9)", () => {
  it("adds faults, shows what they struck, and takes away one or all", async () => {
    const { url, get, post, send } = await openAdmin([{ name: "q" }]);
    const remove = async (path: string) => (await fetch(`${url}${path}`, { method: "DELETE" })).json();

    const added = await post("/_sim/faults", '[{"on":"send q","delayMs":0},{"on":"settle *","reset":"before"}]');
    await send("q", { body: 1 });

    expect(added.status).toBe(201);
    const { ids } = (await added.json()) as { ids: string[] };
    expect(await get("/_sim/faults")).toMatchObject([
      { id: ids[0], on: "send q", delayMs: 0, seen: 1, struck: 1 },
      { id: ids[1], on: "settle *", seen: 0, struck: 0 },
    ]);
    expect(await remove(`/_sim/faults/${ids[0]}`)).toEqual({ removed: 1 });
    expect(await get("/_sim/faults")).toMatchObject([{ id: ids[1] }]);
    expect(await remove("/_sim/faults")).toEqual({ removed: 1 });
    expect(await get("/_sim/faults")).toEqual([]);
  });

  it.each([
    ['{"on":"deliver q","answer":{"condition":"amqp:not-allowed"}}', "answer: a delivery"],
    ['{"on":"nowhere q","lost":true}', "on: must read"],
    ['{"on":"send","lost":true}', "on: must read"],
    ['{"on":"send q"}', "answer: a fault needs one of"],
    ['{"on":"send q","lost":true,"tmies":2}', "tmies"],
    ['{"on":"send q","lost":true,"times":0}', "times"],
    ['{"on":"send q","lost":true,"reset":"before"}', "lost"],
    ['{"on":"send q","reset":"mid-body"}', "reset"],
    ['{"on":"send q","answer":{"status":503}}', "answer.condition"],
    ['{"on":"settle q","lockLost":true}', "lockLost: only on"],
    ['[{"on":"send q","lost":true},{"on":"send q","rate":2,"lost":true}]', "[1].rate"],
    ["not json", "JSON"],
  ])("answers 400 for %s and says why", async (body, reason) => {
    const { post, broker } = await openAdmin([{ name: "q" }]);

    const response = await post("/_sim/faults", body);

    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: string }).error).toContain(reason);
    expect(broker.faults.list()).toEqual([]);
  });

  it("resets: queues, sessions, duplicates, faults, latency and log are empty, and connected clients go on", async () => {
    const { client, broker, get, post, send } = await openAdmin([{ name: "q", duplicateDetectionWindowMs: 60_000 }]);
    await send("q", { body: 1, messageId: "m" });
    await client.createReceiver("q").receiveMessages(1);
    broker.faults.add({ on: "send q", answer: { condition: "amqp:not-allowed" } });
    broker.latency.set({ "send q": 60_000 });

    await post("/_sim/reset", "");
    const afterReset = await get("/_sim/requests");
    await send("q", { body: 2, messageId: "m" });

    expect(afterReset).toEqual({ total: 0, counts: {}, requests: [] });
    expect(broker.queues()[0]?.main.size).toBe(1);
    expect(broker.queues()[0]?.main.lockedCount).toBe(0);
    expect(broker.faults.list()).toEqual([]);
    expect(await get("/_sim/latency")).toEqual({ latency: 0 });
  });

  it("does not let a scheduled message of before a reset appear after it", async () => {
    const { client, broker, clock, post } = await openAdmin([{ name: "q" }]);
    await client.createSender("q").scheduleMessages({ body: 1 }, new Date(clock.now() + 1000));

    await post("/_sim/reset", "");
    clock.advance(2000);

    expect(broker.queues()[0]?.main.size).toBe(0);
  });
});

describe("the administration client (facts/azure-local.md §1, ServiceBusAdministrationClient)", () => {
  const administer = async (queues: QueueSettings[]) => {
    const bus = await openAdmin(queues);
    const { port } = new URL(bus.url);
    const client = new ServiceBusAdministrationClient(
      `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=x;SharedAccessKey=y;UseDevelopmentEmulator=true;`,
    );
    // The client insists on https; the facts name this policy as the way around it.
    client.pipeline.addPolicy({
      name: "plain-http",
      sendRequest(request, next) {
        request.url = request.url.replace(/^https:/, "http:");
        request.allowInsecureConnection = true;
        return next(request);
      },
    });
    return { ...bus, administration: client };
  };

  it("gets the counts of a queue", async () => {
    const { administration, client, send, clock } = await administer([{ name: "q" }]);
    await send("q", { body: 1 }, { body: 2 }, { body: 3 });
    await client.createSender("q").scheduleMessages({ body: 4 }, new Date(clock.now() + 1000));
    const receiver = client.createReceiver("q");
    await receiver.deadLetterMessage(only(await receiver.receiveMessages(1)));

    const counts = await administration.getQueueRuntimeProperties("q");

    expect(counts).toMatchObject({
      name: "q",
      activeMessageCount: 2,
      deadLetterMessageCount: 1,
      scheduledMessageCount: 1,
      totalMessageCount: 4,
    });
    expect(counts.sizeInBytes).toBeGreaterThan(0);
  });

  it("gets the settings of a queue", async () => {
    const { administration } = await administer([
      {
        name: "s",
        requiresSession: true,
        lockDurationMs: 90_000,
        maxDeliveryCount: 7,
        defaultTtlMs: 3_600_000,
        deadLetteringOnMessageExpiration: true,
      },
    ]);

    const queue = await administration.getQueue("s");

    expect(queue).toMatchObject({
      name: "s",
      requiresSession: true,
      requiresDuplicateDetection: false,
      lockDuration: "PT90S",
      maxDeliveryCount: 7,
      defaultMessageTimeToLive: "PT3600S",
      deadLetteringOnMessageExpiration: true,
    });
  });

  it("lists the queues", async () => {
    const { administration } = await administer([{ name: "a" }, { name: "b" }, { name: "c" }]);
    const names: string[] = [];

    for await (const queue of administration.listQueues()) names.push(queue.name);

    expect(names).toEqual(["a", "b", "c"]);
  });

  it("finds out whether a queue exists", async () => {
    const { administration } = await administer([{ name: "q" }]);

    expect([await administration.queueExists("q"), await administration.queueExists("nowhere")]).toEqual([true, false]);
  });

  it("is refused with 501 when it wants to create or delete", async () => {
    const { administration, broker } = await administer([{ name: "q" }]);

    const failures = [
      await administration.createQueue("new").catch((error) => error.statusCode),
      await administration.deleteQueue("q").catch((error) => error.statusCode),
    ];

    expect(failures).toEqual([501, 501]);
    expect(broker.queues().length).toBe(1);
  });
});

describe("the broker as a process (issue 3: a stranger starts one stand-in alone)", () => {
  it("serves AMQP and HTTP on free ports", async () => {
    const bus = await startBusProcess([{ name: "q" }]);
    await bus.connect().createSender("q").sendMessages({ body: 1 });

    const state = await (await fetch(`${bus.adminUrl}/_sim/state/queues`)).json();

    expect(state).toMatchObject([{ name: "q", active: 1 }]);
    expect(await errorCode(bus.connect().createSender("q").sendMessages({ body: 2 }))).toBe("none");
  });

  it.each([
    [[{ name: "q", lockDurationMs: 600_000 }], "lockDurationMs"],
    [[{ name: "q" }, { name: "Q" }], "listed twice"],
    [[{ name: "q", maxDeliveriesCount: 3 } as QueueSettings], "maxDeliveriesCount"],
  ])("does not start with %j, and says what is wrong", async (queues, reason) => {
    await expect(startBusProcess(queues)).rejects.toThrow(reason);
  });
});
