// Service Bus triggers with sessions, over real sockets with the unmodified client on both sides
// (facts/azure-local.md §2).
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { gotBy, untilDone, useBusWorld } from "./bus-world.js";

const world = useBusWorld();

describe("a Service Bus trigger with sessions", () => {
  it("runs the messages of a session one after the other, in order", async () => {
    const { log } = await world.startHost(["lane"]);

    await world.send(
      "lanes",
      ...[1, 2, 3, 4, 5].map((n) => ({ sessionId: "a", body: { n, sleepMs: n === 1 ? 200 : 0 } })),
    );
    await untilDone(log, "lane", { n: 5, sleepMs: 0 });

    const order = log.said("lane").map((said) => Object.entries(said as Record<string, { n: number }>)[0]);
    expect(order.map((entry) => `${entry?.[0]} ${entry?.[1].n}`)).toEqual(
      [1, 2, 3, 4, 5].flatMap((n) => [`got ${n}`, `done ${n}`]),
    );
  });

  it("keeps the order of a session when a message fails and is delivered again", async () => {
    const { log } = await world.startHost(["lane"]);

    await world.send("lanes", { sessionId: "a", body: { n: 1, failUntil: 2 } }, { sessionId: "a", body: { n: 2 } });
    await untilDone(log, "lane", { n: 2 });

    const got = gotBy<{ n: number }>(log, "lane").map(({ got }) => got.n);
    expect(got).toEqual([1, 1, 1, 2]);
  });

  it("dead-letters a message that fails maxDeliveryCount times and goes on with the next of its session", async () => {
    const { log } = await world.startHost(["lane"]);

    await world.send("lanes", { sessionId: "a", body: { failUntil: 99 } }, { sessionId: "a", body: { n: 2 } });
    await untilDone(log, "lane", { n: 2 });

    const [dead] = await world.client
      .createReceiver("lanes", { subQueueType: "deadLetter" })
      .receiveMessages(1, { maxWaitTimeInMs: 3_000 });
    expect(dead?.sessionId).toBe("a");
    expect(dead?.deadLetterReason).toBe("MaxDeliveryCountExceeded");
  });

  it("works up to maxConcurrentSessions sessions at once and takes the rest when one is idle", async () => {
    const { log } = await world.startHost(["lane"]);

    const sessions = ["a", "b", "c", "d", "e", "f"];
    await world.send("lanes", ...sessions.map((sessionId) => ({ sessionId, body: { sessionId, sleepMs: 400 } })));
    await Promise.all(sessions.map((sessionId) => untilDone(log, "lane", { sessionId, sleepMs: 400 })));

    const firstEnd = log.entries.findIndex(({ message }) => message.startsWith("Executed"));
    const begun = log.entries.slice(0, firstEnd).filter(({ message }) => message.startsWith("Executing"));
    expect(begun).toHaveLength(4);
  });

  it("runs maxConcurrentCallsPerSession messages of one session at once where host.json says so", async () => {
    const { log } = await world.startHost(["lane"], {
      AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentCallsPerSession: "2",
    });

    await world.send("lanes", ...[1, 2].map((n) => ({ sessionId: "a", body: { n, sleepMs: 200 } })));
    await untilDone(log, "lane", { n: 2, sleepMs: 200 });

    const order = log.said("lane").map((said) => Object.keys(said as object)[0]);
    expect(order.slice(0, 2)).toEqual(["got", "got"]);
  });

  it("gives an idle session back, so that someone else can take it", async () => {
    const { log } = await world.startHost(["lane"]);

    await world.send("lanes", { sessionId: "a", body: { n: 1 } });
    await untilDone(log, "lane", { n: 1 });
    await sleep(700);
    const receiver = await world.client.acceptSession("lanes", "a");

    expect(receiver.sessionId).toBe("a");
  });

  it("keeps a session whose function runs longer than the session lock lasts", async () => {
    const { log } = await world.startHost(["lane"]);

    await world.send("lanes", { sessionId: "a", body: { n: 1, sleepMs: 1_800 } }, { sessionId: "a", body: { n: 2 } });
    await untilDone(log, "lane", { n: 2 });

    const got = gotBy<{ n: number }>(log, "lane").map(({ got }) => got.n);
    expect(got).toEqual([1, 2]);
  });

  it("picks up a session that begins long after the host started to wait", async () => {
    const { log } = await world.startHost(["lane"]);
    await sleep(2_500);

    await world.send("lanes", { sessionId: "late", body: { n: 1 } });
    const started = Date.now();
    await untilDone(log, "lane", { n: 1 });

    expect(Date.now() - started).toBeLessThan(1_500);
  });

  it("gives its sessions back without a raised delivery count when the host closes", async () => {
    const { log } = await world.startHost(["lane"]);
    await world.send("lanes", ...[1, 2, 3].map((n) => ({ sessionId: "a", body: { n, sleepMs: 400 } })));
    await log.until(({ message }) => message.startsWith('{"got"'));

    await world.stopHost();
    const receiver = await world.client.acceptSession("lanes", "a");
    const rest = await receiver.receiveMessages(3, { maxWaitTimeInMs: 1_000 });

    const ended = log.entries.filter(({ message }) => message.startsWith("Executed (Succeeded"));
    expect(ended).toHaveLength(1);
    expect(rest.map(({ body, deliveryCount }) => ({ n: body.n, deliveryCount }))).toEqual([
      { n: 2, deliveryCount: 0 },
      { n: 3, deliveryCount: 0 },
    ]);
  });
});
