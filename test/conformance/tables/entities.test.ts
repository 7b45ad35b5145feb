import { randomUUID } from "node:crypto";
import { AzureNamedKeyCredential, TableClient } from "@azure/data-tables";
import { describe, expect, it } from "vitest";
import { localAccount } from "../../../infra/local/tables/start-tables.js";
import { all, overHttp, refusal, useTables } from "./support.js";

const { fresh, client, service, url } = useTables();
const stale = `W/"datetime'2020-01-01T00%3A00%3A00.0000000Z'"`;

describe("tables (facts/azure-local.md §3)", () => {
  it("creates a table that can be listed, and says so when it is there already", async () => {
    const table = client("listed");
    await table.createTable();

    const names = (await all(service().listTables())).map(({ name }) => name);

    expect(names).toContain("listed");
    // The client swallows 409 TableAlreadyExists by design.
    await expect(table.createTable()).resolves.toBeUndefined();
  });

  it("answers 404 TableNotFound for an entity of a table that was never made", async () => {
    const refused = await refusal(client("nowhere").createEntity({ partitionKey: "p", rowKey: "r" }));

    expect(refused).toMatchObject({ status: 404, code: "TableNotFound" });
  });

  it("forgets a deleted table with everything in it", async () => {
    const table = await fresh();
    await table.createEntity({ partitionKey: "p", rowKey: "r" });

    await table.deleteTable();
    await table.createTable();

    expect(await all(table.listEntities())).toEqual([]);
  });

  it("refuses a request signed with another key with 403", async () => {
    const wrongKey = new AzureNamedKeyCredential(localAccount.name, Buffer.from("wrong").toString("base64"));
    const stranger = new TableClient(`${url()}/${localAccount.name}`, "listed", wrongKey, overHttp);

    expect(await refusal(stranger.createEntity({ partitionKey: "p", rowKey: "r" }))).toMatchObject({ status: 403 });
  });

  it("does not know another account", async () => {
    const other = new AzureNamedKeyCredential("other", localAccount.key);
    const stranger = new TableClient(`${url()}/other`, "listed", other, overHttp);

    const { status } = await refusal(stranger.getEntity("p", "r"));

    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  });
});

describe("one entity (facts/azure-local.md §3)", () => {
  it("gives back every type of value as it was sent", async () => {
    const table = await fresh();
    const guid = randomUUID();
    const sent = {
      text: "Zoë 🙂 'quoted'",
      whole: 42,
      fraction: 1.5,
      yes: true,
      when: new Date("2026-01-05T10:00:00.000Z"),
      bytes: Buffer.from([0, 255, 7]),
      long: { type: "Int64", value: "9007199254740993" },
      guid: { type: "Guid", value: guid },
    };

    await table.createEntity({ partitionKey: "p", rowKey: "r", ...sent });

    expect(await table.getEntity("p", "r")).toMatchObject({ ...sent, long: 9007199254740993n });
  });

  it("stores nothing for a property that is null", async () => {
    const table = await fresh();

    await table.createEntity({ partitionKey: "p", rowKey: "r", a: null as unknown as string, b: "kept" });

    const read = await table.getEntity("p", "r");
    expect(read).not.toHaveProperty("a");
    expect(read).toHaveProperty("b", "kept");
  });

  it("answers 404 ResourceNotFound for an entity that is not there", async () => {
    const table = await fresh();

    expect(await refusal(table.getEntity("p", "r"))).toMatchObject({ status: 404, code: "ResourceNotFound" });
  });

  it("answers 409 EntityAlreadyExists to a second insert and keeps the first", async () => {
    const table = await fresh();
    await table.createEntity({ partitionKey: "p", rowKey: "r", a: 1 });

    const refused = await refusal(table.createEntity({ partitionKey: "p", rowKey: "r", a: 2 }));

    expect(refused).toMatchObject({ status: 409, code: "EntityAlreadyExists" });
    expect(await table.getEntity("p", "r")).toHaveProperty("a", 1);
  });

  it("drops what is not sent when replacing, and keeps it when merging", async () => {
    const table = await fresh();
    for (const rowKey of ["replaced", "merged"]) await table.createEntity({ partitionKey: "p", rowKey, a: 1, b: 1 });

    await table.updateEntity({ partitionKey: "p", rowKey: "replaced", b: 2 }, "Replace");
    await table.updateEntity({ partitionKey: "p", rowKey: "merged", b: 2 }, "Merge");

    expect(await table.getEntity("p", "replaced")).not.toHaveProperty("a");
    expect(await table.getEntity("p", "merged")).toMatchObject({ a: 1, b: 2 });
  });

  it.each(["Replace", "Merge"] as const)(
    "creates the entity on an upsert in mode %s when it is missing",
    async (mode) => {
      const table = await fresh();

      await table.upsertEntity({ partitionKey: "p", rowKey: "r", a: 1 }, mode);
      await table.upsertEntity({ partitionKey: "p", rowKey: "r", a: 2 }, mode);

      expect(await table.getEntity("p", "r")).toHaveProperty("a", 2);
    },
  );

  it.each(["Replace", "Merge"] as const)("answers 404 to an update in mode %s of a missing entity", async (mode) => {
    const table = await fresh();

    const refused = await refusal(table.updateEntity({ partitionKey: "p", rowKey: "r", a: 1 }, mode));

    expect(refused).toMatchObject({ status: 404, code: "ResourceNotFound" });
  });

  it("deletes an entity once, and answers 404 the second time", async () => {
    const table = await fresh();
    await table.createEntity({ partitionKey: "p", rowKey: "r" });

    await table.deleteEntity("p", "r");

    expect(await refusal(table.deleteEntity("p", "r"))).toMatchObject({ status: 404, code: "ResourceNotFound" });
  });

  it("takes keys with quotes, spaces, percent signs and letters beyond ASCII", async () => {
    const table = await fresh();
    const key = { partitionKey: "it's 100% möglich", rowKey: "a+b&c=d 'x'" };

    await table.createEntity({ ...key, a: 1 });

    expect(await table.getEntity(key.partitionKey, key.rowKey)).toHaveProperty("a", 1);
  });

  it.each(["/", "\\", "#", "?"])("refuses %s in a key with 400", async (character) => {
    const table = await fresh();

    const refused = await refusal(table.createEntity({ partitionKey: "p", rowKey: `a${character}b` }));

    expect(refused.status).toBe(400);
  });
});

