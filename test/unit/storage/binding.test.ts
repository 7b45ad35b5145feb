import { describe, expect, it } from "vitest";
import { makeBindingStore } from "../../../shared/storage/binding.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";

const first = { organizationId: "org-1", campaignTenant: "tenant-1", createdAt: "2026-03-01T00:00:00.000Z" };

async function newStore() {
  const tables = makeMemoryEntityTables();
  await tables.ensure(["binding"]);
  const table = tables.table("binding");
  return { table, store: makeBindingStore(table) };
}

describe("the binding store", () => {
  it("is bound to nobody at first", async () => {
    expect(await (await newStore()).store.read()).toBeUndefined();
  });

  it("begins with epoch 1 and reads back what it was bound to", async () => {
    const { store } = await newStore();

    const created = await store.create(first);

    expect(created).toEqual({ ...first, epoch: 1 });
    expect(await store.read()).toEqual(created);
  });

  it("refuses with a conflict to be bound twice, and stays with the first", async () => {
    const { store } = await newStore();
    await store.create(first);

    await expect(store.create({ ...first, organizationId: "org-2" })).rejects.toMatchObject({ kind: "conflict" });

    expect((await store.read())?.organizationId).toBe("org-1");
  });

  it.each([
    ["organizationId", ""],
    ["campaignTenant", 7],
    ["epoch", 0],
    ["createdAt", "yesterday"],
  ])("says which member is wrong when %s is damaged, instead of being unbound", async (member, value) => {
    const { store, table } = await newStore();
    await store.create(first);
    const { etag, partition, row, values } = await firstOf(table.list());
    await table.replace(partition, row, { ...values, [member]: value }, etag);

    await expect(store.read()).rejects.toMatchObject({ kind: "binding", message: expect.stringContaining(member) });
  });

  it("says unavailable, and never unbound, when the table cannot be read", async () => {
    const store = makeBindingStore(makeMemoryEntityTables().table("binding"));

    await expect(store.read()).rejects.toMatchObject({ kind: "unavailable" });
  });
});

async function firstOf<T>(items: AsyncIterable<T>): Promise<T> {
  for await (const item of items) return item;
  throw new Error("there is none");
}
