import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeCheckpointStore } from "../../../shared/storage/checkpoints.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";

async function newStore() {
  const tables = makeMemoryEntityTables();
  await tables.ensure(["checkpoints"]);
  return makeCheckpointStore(tables.table("checkpoints"));
}

/** Text in which no two stretches are alike, so that parts in a wrong order show. */
function aCursor(length: number): string {
  return Array.from({ length: Math.ceil(length / 7) }, (_, index) => `${index}`.padStart(6, "0"))
    .join(".")
    .padEnd(length, "=")
    .slice(0, length);
}

describe("the checkpoint store", () => {
  it("knows no checkpoint of a stream that never ran", async () => {
    expect(await (await newStore()).read("ingress", "contact-delta")).toBeUndefined();
  });

  it("reads any values back exactly as they were saved", async () => {
    const store = await newStore();
    const value = fc.oneof(fc.string(), fc.boolean(), fc.integer());
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.stringMatching(/^[a-z][a-zA-Z]{0,20}$/), value), async (values) => {
        n += 1;
        const etag = await store.save("ingress", `stream-${n}`, values, undefined);

        expect(await store.read("ingress", `stream-${n}`)).toEqual({ values, etag });
      }),
    );
  });

  it.each([0, 1, 31_999, 32_000, 32_001, 64_000, 100_000, 400_000])(
    "keeps a cursor of %i characters whole",
    async (length) => {
      const store = await newStore();
      const cursor = aCursor(length);

      await store.save("ingress", "contact-load", { cursor, phase: "load" }, undefined);

      const read = await store.read("ingress", "contact-load");
      expect(read?.values.cursor === cursor).toBe(true);
      expect(read?.values.phase).toBe("load");
    },
  );

  it("puts a long cursor together rightly in whatever order the table gives its properties back", async () => {
    const tables = makeMemoryEntityTables();
    await tables.ensure(["checkpoints"]);
    const table = tables.table("checkpoints");
    const store = makeCheckpointStore({
      ...table,
      async get(...key) {
        const entity = await table.get(...key);
        return entity && { ...entity, values: Object.fromEntries(Object.entries(entity.values).reverse()) };
      },
    });
    const cursor = aCursor(80_000);
    await store.save("ingress", "s", { cursor }, undefined);

    expect((await store.read("ingress", "s"))?.values.cursor === cursor).toBe(true);
  });

  it("leaves nothing of a long cursor when a short one takes its place", async () => {
    const store = await newStore();
    const etag = await store.save("ingress", "s", { cursor: "x".repeat(100_000) }, undefined);

    await store.save("ingress", "s", { cursor: "short" }, etag);

    expect((await store.read("ingress", "s"))?.values).toEqual({ cursor: "short" });
  });

  it("lets only one of two runs move a checkpoint that both read", async () => {
    const store = await newStore();
    const etag = await store.save("ingress", "s", { cursor: "a" }, undefined);

    const moves = await Promise.allSettled([
      store.save("ingress", "s", { cursor: "b" }, etag),
      store.save("ingress", "s", { cursor: "c" }, etag),
    ]);

    expect(moves.map((move) => move.status)).toEqual(["fulfilled", "rejected"]);
    expect((await store.read("ingress", "s"))?.values).toEqual({ cursor: "b" });
  });

  it("lets only one of two first runs begin a stream", async () => {
    const store = await newStore();

    const begins = await Promise.allSettled([
      store.save("ingress", "s", {}, undefined),
      store.save("ingress", "s", {}, undefined),
    ]);

    expect(begins.map((begin) => begin.status)).toEqual(["fulfilled", "rejected"]);
  });

  it("lists the streams of one flow with whole values", async () => {
    const store = await newStore();
    await store.save("ingress", "contact-load", { cursor: "x".repeat(40_000) }, undefined);
    await store.save("ingress", "contact-delta", { cursor: "d" }, undefined);
    await store.save("egress", "events", { cursor: "e" }, undefined);

    const listed = await store.list("ingress");

    expect(listed.map(({ stream, values }) => [stream, String(values.cursor).length])).toEqual([
      ["contact-delta", 1],
      ["contact-load", 40_000],
    ]);
  });

  it("never reads trouble as a first run", async () => {
    const store = makeCheckpointStore(makeMemoryEntityTables().table("checkpoints"));

    await expect(store.read("ingress", "contact-delta")).rejects.toMatchObject({ kind: "unavailable" });
  });
});
