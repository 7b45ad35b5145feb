import type { TransactionAction } from "@azure/data-tables";
import { describe, expect, it } from "vitest";
import { all, properties, refusal, rowKeys, text, useTables } from "./support.js";

const { fresh } = useTables();
const stale = `W/"datetime'2020-01-01T00%3A00%3A00.0000000Z'"`;

const creates = (count: number): TransactionAction[] =>
  Array.from({ length: count }, (_, index) => ["create", { partitionKey: "p", rowKey: `r${index}` }]);

describe("transactions (facts/azure-local.md §3)", () => {
  it("does creates, updates, upserts and deletes of one partition together", async () => {
    const table = await fresh();
    for (const rowKey of ["replaced", "merged", "deleted"])
      await table.createEntity({ partitionKey: "p", rowKey, a: 1 });

    const answer = await table.submitTransaction([
      ["create", { partitionKey: "p", rowKey: "created" }],
      ["update", { partitionKey: "p", rowKey: "replaced", b: 1 }, "Replace"],
      ["update", { partitionKey: "p", rowKey: "merged", b: 1 }, "Merge"],
      ["upsert", { partitionKey: "p", rowKey: "upserted" }, "Replace"],
      ["delete", { partitionKey: "p", rowKey: "deleted" }],
    ]);

    expect(answer.status).toBe(202);
    expect(answer.subResponses.map(({ status }) => status)).toEqual([204, 204, 204, 204, 204]);
    expect(rowKeys(await all(table.listEntities()))).toEqual(["created", "merged", "replaced", "upserted"]);
    expect(await table.getEntity("p", "merged")).toMatchObject({ a: 1, b: 1 });
    expect(await table.getEntity("p", "replaced")).not.toHaveProperty("a");
  });

  it("answers the etag of every entity it wrote", async () => {
    const table = await fresh();

    const answer = await table.submitTransaction(creates(2));

    expect(answer.getResponseForEntity("r1")?.etag).toBe((await table.getEntity("p", "r1")).etag);
  });

  it("takes 100 operations", async () => {
    const table = await fresh();

    await table.submitTransaction(creates(100));

    expect(await all(table.listEntities())).toHaveLength(100);
  });

  it("refuses 101 operations with 400 InvalidInput and does none of them", async () => {
    const table = await fresh();

    const refused = await refusal(table.submitTransaction(creates(101)));

    expect(refused).toMatchObject({ status: 400, code: "InvalidInput" });
    expect(await all(table.listEntities())).toEqual([]);
  });

  it("undoes everything when the third operation meets an entity that exists, and names its index", async () => {
    const table = await fresh();
    await table.createEntity({ partitionKey: "p", rowKey: "r2", kept: true });

    const refused = await refusal(table.submitTransaction(creates(4)));

    expect(refused).toMatchObject({ status: 409, code: "EntityAlreadyExists" });
    expect(refused.message).toMatch(/^2:The specified entity already exists/);
    expect(await all(table.listEntities())).toMatchObject([{ rowKey: "r2", kept: true }]);
  });

  it("undoes everything when an etag is stale", async () => {
    const table = await fresh();
    await table.createEntity({ partitionKey: "p", rowKey: "old", a: 1 });

    const refused = await refusal(
      table.submitTransaction([
        ["create", { partitionKey: "p", rowKey: "new" }],
        ["update", { partitionKey: "p", rowKey: "old", a: 2 }, "Replace", { etag: stale }],
      ]),
    );

    expect(refused).toMatchObject({ status: 412, code: "UpdateConditionNotSatisfied" });
    expect(await all(table.listEntities())).toMatchObject([{ rowKey: "old", a: 1 }]);
  });

  it("restores what earlier operations deleted and merged when a later one fails", async () => {
    const table = await fresh();
    for (const rowKey of ["deleted", "merged"]) await table.createEntity({ partitionKey: "p", rowKey, a: 1 });

    await refusal(
      table.submitTransaction([
        ["delete", { partitionKey: "p", rowKey: "deleted" }],
        ["update", { partitionKey: "p", rowKey: "merged", a: 2, b: 2 }, "Merge"],
        ["delete", { partitionKey: "p", rowKey: "never there" }],
      ]),
    );

    expect(await table.getEntity("p", "deleted")).toHaveProperty("a", 1);
    expect(await table.getEntity("p", "merged")).toMatchObject({ a: 1 });
    expect(await table.getEntity("p", "merged")).not.toHaveProperty("b");
  });

  it("refuses more than 4 MiB in one transaction with 413", async () => {
    const table = await fresh();
    const big: TransactionAction[] = Array.from({ length: 10 }, (_, index) => [
      "create",
      { partitionKey: "p", rowKey: `r${index}`, ...text(450_000) },
    ]);

    expect(await refusal(table.submitTransaction(big))).toMatchObject({ status: 413, code: "RequestBodyTooLarge" });
    expect(await all(table.listEntities())).toEqual([]);
  });

  it("runs twenty transactions at once, each whole", async () => {
    const table = await fresh();

    await Promise.all(
      Array.from({ length: 20 }, (_, partition) =>
        table.submitTransaction(
          Array.from(
            { length: 20 },
            (_, row): TransactionAction => ["create", { partitionKey: `p${partition}`, rowKey: `r${row}` }],
          ),
        ),
      ),
    );

    expect(await all(table.listEntities())).toHaveLength(400);
  });
});

describe("entities too large inside a transaction, which Azurite alone accepts (facts/azure-local.md §3)", () => {
  it.each<[string, Record<string, unknown>, string]>([
    ["253 properties", properties(253), "TooManyProperties"],
    ["more than 1 MiB", text(530_000), "EntityTooLarge"],
  ])("refuses the whole transaction for one entity of %s and names its index", async (_what, values, code) => {
    const table = await fresh();

    const refused = await refusal(
      table.submitTransaction([...creates(2), ["create", { partitionKey: "p", rowKey: "large", ...values }]]),
    );

    expect(refused).toMatchObject({ status: 400, code });
    expect(refused.message).toMatch(/^2:The entity /);
    expect(await all(table.listEntities())).toEqual([]);
  });

  it("refuses a merge that would leave 253 properties and keeps what was there", async () => {
    const table = await fresh();
    await table.createEntity({ partitionKey: "p", rowKey: "wide", ...properties(252) });

    const refused = await refusal(
      table.submitTransaction([
        ["create", { partitionKey: "p", rowKey: "new" }],
        ["update", { partitionKey: "p", rowKey: "wide", p0: -1, more: 1 }, "Merge"],
      ]),
    );

    expect(refused).toMatchObject({ status: 400, code: "TooManyProperties" });
    expect(refused.message).toMatch(/^1:/);
    expect(await table.getEntity("p", "wide")).toHaveProperty("p0", 0);
    expect(await all(table.listEntities())).toHaveLength(1);
  });

  it("goes on after a refused transaction as if it had never been", async () => {
    const table = await fresh();
    const wide = { partitionKey: "p", rowKey: "wide", ...properties(253) };
    await refusal(table.submitTransaction([...creates(1), ["create", wide]]));

    await table.submitTransaction(creates(3));

    expect(rowKeys(await all(table.listEntities()))).toEqual(["r0", "r1", "r2"]);
  });
});
