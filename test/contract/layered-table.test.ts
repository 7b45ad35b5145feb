import { expect, it } from "vitest";
import type { Entity, EntityTable } from "../../shared/storage/entity-table.js";
import type { EntityTables } from "../../shared/storage/entity-tables.js";
import { makeLayeredTable } from "../../shared/storage/layered-table.js";
import { makeMemoryEntityTables } from "../../shared/storage/memory-entity-table.js";
import { describeEntityTable } from "./entity-table.contract.js";

const [lower, upper] = [makeMemoryEntityTables(), makeMemoryEntityTables()];
const layered: EntityTables = {
  table: (name) => makeLayeredTable(lower.table(name), async () => upper.table(name)),
  async ensure(names) {
    await Promise.all([lower.ensure(names), upper.ensure(names)]);
  },
};
describeEntityTable("on top of another", () => layered);

async function keysAndValues(entities: AsyncIterable<Entity>): Promise<string[]> {
  const found: string[] = [];
  for await (const { partition, row, values } of entities) found.push(`${partition}/${row}=${values.a}`);
  return found;
}

let count = 0;
/** A table with three rows below and nothing on top. */
async function seeded(): Promise<{ base: EntityTable; table: EntityTable }> {
  count += 1;
  await layered.ensure([`seeded${count}`]);
  const base = lower.table(`seeded${count}`);
  for (const row of ["b", "d", "f"]) await base.insert("p", row, { a: row });
  return { base, table: layered.table(`seeded${count}`) };
}

it("shows what is below until it is changed, and leaves that as it was", async () => {
  const { base, table } = await seeded();
  const etag = String((await table.get("p", "d"))?.etag);

  const changed = await table.replace("p", "d", { a: "new" }, etag);

  expect(await table.get("p", "d")).toMatchObject({ values: { a: "new" }, etag: changed });
  expect((await base.get("p", "d"))?.values).toEqual({ a: "d" });
  await expect(table.replace("p", "d", { a: "late" }, etag)).rejects.toMatchObject({ kind: "conflict" });
});

it("keeps an entity of the table below removed, lets it be inserted anew, and leaves it as it was below", async () => {
  const { base, table } = await seeded();
  await table.remove("p", "d", String((await table.get("p", "d"))?.etag));
  expect(await table.get("p", "d")).toBeUndefined();
  expect(await keysAndValues(table.list("p"))).toEqual(["p/b=b", "p/f=f"]);

  await table.insert("p", "d", { a: "again" });
  await table.remove("p", "d", String((await table.get("p", "d"))?.etag));

  expect(await table.get("p", "d")).toBeUndefined();
  expect((await base.get("p", "d"))?.values).toEqual({ a: "d" });
});

it("refuses to insert what is below", async () => {
  const { table } = await seeded();

  await expect(table.insert("p", "b", { a: "x" })).rejects.toMatchObject({ kind: "conflict" });
});

it("lists both in the order of the keys, each entity once", async () => {
  const { table } = await seeded();
  for (const row of ["a", "e", "g"]) await table.insert("p", row, { a: row });
  await table.replace("p", "d", { a: "new" }, String((await table.get("p", "d"))?.etag));

  const listed = await keysAndValues(table.list("p"));
  const behind = await keysAndValues(table.list(undefined, { after: { partition: "p", row: "d" } }));

  expect(listed).toEqual(["p/a=a", "p/b=b", "p/d=new", "p/e=e", "p/f=f", "p/g=g"]);
  expect(behind).toEqual(["p/e=e", "p/f=f", "p/g=g"]);
});

it("leaves out what was wanted below and, as it is on top, is not wanted any more", async () => {
  const { table } = await seeded();
  await table.replace("p", "d", { a: "other" }, String((await table.get("p", "d"))?.etag));
  await table.insert("p", "c", { a: "d" });

  const listed = await keysAndValues(table.list(undefined, { equals: { a: "d" } }));

  expect(listed).toEqual(["p/c=d"]);
});
