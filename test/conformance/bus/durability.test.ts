import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import type { QueueSettings } from "../../../infra/local/bus/core/queue-options.js";
import { startBusProcess, temporaryDirectory } from "./process.js";
import { bodies, noRenewal, only, openBus } from "./support.js";

// Design §9: any process can be killed and started again while the others live. Here the broker with --data.

const drain = async (receiver: {
  receiveMessages(count: number, options: { maxWaitTimeInMs: number }): Promise<ServiceBusReceivedMessage[]>;
}): Promise<ServiceBusReceivedMessage[]> => {
  const all: ServiceBusReceivedMessage[] = [];
  for (;;) {
    const some = await receiver.receiveMessages(100, { maxWaitTimeInMs: 200 });
    if (some.length === 0) return all;
    all.push(...some);
  }
};

const restartable = (queues: QueueSettings[]) => {
  const data = temporaryDirectory();
  return { data, start: () => startBusProcess(queues, ["--data", data]) };
};

describe("a broker killed with SIGKILL and started again on its data (design.md §9)", () => {
  it("has every message it acknowledged and none that was completed, in the middle of traffic", async () => {
    const { start } = restartable([{ name: "q", lockDurationMs: 1000, maxDeliveryCount: 100 }]);
    const first = await start();
    const client = first.connect();
    const sender = client.createSender("q");
    const receiver = client.createReceiver("q", noRenewal);
    const acknowledged = new Set<number>();
    const completing = new Set<number>();
    const completed = new Set<number>();
    const sending = (async () => {
      for (let body = 0; ; body++) {
        await sender.sendMessages({ body });
        acknowledged.add(body);
      }
    })().catch(() => {});
    const receiving = (async () => {
      for (;;) {
        for (const message of await receiver.receiveMessages(3, { maxWaitTimeInMs: 50 })) {
          completing.add(message.body);
          await receiver.completeMessage(message);
          completed.add(message.body);
        }
      }
    })().catch(() => {});
    while (completed.size < 50) await new Promise((resolve) => setTimeout(resolve, 10));

    await first.kill();
    await Promise.race([Promise.all([sending, receiving]), new Promise((resolve) => setTimeout(resolve, 200))]);
    const second = await start();
    const left = bodies(
      await drain(second.connect().createReceiver("q", { receiveMode: "receiveAndDelete" })),
    ) as number[];

    // A completion without an answer may have been applied or not; everything else is certain.
    const lost = [...acknowledged].filter((body) => !completing.has(body) && !left.includes(body));
    const back = left.filter((body) => completed.has(body));
    expect(lost).toEqual([]);
    expect(back).toEqual([]);
    expect(new Set(left).size).toBe(left.length);
  });

  it("keeps order, ids, times, counts, sessions and their state", async () => {
    const { start } = restartable([{ name: "s", requiresSession: true }]);
    const first = await start();
    const client = first.connect();
    await client.createSender("s").sendMessages([
      { body: 1, sessionId: "A", messageId: "m1", applicationProperties: { p: 1.5 }, timeToLive: 3_600_000 },
      { body: 2, sessionId: "A", messageId: "m2" },
    ]);
    const session = await client.acceptSession("s", "A");
    const sent = only(await session.receiveMessages(1));
    await session.abandonMessage(sent, { added: true });
    await session.setSessionState({ step: 1 });
    await session.close();

    await first.kill();
    const second = await start();
    const again = await second.connect().acceptNextSession("s");
    const received = await again.receiveMessages(2);

    expect(await again.getSessionState()).toEqual({ step: 1 });
    expect(received.map(({ body, messageId, deliveryCount }) => [body, messageId, deliveryCount])).toEqual([
      [1, "m1", 1],
      [2, "m2", 0],
    ]);
    expect(received[0]?.applicationProperties).toEqual({ p: 1.5, added: true });
    expect(received[0]?.enqueuedTimeUtc).toEqual(sent.enqueuedTimeUtc);
    expect(received[0]?.sequenceNumber).toEqual(sent.sequenceNumber);
    expect(received[0]?.timeToLive).toBe(3_600_000);
  });

  it("frees what was locked as after a lost lock: it counts, up to the dead-letter queue", async () => {
    const { start } = restartable([{ name: "q", maxDeliveryCount: 2 }]);
    const first = await start();
    const client = first.connect();
    await client.createSender("q").sendMessages([{ body: "fresh" }, { body: "once failed" }]);
    const receiver = client.createReceiver("q");
    const [, second] = await receiver.receiveMessages(2);
    if (second !== undefined) await receiver.abandonMessage(second);
    await receiver.receiveMessages(1);

    await first.kill();
    const again = (await start()).connect();

    const back = only(await again.createReceiver("q").receiveMessages(5, { maxWaitTimeInMs: 300 }));
    const dead = only(await again.createReceiver("q", { subQueueType: "deadLetter" }).receiveMessages(1));
    expect(back).toMatchObject({ body: "fresh", deliveryCount: 1 });
    expect(dead).toMatchObject({ body: "once failed", deadLetterReason: "MaxDeliveryCountExceeded" });
  });

  it("keeps deferred, scheduled and dead-lettered messages where they were", async () => {
    const { start } = restartable([{ name: "q" }]);
    const first = await start();
    const client = first.connect();
    const sender = client.createSender("q");
    await sender.sendMessages([{ body: "deferred" }, { body: "dead" }]);
    const [number] = await sender.scheduleMessages({ body: "scheduled" }, new Date(Date.now() + 1500));
    const receiver = client.createReceiver("q");
    const [deferred, dead] = await receiver.receiveMessages(2);
    if (deferred === undefined || dead === undefined || number === undefined) throw new Error("something is missing");
    await receiver.deferMessage(deferred);
    await receiver.deadLetterMessage(dead, { deadLetterReason: "r", deadLetterErrorDescription: "d" });

    await first.kill();
    const again = (await start()).connect();
    const reader = again.createReceiver("q");

    expect(bodies(await reader.receiveDeferredMessages(deferred.sequenceNumber ?? []))).toEqual(["deferred"]);
    const deadAgain = only(await again.createReceiver("q", { subQueueType: "deadLetter" }).receiveMessages(1));
    expect(deadAgain).toMatchObject({ body: "dead", deadLetterReason: "r", deadLetterErrorDescription: "d" });
    expect(bodies(await reader.receiveMessages(1, { maxWaitTimeInMs: 3000 }))).toEqual(["scheduled"]);
  });

  it("remembers ids for duplicate detection, and gives out no sequence number twice", async () => {
    const { start } = restartable([{ name: "q", duplicateDetectionWindowMs: 600_000 }]);
    const first = await start();
    const client = first.connect();
    await client.createSender("q").sendMessages({ body: 1, messageId: "m" });
    const receiver = client.createReceiver("q");
    const before = only(await receiver.receiveMessages(1));
    await receiver.completeMessage(before);

    await first.kill();
    const again = (await start()).connect();
    await again.createSender("q").sendMessages([
      { body: 2, messageId: "m" },
      { body: 3, messageId: "n" },
    ]);
    const after = only(await again.createReceiver("q").receiveMessages(5, { maxWaitTimeInMs: 300 }));

    expect(after.body).toBe(3);
    expect(Number(after.sequenceNumber)).toBeGreaterThan(Number(before.sequenceNumber));
  });

  it("starts from nothing after a reset", async () => {
    const { start } = restartable([{ name: "q" }]);
    const first = await start();
    await first.connect().createSender("q").sendMessages({ body: 1 });
    await fetch(`${first.adminUrl}/_sim/reset`, { method: "POST" });

    await first.kill();
    const second = await start();
    const state = await (await fetch(`${second.adminUrl}/_sim/state/queues`)).json();

    expect(state).toMatchObject([{ name: "q", active: 0 }]);
  });

  it("ends with code 0 on SIGTERM and comes back with everything", async () => {
    const { start } = restartable([{ name: "q" }]);
    const first = await start();
    await first.connect().createSender("q").sendMessages({ body: 1 });

    const code = await first.stop();
    const received = await (await start()).connect().createReceiver("q").receiveMessages(1);

    expect(code).toBe(0);
    expect(bodies(received)).toEqual([1]);
  });
});

