// A bus that drops connections, restarts, or is not there: the host goes on by itself (real sockets, unmodified client).
import { setTimeout as sleep } from "node:timers/promises";
import { ServiceBusClient } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import { untilDone, useBusWorld } from "./bus-world.js";
import type { HostLog } from "./hosts.js";

const world = useBusWorld();

const untilAway = (log: HostLog): Promise<unknown> =>
  log.until(({ level, message }) => level === "warning" && message.startsWith("Service Bus:"));

async function stopBroker(): Promise<void> {
  await world.client.close();
  await world.broker.close();
}

describe("a bus that goes away", () => {
  it("is found again after a dropped connection, by both kinds of trigger, and nothing is lost", async () => {
    const { log } = await world.startHost(["lane", "plain"]);
    await world.send("lanes", { sessionId: "a", body: { n: 1 } });
    await world.send("plain", { body: { p: 1 } });
    await Promise.all([untilDone(log, "lane", { n: 1 }), untilDone(log, "plain", { p: 1 })]);

    world.broker.dropConnections();
    // The old client would hang for a minute: it is asked to send before it has noticed.
    world.client = new ServiceBusClient(world.broker.connectionString);
    await world.send("lanes", { sessionId: "a", body: { n: 2 } });
    await world.send("plain", { body: { p: 2 } });

    await Promise.all([untilDone(log, "lane", { n: 2 }), untilDone(log, "plain", { p: 2 })]);
  });

  it("is waited for: after a restart the host goes on by itself, and has said once for each function that it was away", async () => {
    const { log } = await world.startHost(["lane", "plain"]);

    await stopBroker();
    await untilAway(log);
    await sleep(1_000);
    await world.restartBroker();
    await world.send("lanes", { sessionId: "a", body: { n: 1 } });
    await world.send("plain", { body: { p: 1 } });

    await Promise.all([untilDone(log, "lane", { n: 1 }), untilDone(log, "plain", { p: 1 })]);
    const warnings = log.entries.filter(({ level }) => level === "warning").map((entry) => entry.function);
    expect(warnings.sort()).toEqual(["lane", "plain"]);
  });

  it("does not keep the host from starting when it is down", async () => {
    await stopBroker();

    const { log } = await world.startHost(["lane", "plain"]);
    await sleep(500);
    await world.restartBroker();
    await world.send("plain", { body: { p: 1 } });

    await untilDone(log, "plain", { p: 1 });
  });

  it("does not keep the host from closing", async () => {
    const { log } = await world.startHost(["lane", "plain", "batch"]);
    await stopBroker();
    await untilAway(log);

    const started = Date.now();
    await world.stopHost();

    expect(Date.now() - started).toBeLessThan(2_900);
    await world.restartBroker();
  });

  it("makes a queue that does not exist a warning, not the end of the host", async () => {
    const { log, url } = await world.startHost(["lane"], { LANES: "nowhere" });

    await log.until(({ level, message }) => level === "warning" && message.includes("nowhere"));

    expect((await fetch(`${url}/admin/host/ping`)).status).toBe(200);
  });
});
