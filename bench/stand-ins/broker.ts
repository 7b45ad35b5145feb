// The Service Bus broker in a process of its own, driven by the unmodified SDK in this one: the SDK takes the larger share.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServiceBusClient, type ServiceBusReceiver } from "@azure/service-bus";
import { startProcess } from "../../infra/local/processes.js";
import { type Bench, type BenchOptions, type Result, rate } from "../bench.js";
import { ratePerSecond, residentMiB } from "../measure.js";

const part = "broker";
const batchSize = 100;
const body = { id: "c-1", text: "x".repeat(800) };

/** Messages of about 1 KB. */
export const broker: Bench = {
  name: part,
  async run(options) {
    const directory = mkdtempSync(join(tmpdir(), "bench-broker-"));
    const queues = join(directory, "queues.json");
    writeFileSync(queues, JSON.stringify([{ name: "plain" }, { name: "lanes", requiresSession: true }]));
    const child = await startProcess({
      name: part,
      script: "infra/local/bus/main.ts",
      args: ["--port", "0", "--queues", queues],
    });
    const client = new ServiceBusClient(child.address);
    try {
      return await measure(client, child.pid, options);
    } finally {
      await client.close();
      await child.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

async function measure(
  client: ServiceBusClient,
  pid: number | undefined,
  { full, say }: BenchOptions,
): Promise<Result[]> {
  const count = full ? 50_000 : 10_000;
  const plain = client.createSender("plain");
  const lanes = client.createSender("lanes");
  const batch = Array.from({ length: batchSize }, () => ({ body }));

  say("sending");
  await plain.sendMessages({ body }); // warm-up: opens the link
  const singly = await ratePerSecond(2000, 16, () => plain.sendMessages({ body }));
  const batches = await ratePerSecond(count / batchSize, 4, () => plain.sendMessages(batch));
  const memory = residentMiB(pid);
  say("receiving and completing");
  const received = await receive([client.createReceiver("plain")], count, 64);

  const sessions = Array.from({ length: 8 }, (_, index) => `lane-${index}`);
  for (const sessionId of sessions) {
    for (let sent = 0; sent < count / 8; sent += batchSize) {
      await lanes.sendMessages(batch.map((message) => ({ ...message, sessionId })));
    }
  }
  const receivers = await Promise.all(sessions.map((sessionId) => client.acceptSession("lanes", sessionId)));
  const inSessions = await receive(receivers, count, 1);

  return [
    rate(`${part} messages sent singly, 16 at a time`, singly, "messages/s"),
    rate(`${part} messages sent in batches of ${batchSize}`, batches * batchSize, "messages/s"),
    rate(`${part} messages received and completed`, received, "messages/s"),
    rate(`${part} messages received and completed, 8 sessions, one by one each`, inSessions, "messages/s"),
    {
      name: `${part} memory, ${count.toLocaleString("en")} messages waiting`,
      value: memory,
      unit: "MiB",
      goal: null,
      better: "lower",
    },
  ];
}

/** Receives and completes `count` messages; answers how many a second. */
async function receive(receivers: ServiceBusReceiver[], count: number, maxConcurrentCalls: number): Promise<number> {
  const startedAt = performance.now();
  let left = count;
  await new Promise<void>((resolve, reject) => {
    for (const receiver of receivers) {
      receiver.subscribe(
        {
          processMessage: async () => {
            left -= 1;
            if (left === 0) resolve();
          },
          processError: async ({ error }) => reject(error),
        },
        { maxConcurrentCalls },
      );
    }
  });
  const seconds = (performance.now() - startedAt) / 1000;
  await Promise.all(receivers.map((receiver) => receiver.close()));
  return count / seconds;
}
