import { odata, type TableClient, type TransactionAction } from "@azure/data-tables";
import { beforeAll, describe, expect, it } from "vitest";
import { all, rowKeys, useTables } from "./support.js";

const { fresh } = useTables();

describe("queries (facts/azure-local.md §3)", () => {
  let table: TableClient;

  beforeAll(async () => {
    table = await fresh();
    const rows: [partitionKey: string, rowKey: string, count: number, city: string, due: string][] = [
      ["a", "1", 5, "Bonn", "2026-01-01T00:00:00.000Z"],
      ["a", "2", 15, "Köln", "2026-02-01T00:00:00.000Z"],
      ["a", "3", 25, "O'Hara", "2026-03-01T00:00:00.000Z"],
      ["b", "1", 35, "Bonn", "2026-04-01T00:00:00.000Z"],
    ];
    for (const [partitionKey, rowKey, count, city, due] of rows) {
      await table.createEntity({ partitionKey, rowKey, count, city, due: new Date(due), even: count % 2 === 0 });
    }
  });

  const found = async (filter: string): Promise<string[]> =>
    (await all(table.listEntities({ queryOptions: { filter } }))).map(
      ({ partitionKey, rowKey }) => `${partitionKey}${rowKey}`,
    );

  it.each<[string, string, string[]]>([
    ["a partition", odata`PartitionKey eq ${"a"}`, ["a1", "a2", "a3"]],
    ["a range of row keys", odata`PartitionKey eq ${"a"} and RowKey ge ${"2"} and RowKey lt ${"3"}`, ["a2"]],
    ["a number", odata`count gt ${15}`, ["a3", "b1"]],
    ["either of two values", odata`city eq ${"Bonn"} or count eq ${15}`, ["a1", "a2", "b1"]],
    ["a negation", odata`not (city eq ${"Bonn"})`, ["a2", "a3"]],
    ["text with a quote", odata`city eq ${"O'Hara"}`, ["a3"]],
    ["a date", odata`due ge ${new Date("2026-03-01T00:00:00.000Z")}`, ["a3", "b1"]],
    ["a boolean", odata`even eq ${false}`, ["a1", "a2", "a3", "b1"]],
    ["what nothing has", odata`city eq ${"Ulm"}`, []],
  ])("finds by %s", async (_name, filter, expected) => {
    expect(await found(filter)).toEqual(expected);
  });

  it("leaves out an entity without the property asked for", async () => {
    await table.createEntity({ partitionKey: "c", rowKey: "bare" });

    expect(await found(odata`PartitionKey eq ${"c"} and count lt ${1000}`)).toEqual([]);
  });

  it("gives only the columns selected", async () => {
    const [entity] = await all(
      table.listEntities({ queryOptions: { filter: odata`RowKey eq ${"3"}`, select: ["RowKey", "city"] } }),
    );

    expect(entity).toMatchObject({ rowKey: "3", city: "O'Hara" });
    expect(entity).not.toHaveProperty("count");
  });
});

describe("paging (facts/azure-local.md §3)", () => {
  const fill = async (table: TableClient, count: number): Promise<void> => {
    for (let start = 0; start < count; start += 100) {
      const rows = Array.from(
        { length: Math.min(100, count - start) },
        (_, index): TransactionAction => [
          "create",
          { partitionKey: "p", rowKey: String(start + index).padStart(5, "0") },
        ],
      );
      await table.submitTransaction(rows);
    }
  };

  it("gives pages of the size asked for, each entity once and in order of its keys", async () => {
    const table = await fresh();
    await fill(table, 25);

    const pages = await all(table.listEntities().byPage({ maxPageSize: 10 }));

    expect(pages.map((page) => page.length)).toEqual([10, 10, 5]);
    const keys = rowKeys(pages.flat());
    expect(keys).toEqual([...keys].sort());
    expect(new Set(keys).size).toBe(25);
  });

  it("goes on from a token that somebody kept", async () => {
    const table = await fresh();
    await fill(table, 5);
    const first = await table.listEntities().byPage({ maxPageSize: 2 }).next();
    const continuationToken = String(first.value.continuationToken);

    const rest = await all(table.listEntities().byPage({ maxPageSize: 2, continuationToken }));

    expect(rowKeys(rest.flat())).toEqual(["00002", "00003", "00004"]);
  });

  it("gives 1000 entities a page when nothing is asked for", async () => {
    const table = await fresh();
    await fill(table, 1001);

    const pages = await all(table.listEntities().byPage());

    expect(pages.map((page) => page.length)).toEqual([1000, 1]);
  });
});
