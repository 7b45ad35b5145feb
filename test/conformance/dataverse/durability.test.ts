// The process with --data: what was answered, or was about to be sent, survives kill -9 (issue 2); the chassis around it.
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ServiceBusClient } from "@azure/service-bus";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startBroker } from "../../../infra/local/bus/broker.js";
import { connect, type Dataverse, register, startReceiver } from "./simulator.js";

const MAIN = fileURLToPath(new URL("../../../infra/local/dataverse/main.ts", import.meta.url));
const SWITCHES = '{"webhookRetryAfterMs":10,"busRetryAfterMs":[300,300,300,300,300]}';
let directory: string;
let child: ChildProcess | undefined;

const startProcess = async (port: number): Promise<{ dataverse: Dataverse; port: number }> => {
  child = fork(MAIN, ["--port", String(port), "--data", directory, "--switches", SWITCHES], {
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const address = await new Promise<string>((resolve, reject) => {
    child?.once("message", (message: { address: string }) => resolve(message.address));
    child?.once("exit", (code) => reject(new Error(`exited with ${code}`)));
  });
  return { dataverse: await connect(address), port: Number(new URL(address).port) };
};
const kill = async (): Promise<void> => {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child?.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "dataverse-"));
});
afterEach(async () => {
  await kill();
  rmSync(directory, { recursive: true, force: true });
});

describe("a simulator with --data that is killed and started again", () => {
  it("still has its rows, deletions, versions, delta links, tokens and definitions, and gives out new ids", async () => {
    const first = await startProcess(0);
    const kept = await first.dataverse.create("contacts", {
      firstname: "Ann",
      lastname: "L\u2028e e",
      creditlimit: 12.5,
    });
    const tracked = await first.dataverse.get("contacts?$select=lastname", { prefer: "odata.track-changes" });
    const gone = await first.dataverse.create("contacts", { lastname: "Gone" });
    await first.dataverse.call("DELETE", `contacts(${gone})`);
    await first.dataverse.call("PATCH", `contacts(${kept})`, { lastname: "L\u2028ee" });
    const before = await first.dataverse.get(`contacts(${kept})`);
    await kill();

    const second = await startProcess(first.port);
    // The first client's token and links go on working.
    const after = await first.dataverse.get(`contacts(${kept})`);
    const delta = await first.dataverse.get(String(tracked.json["@odata.deltaLink"]));
    const ids = [await second.dataverse.create("contacts", {}), await second.dataverse.create("contacts", {})];

    expect(after.json).toEqual(before.json);
    expect(delta.json.value).toMatchObject([
      { contactid: kept, lastname: "L\u2028ee" },
      { id: gone, reason: "deleted" },
    ]);
    expect(ids).not.toContain(kept);
    expect(ids).not.toContain(gone);
    const version = (await second.dataverse.get(`contacts(${ids[0]})`)).json.versionnumber;
    expect(Number(version)).toBeGreaterThan(Number(before.json.versionnumber));
  });

  it("delivers the webhooks that were pending, for the registration it had", async () => {
    const receiver = await startReceiver();
    const first = await startProcess(0);
    await register(first.dataverse, receiver.url, [
      { message: "Create", images: [{ alias: "post", type: 1, attributes: "lastname" }] },
    ]);
    receiver.state.answer = () => 0;
    const id = await first.dataverse.create("contacts", { lastname: "Lee" });
    await receiver.wait(1);
    await kill();
    receiver.state.answer = () => 200;

    const second = await startProcess(first.port);
    const [original, again] = await receiver.wait(2);
    await second.dataverse.create("contacts", { lastname: "Li" });
    const hooks = await receiver.wait(3);

    expect(again?.raw).toBe(original?.raw);
    expect(again?.body.PrimaryEntityId).toBe(id);
    expect(hooks[2]?.body.PostEntityImages[1]).toMatchObject({ key: "post" });
    await receiver.close();
  });

  it("sends the bus messages that were waiting, once the bus is there", async () => {
    const queues = [{ name: "q" }];
    const away = await startBroker({ port: 0, queues });
    await away.close();
    const first = await startProcess(0);
    const bus = {
      ...{ name: "bus", contract: 6, authtype: 2, messageformat: 2, namespaceformat: 2, solutionnamespace: "local" },
      ...{ namespaceaddress: `sb://127.0.0.1:${away.port}/`, path: "q", saskeyname: "send", saskey: "bG9jYWw=" },
    };
    await register(first.dataverse, bus, [{ message: "Create" }]);
    const id = await first.dataverse.create("contacts", { lastname: "Lee" });
    await expect.poll(() => first.dataverse.sim("state/bus")).toMatchObject({ waiting: 1 });
    await kill();

    const broker = await startBroker({ port: away.port, queues });
    const client = new ServiceBusClient(broker.connectionString);
    const second = await startProcess(first.port);
    const [message] = await client.createReceiver("q").receiveMessages(1, { maxWaitTimeInMs: 5000 });
    await expect.poll(() => second.dataverse.sim("state/bus")).toMatchObject({ pending: 0, delivered: 1 });
    await kill();
    await client.close();
    await broker.close();

    expect(message?.body).toMatchObject({ PrimaryEntityId: id, MessageName: "Create" });
  });

  it("has every row it answered for, whatever moment it is killed at, and none twice", async () => {
    let { dataverse, port } = await startProcess(0);
    const answered = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      const until = setTimeout(() => void kill(), 60 + round * 35);
      try {
        for (;;) answered.add(await dataverse.create("contacts", { lastname: "Lee" }));
      } catch {
        clearTimeout(until);
      }
      await kill();
      ({ dataverse, port } = await startProcess(port));
    }

    const rows = (await dataverse.sim("state/contacts?select=contactid")) as { contactid: string }[];
    const ids = new Set(rows.map(({ contactid }) => contactid));

    expect(answered.size).toBeGreaterThan(10);
    expect(ids.size).toBe(rows.length);
    expect([...answered].filter((id) => !ids.has(id))).toEqual([]);
    expect(rows.length - answered.size).toBeLessThanOrEqual(3);
  });
});

describe("inspection and seeding", () => {
  it("seeds many rows without webhooks, shows them whole, and forgets everything on reset", async () => {
    const { dataverse } = await startProcess(0);
    const rows = Array.from({ length: 1000 }, (_, index) => ({ firstname: `F${index}`, lastname: "Seed" }));

    const seeded = await dataverse.sim("seed", { set: "contacts", rows });
    const shown = (await dataverse.sim("state/contacts")) as Record<string, unknown>[];
    const summary = await dataverse.sim("state/summary");
    await dataverse.sim("reset", {});
    const afterReset = (await dataverse.sim("state/contacts")) as unknown[];

    expect(seeded).toMatchObject({ created: 1000 });
    expect(shown.length).toBe(1000);
    expect(shown[0]).toMatchObject({ fullname: "F0 Seed", statecode: 0 });
    expect(summary).toMatchObject({ rows: { contacts: 1000 }, webhooks: { delivered: 0, pending: 0 } });
    expect(afterReset).toEqual([]);
  });

  it("refuses a seed with a wrong row and creates nothing of it", async () => {
    const { dataverse } = await startProcess(0);

    await expect(dataverse.sim("seed", { set: "contacts", rows: [{ lastname: "ok" }, { nope: 1 }] })).rejects.toThrow(
      "nope",
    );

    expect(await dataverse.sim("state/contacts")).toEqual([]);
  });
});
