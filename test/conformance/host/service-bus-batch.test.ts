// Service Bus triggers of cardinality many, over real sockets with the unmodified client on both sides
// (facts/azure-local.md §2).
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { gotBy, useBusWorld } from "./bus-world.js";

const world = useBusWorld();

describe("a Service Bus trigger with cardinality many", () => {
  it("gets waiting messages as one array, and arrays of metadata with Long sequence numbers", async () => {
    await world.send(
      "batch",
      { body: { n: 1 }, messageId: "m1" },
      { body: { n: 2 }, messageId: "m2" },
      { body: Buffer.from("") },
    );

    const { log } = await world.startHost(["batch"]);
    const entry = await log.until(({ message }) => message.startsWith('{"got"'));

    const { got, metadata } = JSON.parse(entry.message);
    expect(got).toEqual([{ n: 1 }, { n: 2 }]);
    expect(metadata.messageIdArray.slice(0, 2)).toEqual(["m1", "m2"]);
    expect(metadata.sequenceNumberArray[0]).toEqual({ low: 1, high: 0, unsigned: false });
    expect(metadata.deliveryCountArray).toEqual([1, 1, 1]);
    expect(metadata).not.toHaveProperty("messageId");
  });

  it("completes the whole batch after success", async () => {
    const { log } = await world.startHost(["batch"]);

    await world.send("batch", { body: { n: 1 } }, { body: { n: 2 } });
    await log.until(({ message }) => message.startsWith("Executed (Succeeded"));

    await sleep(100);
    expect(await world.client.createReceiver("batch").peekMessages(10)).toEqual([]);
  });

  it("abandons the whole batch after a failure, which is then delivered again", async () => {
    await world.send("batch", { body: { n: 1, failUntil: 1 } }, { body: { n: 2 } });

    const { log } = await world.startHost(["batch"]);
    await log.until(({ message }) => message.startsWith("Executed (Succeeded"));

    const counts = gotBy(log, "batch").map(({ metadata }) => metadata.deliveryCountArray);
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
    const { log } = await world.startHost(["batch"], atLeastTwo("00:00:05"));

    await world.send("batch", { body: 1 });
    await sleep(400);
    await world.send("batch", { body: 2 });
    const entry = await log.until(({ message }) => message.startsWith('{"got"'));

    expect(JSON.parse(entry.message).got).toEqual([1, 2]);
  });

  it("waits no longer than maxBatchWaitTime for them", async () => {
    const { log } = await world.startHost(["batch"], atLeastTwo("00:00:00.500"));

    await world.send("batch", { body: 1 });
    const started = Date.now();
    await log.until(({ message }) => message === '{"done":[1]}');

    expect(Date.now() - started).toBeGreaterThan(400);
    expect(Date.now() - started).toBeLessThan(2_000);
  });

  it("keeps one session until it is idle, then takes the next", async () => {
    await world.send(
      "lane-batch",
      { sessionId: "a", body: 1 },
      { sessionId: "b", body: 3 },
      { sessionId: "a", body: 2 },
    );

    const { log } = await world.startHost(["laneBatch"]);
    await log.until(({ message }) => message.startsWith('{"done":[3]'));

    const got = gotBy<number[]>(log, "laneBatch").flatMap(({ got }) => got);
    expect(got).toEqual([1, 2, 3]);
  });
});
