// Two host processes on one broker: they share lanes, and one takes over what the other leaves behind.
import { setTimeout as sleep } from "node:timers/promises";
import { ServiceBusClient } from "@azure/service-bus";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Broker, startBroker } from "../../../infra/local/bus/broker.js";
import { buildApp, removeApps } from "./apps.js";
import { type HostProcess, spawnHost } from "./hosts.js";

const hostJson = {
  version: "2.0",
  extensions: { serviceBus: { maxConcurrentSessions: 4, sessionIdleTimeout: "00:00:00.300" } },
};
const others = ["plain", "manual", "batch", "laneBatch", "relay"];

let appDir: string;
let broker: Broker;
let client: ServiceBusClient;
let hosts: HostProcess[];

beforeAll(async () => {
  appDir = await buildApp("bus", { hostJson });
});
afterAll(removeApps);
beforeEach(async () => {
  broker = await startBroker({
    port: 0,
    queues: [{ name: "lanes", requiresSession: true, lockDurationMs: 5_000, maxDeliveryCount: 5 }],
  });
  client = new ServiceBusClient(broker.connectionString);
  const env = {
    BUS: broker.connectionString,
    LANES: "lanes",
    ...Object.fromEntries(others.map((name) => [`AzureWebJobs.${name}.Disabled`, "true"])),
  };
  hosts = await Promise.all([spawnHost(appDir, [], env), spawnHost(appDir, [], env)]);
});
afterEach(async () => {
  await Promise.all(hosts.map((host) => host.kill("SIGKILL")));
  await client.close();
  await broker.close();
});

interface Body {
  lane: number;
  n: number;
  sleepMs: number;
}

async function sendRounds(rounds: number, lanes: number, sleepMs: number): Promise<void> {
  const sender = client.createSender("lanes");
  for (let n = 0; n < rounds; n += 1) {
    await sender.sendMessages(
      Array.from({ length: lanes }, (_, lane) => ({
        sessionId: `lane-${lane}`,
        body: { lane, n, sleepMs } satisfies Body,
      })),
    );
  }
  await sender.close();
}

const bodies = (host: HostProcess, key: "got" | "done"): Body[] =>
  host.log.said("lane").flatMap((said) => (said as Record<string, Body>)[key] ?? []);

async function untilDone(count: number): Promise<void> {
  for (let waited = 0; waited < 15_000; waited += 50) {
    const all = hosts.flatMap((host) => bodies(host, "done")).map(({ lane, n }) => `${lane} ${n}`);
    if (new Set(all).size >= count) return;
    await sleep(50);
  }
  throw new Error(
    `only ${hosts.map((host) => bodies(host, "done").length).join(" + ")} of ${count} messages were worked off`,
  );
}

describe("two hosts on one queue with sessions", () => {
  it("share its lanes, never work one lane at the same time, and keep the order in each", async () => {
    await sendRounds(5, 8, 40);
    await untilDone(40);

    const counts = hosts.map((host) => bodies(host, "done").length);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    const steps = hosts
      .flatMap((host) => host.log.entries.filter(({ message }) => /^\{"(got|done)"/.test(message)))
      .sort((a, b) => a.time.localeCompare(b.time))
      .map(({ message }) => JSON.parse(message) as { got?: Body; done?: Body });
    for (let lane = 0; lane < 8; lane += 1) {
      const ofLane = steps.filter((step) => (step.got ?? step.done)?.lane === lane);
      expect(ofLane.map((step) => `${step.got ? "got" : "done"} ${(step.got ?? step.done)?.n}`)).toEqual(
        [0, 1, 2, 3, 4].flatMap((n) => [`got ${n}`, `done ${n}`]),
      );
    }
  });

  it("lose nothing when one is killed: the other takes its lanes over at once and goes on in order", async () => {
    await sendRounds(6, 8, 100);
    await sleep(250);

    const [victim, survivor] = hosts;
    await victim?.kill("SIGKILL");
    const killedAt = Date.now();
    await untilDone(48);

    expect(Date.now() - killedAt).toBeLessThan(10_000);
    for (let lane = 0; lane < 8; lane += 1) {
      const order = survivor
        ? bodies(survivor, "done")
            .filter((body) => body.lane === lane)
            .map(({ n }) => n)
        : [];
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }
  });

  it("lose nothing when one ends in order", async () => {
    await sendRounds(6, 8, 100);
    await sleep(250);

    const end = await hosts[0]?.kill("SIGTERM");
    await untilDone(48);

    expect(end?.code).toBe(0);
    const all = hosts.flatMap((host) => bodies(host, "done"));
    expect(all).toHaveLength(48);
  });
});