describe("etags (facts/azure-local.md §3)", () => {
  it("changes with every write and is the one the write answered", async () => {
    const table = await fresh();
    const created = await table.createEntity({ partitionKey: "p", rowKey: "r", a: 1 });
    const updated = await table.updateEntity({ partitionKey: "p", rowKey: "r", a: 1 }, "Replace");

    const read = await table.getEntity("p", "r");

    expect(updated.etag).not.toBe(created.etag);
    expect(read.etag).toBe(updated.etag);
  });

  it.each(["Replace", "Merge"] as const)("lets an update in mode %s through with the etag in force", async (mode) => {
    const table = await fresh();
    const { etag } = await table.createEntity({ partitionKey: "p", rowKey: "r", a: 1 });

    await table.updateEntity({ partitionKey: "p", rowKey: "r", a: 2 }, mode, { etag: String(etag) });

    expect(await table.getEntity("p", "r")).toHaveProperty("a", 2);
  });

  it.each(["Replace", "Merge"] as const)("answers 412 to an update in mode %s with another etag", async (mode) => {
    const table = await fresh();
    await table.createEntity({ partitionKey: "p", rowKey: "r", a: 1 });

    const refused = await refusal(table.updateEntity({ partitionKey: "p", rowKey: "r", a: 2 }, mode, { etag: stale }));

    expect(refused).toMatchObject({ status: 412, code: "UpdateConditionNotSatisfied" });
    expect(await table.getEntity("p", "r")).toHaveProperty("a", 1);
  });

  it("answers 412 to a delete with another etag and keeps the entity", async () => {
    const table = await fresh();
    await table.createEntity({ partitionKey: "p", rowKey: "r" });

    const refused = await refusal(table.deleteEntity("p", "r", { etag: stale }));

    expect(refused).toMatchObject({ status: 412, code: "UpdateConditionNotSatisfied" });
    expect(await all(table.listEntities())).toHaveLength(1);
  });

  it("lets exactly one of ten writers with the same etag win", async () => {
    const table = await fresh();
    const { etag } = await table.createEntity({ partitionKey: "p", rowKey: "r", writer: -1 });

    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, writer) =>
        table.updateEntity({ partitionKey: "p", rowKey: "r", writer }, "Replace", { etag: String(etag) }),
      ),
    );

    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});
