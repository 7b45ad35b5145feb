// What both twins of EntityTable promise. Run by memory-entity-table.test.ts and azure-entity-table.test.ts.

import { beforeEach, describe, expect, it } from "vitest";
import type { Entity, EntityTable } from "../../shared/storage/entity-table.js";
import type { EntityTables } from "../../shared/storage/entity-tables.js";

async function listed(entities: AsyncIterable<Entity>): Promise<string[]> {
  const keys: string[] = [];
  for await (const { partition, row } of entities) keys.push(`${partition}/${row}`);
  return keys;
}

/** Every test gets a fresh table; `tables` may be shared. */
export function describeEntityTable(twin: string, tables: () => EntityTables): void {
  describe(`EntityTable ${twin}`, () => {
    let count = 0;
    let table: EntityTable;

    beforeEach(async () => {
      count += 1;
      const name = `contract${count}`;
      await tables().ensure([name]);
      table = tables().table(name);
    });

    it("answers undefined for an entity that does not exist", async () => {
      expect(await table.get("p", "r")).toBeUndefined();
    });

    it("gives back text, integers and booleans exactly as they were inserted, and nothing else", async () => {
      const values = {
        text: "Zoë 🙂 'quoted'",
        empty: "",
        zero: 0,
        negative: -2147483648,
        largest: 2147483647,
        no: false,
      };

      const etag = await table.insert("p", "r", values);

      expect(await table.get("p", "r")).toEqual({ partition: "p", row: "r", values, etag });
    });

    it("keeps text that looks like a number or a date as text", async () => {
      const values = { digits: "12345678901234567890", version: "17", date: "2026-03-01T00:00:00Z" };

      await table.insert("p", "r", values);

      expect((await table.get("p", "r"))?.values).toEqual(values);
    });

    it("takes keys with quotes, spaces, percent signs and letters beyond ASCII", async () => {
      const [partition, row] = ["it's 100% möglich", "a+b&c=d 'x'"];

      await table.insert(partition, row, { a: 1 });

      expect((await table.get(partition, row))?.values).toEqual({ a: 1 });
      expect(await listed(table.list(partition))).toEqual([`${partition}/${row}`]);
    });

    it("refuses a second insert of the same key with a conflict and keeps the first", async () => {
      await table.insert("p", "r", { a: 1 });

      await expect(table.insert("p", "r", { a: 2 })).rejects.toMatchObject({ kind: "conflict" });

      expect((await table.get("p", "r"))?.values).toEqual({ a: 1 });
    });

    it("replaces all properties under the right ETag and answers a new one", async () => {
      const first = await table.insert("p", "r", { a: 1, b: "old" });

      const second = await table.replace("p", "r", { a: 2 }, first);

      expect(second).not.toBe(first);
      expect(await table.get("p", "r")).toEqual({ partition: "p", row: "r", values: { a: 2 }, etag: second });
    });

    it("gives every one of many quick writes an ETag of its own", async () => {
      const etags = [await table.insert("p", "r", { a: 0 })];

      for (let write = 1; write < 20; write += 1) {
        etags.push(await table.replace("p", "r", { a: write }, String(etags.at(-1))));
      }

      expect(new Set(etags).size).toBe(20);
    });

    it("refuses to replace under a stale ETag with a conflict and changes nothing", async () => {
      const stale = await table.insert("p", "r", { a: 1 });
      await table.replace("p", "r", { a: 2 }, stale);

      await expect(table.replace("p", "r", { a: 3 }, stale)).rejects.toMatchObject({ kind: "conflict" });

      expect((await table.get("p", "r"))?.values).toEqual({ a: 2 });
    });

    it("refuses to replace what is gone with a conflict", async () => {
      const etag = await table.insert("p", "r", { a: 1 });
      await table.remove("p", "r", etag);

      await expect(table.replace("p", "r", { a: 2 }, etag)).rejects.toMatchObject({ kind: "conflict" });

      expect(await table.get("p", "r")).toBeUndefined();
    });

    it("lets exactly one of two writers win that read the same ETag", async () => {
      const etag = await table.insert("p", "r", { by: "nobody" });

      const results = await Promise.allSettled([
        table.replace("p", "r", { by: "one" }, etag),
        table.replace("p", "r", { by: "other" }, etag),
      ]);

      expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    });

    it("removes under the right ETag, and removing it again is done", async () => {
      const etag = await table.insert("p", "r", { a: 1 });

      await table.remove("p", "r", etag);
      await table.remove("p", "r", etag);

      expect(await table.get("p", "r")).toBeUndefined();
    });

    it("refuses to remove under a stale ETag with a conflict", async () => {
      const stale = await table.insert("p", "r", { a: 1 });
      await table.replace("p", "r", { a: 2 }, stale);

      await expect(table.remove("p", "r", stale)).rejects.toMatchObject({ kind: "conflict" });

      expect((await table.get("p", "r"))?.values).toEqual({ a: 2 });
    });

    it("lists a partition, or the whole table, in key order whatever the order of inserts", async () => {
      for (const [partition, row] of [
        ["p-2", "b"],
        ["p-10", "a"],
        ["p-2", "a"],
        ["p-1", "z"],
        ["p-2", "B"],
      ] as const) {
        await table.insert(partition, row, {});
      }

      expect(await listed(table.list("p-2"))).toEqual(["p-2/B", "p-2/a", "p-2/b"]);
      expect(await listed(table.list())).toEqual(["p-1/z", "p-10/a", "p-2/B", "p-2/a", "p-2/b"]);
    });

    it("lists nothing of a partition that does not exist", async () => {
      await table.insert("p", "r", {});

      expect(await listed(table.list("q"))).toEqual([]);
    });

    it.each([
      [{ prefix: "p-1" }, ["p-1/a", "p-1/b", "p-10/a"]],
      [{ prefix: "p-1-" }, []],
      [{ after: { partition: "p-1", row: "a" } }, ["p-1/b", "p-10/a", "p-2/a", "p-2/b"]],
      [{ after: { partition: "p-1", row: "aa" } }, ["p-1/b", "p-10/a", "p-2/a", "p-2/b"]],
      [{ after: { partition: "p-10", row: "z" } }, ["p-2/a", "p-2/b"]],
      [{ after: { partition: "p-2", row: "b" } }, []],
      [{ after: { partition: "a", row: "a" }, prefix: "p-2" }, ["p-2/a", "p-2/b"]],
      [{ after: { partition: "p-2", row: "a" }, prefix: "p-2" }, ["p-2/b"]],
      [{ after: { partition: "p-2", row: "a" }, prefix: "p-1" }, []],
      [{ equals: { status: "it's" } }, ["p-1/b", "p-2/a"]],
      [{ equals: { status: "it's", code: "1" } }, ["p-2/a"]],
      [{ equals: { status: "it's" }, after: { partition: "p-1", row: "b" }, prefix: "p-" }, ["p-2/a"]],
      [{ equals: { nothing: "" } }, []],
    ])("lists the part %j in key order", async (part, expected) => {
      await table.insert("p-2", "b", { status: "open" });
      await table.insert("p-1", "a", { status: 1 });
      await table.insert("p-10", "a", {});
      await table.insert("p-1", "b", { status: "it's" });
      await table.insert("p-2", "a", { status: "it's", code: "1" });

      expect(await listed(table.list(undefined, part))).toEqual(expected);
    });

    it("lists more entities than one page holds, once each and with their ETags", async () => {
      const rows = Array.from({ length: 1_100 }, (_, index) => `r-${String(index).padStart(4, "0")}`);
      for (let start = 0; start < rows.length; start += 100) {
        await Promise.all(rows.slice(start, start + 100).map((row) => table.insert("p", row, { row })));
      }

      const found: Entity[] = [];
      for await (const entity of table.list("p")) found.push(entity);

      expect(found.map(({ row }) => row)).toEqual(rows);
      expect(found.every(({ etag, values, row }) => etag !== "" && values.row === row)).toBe(true);
    });

    it("takes text of 32,768 characters and refuses one more", async () => {
      await table.insert("p", "longest", { text: "é".repeat(32_768) });

      await expect(table.insert("p", "longer", { text: "é".repeat(32_769) })).rejects.toMatchObject({
        kind: "refused",
        code: "PropertyValueTooLarge",
      });
      expect((await table.get("p", "longest"))?.values.text).toHaveLength(32_768);
      expect(await table.get("p", "longer")).toBeUndefined();
    });

    it("takes 252 properties and refuses one more", async () => {
      const values = Object.fromEntries(Array.from({ length: 252 }, (_, index) => [`p${index}`, index]));
      const etag = await table.insert("p", "r", values);

      await expect(table.replace("p", "r", { ...values, more: 1 }, etag)).rejects.toMatchObject({ kind: "refused" });

      expect(Object.keys((await table.get("p", "r"))?.values ?? {})).toHaveLength(252);
    });

    it("refuses an entity above 1 MiB", async () => {
      const values = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`p${index}`, "x".repeat(32_000)]));

      await expect(table.insert("p", "r", values)).rejects.toMatchObject({ kind: "refused" });
    });

    it.each(["a/b", "a\\b", "a#b", "a?b", "a\tb", "a\u0085b", "x".repeat(513)])(
      "refuses the key %j as partition and as row",
      async (key) => {
        await expect(table.insert(key, "r", {})).rejects.toMatchObject({ kind: "refused" });
        await expect(table.insert("p", key, {})).rejects.toMatchObject({ kind: "refused" });
        await expect(table.get(key, "r")).rejects.toMatchObject({ kind: "refused" });
      },
    );

    it.each([
      ["a fraction", 1.5],
      ["more than 32 bits", 2 ** 31],
      ["no number", Number.NaN],
    ])("refuses a number that is %s", async (_what, value) => {
      await expect(table.insert("p", "r", { value })).rejects.toMatchObject({ kind: "refused" });
    });

    it.each(["PartitionKey", "rowKey", "Timestamp", "etag", "odata.etag", "with-dash", ""])(
      "refuses the property name %j",
      async (name) => {
        await expect(table.insert("p", "r", { [name]: "x" })).rejects.toMatchObject({ kind: "refused" });
      },
    );

    it("says unavailable, and never nothing there, while the table does not exist", async () => {
      const absent = tables().table("absentTable");

      await expect(absent.get("p", "r")).rejects.toMatchObject({ kind: "unavailable" });
      await expect(absent.insert("p", "r", {})).rejects.toMatchObject({ kind: "unavailable" });
      await expect(absent.replace("p", "r", {}, 'W/"x"')).rejects.toMatchObject({ kind: "unavailable" });
      await expect(absent.remove("p", "r", 'W/"x"')).rejects.toMatchObject({ kind: "unavailable" });
      await expect(listed(absent.list())).rejects.toMatchObject({ kind: "unavailable" });
    });

    it("creates tables once however often they are asked for, and keeps what they hold", async () => {
      const names = ["twiceOne", "twiceTwo"];
      await Promise.all([tables().ensure(names), tables().ensure(names)]);
      await tables().table("twiceOne").insert("p", "r", { a: 1 });

      await tables().ensure(names);

      expect((await tables().table("twiceOne").get("p", "r"))?.values).toEqual({ a: 1 });
    });
  });
}