describe("the journal (design.md §9)", () => {
  it("leaves out a last line that a kill cut short, and goes on behind it", async () => {
    const dataDirectory = temporaryDirectory();
    const first = await openBus([{ name: "q" }], { dataDirectory });
    await first.send("q", { body: 1 });
    await first.end();
    const file = join(dataDirectory, readdirSync(dataDirectory)[0] ?? "");
    appendFileSync(file, '[["put","q",0,2,["acti');

    const second = await openBus([{ name: "q" }], { dataDirectory });
    await second.send("q", { body: 2 });
    await second.end();
    const third = await openBus([{ name: "q" }], { dataDirectory });

    expect(bodies(await third.client.createReceiver("q").receiveMessages(2))).toEqual([1, 2]);
  });

  it("holds only what is there after a start, in one file", async () => {
    const dataDirectory = temporaryDirectory();
    const first = await openBus([{ name: "q" }], { dataDirectory });
    await first.client.createSender("q").sendMessages(Array.from({ length: 200 }, (_, body) => ({ body })));
    await first.client.createReceiver("q", { receiveMode: "receiveAndDelete" }).receiveMessages(199);
    await first.end();

    await openBus([{ name: "q" }], { dataDirectory });

    const files = readdirSync(dataDirectory);
    expect(files.length).toBe(1);
    expect(readFileSync(join(dataDirectory, files[0] ?? "")).length).toBeLessThan(2000);
  });

  it("refuses to start on a file that is damaged in the middle, and leaves it as it is", async () => {
    const dataDirectory = temporaryDirectory();
    const file = join(dataDirectory, "journal-00000001.log");
    writeFileSync(file, '[["put","q"\n[]\n');

    await expect(openBus([{ name: "q" }], { dataDirectory })).rejects.toThrow("is damaged");

    expect(readFileSync(file, "utf8")).toContain('["put"');
  });

  it("refuses to start when it holds messages of a queue that is not configured", async () => {
    const dataDirectory = temporaryDirectory();
    const first = await openBus([{ name: "old" }], { dataDirectory });
    await first.send("old", { body: 1 });
    await first.end();

    await expect(openBus([{ name: "q" }], { dataDirectory })).rejects.toThrow('queue "old"');
  });
});
