// infra/local/sim/README.md: the one fault language, in front of Azurite.
import { beforeEach, describe, expect, it } from "vitest";
import { useTables } from "./support.js";

const tables = useTables();
const entity = (rowKey: string) => ({ partitionKey: "p", rowKey, value: 1 });

async function sim(method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`${tables.url()}/_sim/${path}`, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
}

beforeEach(async () => {
  await sim("POST", "reset");
});

describe("a fault in front of the tables", () => {
  it("answers in place of the service, as often as it says, and the write never happens", async () => {
    const table = await tables.fresh();
    await sim("POST", "faults", { on: "POST /*", times: 1, answer: { status: 503, retryAfter: 1 } });

    await expect(table.createEntity(entity("a"))).rejects.toMatchObject({ statusCode: 503 });
    await table.createEntity(entity("a"));

    expect((await table.getEntity("p", "a")).value).toBe(1);
  });

  it("loses the answer after the write took effect", async () => {
    const table = await tables.fresh();
    await sim("POST", "faults", { on: "POST /*", times: 1, lost: true });

    await expect(table.createEntity(entity("a"))).rejects.toThrow();

    expect((await table.getEntity("p", "a")).value).toBe(1);
  });

  it("strikes the writes of one table by a glob over its path, and no other's", async () => {
    const [struck, spared] = [await tables.fresh(), await tables.fresh()];
    for (const table of [struck, spared]) await table.createEntity(entity("a"));
    await sim("POST", "faults", { on: `PUT /${struck.tableName}*`, answer: { status: 503 } });

    await spared.updateEntity({ ...entity("a"), value: 2 }, "Replace");

    await expect(struck.updateEntity({ ...entity("a"), value: 2 }, "Replace")).rejects.toMatchObject({
      statusCode: 503,
    });
    expect((await struck.getEntity("p", "a")).value).toBe(1);
  });

  it.each(["before", "mid-body"])("ends the connection %s", async (reset) => {
    const table = await tables.fresh();
    await table.createEntity(entity("a"));
    await sim("POST", "faults", { on: "GET /*", times: 1, reset });

    await expect(table.getEntity("p", "a")).rejects.toThrow();

    expect((await table.getEntity("p", "a")).value).toBe(1);
  });

  it("takes as long as a latency says", async () => {
    const table = await tables.fresh();
    await sim("POST", "latency", { "POST /*": 150 });
    const started = performance.now();

    await table.createEntity(entity("a"));

    expect(performance.now() - started).toBeGreaterThanOrEqual(149);
  });

  it("is refused with the name of the wrong member", async () => {
    const answer = await sim("POST", "faults", { on: "POST", times: 1, answer: { status: 503 } });

    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("on");
  });

  it("is seen in the log, with every request by method and path", async () => {
    const table = await tables.fresh();
    await sim("DELETE", "requests");
    await sim("POST", "faults", { on: "POST /*", times: 1, answer: { status: 503 } });
    await table.createEntity(entity("a")).catch(() => undefined);
    await table.createEntity(entity("a"));

    const log = JSON.stringify(await (await sim("GET", "requests")).json());

    expect(log).toMatch(/"503":1/);
    expect(log).toMatch(/"204":1|"201":1/);
  });
});
