import { beforeEach, describe, expect, it } from "vitest";
import { ConflictError, RefusedError, UnavailableError } from "../../../shared/errors.js";
import type { EntityTable } from "../../../shared/storage/entity-table.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";
import {
  hashOf,
  makeSettingsVersions,
  type NextSettings,
  type SettingsVersions,
  shippedVersion,
} from "../../../shared/storage/settings-versions.js";

const shipped = shippedVersion(1, [{ table: { name: "contact" } }]);
let table: EntityTable;
let store: SettingsVersions;

beforeEach(async () => {
  const tables = makeMemoryEntityTables();
  await tables.ensure(["settings"]);
  table = tables.table("settings");
  store = makeSettingsVersions(table, shipped);
});

function next(text: string, changes: Partial<NextSettings> = {}): NextSettings {
  const publishedAt = "2026-03-01T00:00:00.000Z";
  return {
    documents: [{ table: "contact", text }],
    replays: [],
    language: 1033,
    publishedAt,
    by: "operator-1",
    note: "",
    ...changes,
  };
}

describe("the store of published settings", () => {
  it("has what ships with the app in force, as version 1, while nothing was published", async () => {
    expect(await store.inForce()).toEqual({ version: 1, replays: [], etag: undefined });
    expect(await store.read(1)).toEqual(shipped);
    expect((await store.history()).map(({ version }) => version)).toEqual([1]);
    expect(await store.read(2)).toBeUndefined();
  });

  it("puts the first publication in force as version 2, with its documents, language, author and note", async () => {
    const documents = [
      { table: "acme_dealer", text: "dealer" },
      { table: "contact", text: "contact" },
    ];

    const version = await store.publish(next("", { documents, note: "first", language: 1031 }), await store.inForce());

    expect(version).toBe(2);
    expect(await store.inForce()).toMatchObject({ version: 2, replays: [] });
    expect(await store.read(2)).toEqual({
      version: 2,
      previous: 1,
      language: 1031,
      publishedAt: "2026-03-01T00:00:00.000Z",
      by: "operator-1",
      note: "first",
      documents: documents.map(({ table: name, text }) => ({ table: name, hash: hashOf(text) })),
      texts: ["dealer", "contact"],
    });
  });

  it("lists all versions, newest first, past the tenth too", async () => {
    for (let count = 0; count < 11; count += 1) await store.publish(next(`${count}`), await store.inForce());

    expect((await store.history()).map(({ version }) => version)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  });

  it("keeps a document of 400,000 characters whole and refuses one that no entity holds", async () => {
    const long = Array.from({ length: 400_000 }, (_, index) => String.fromCharCode(97 + (index % 23))).join("");

    await store.publish(next(long), await store.inForce());
    const tooLong = store.publish(next(long + long), await store.inForce());

    expect((await store.read(2))?.texts[0] === long).toBe(true);
    await expect(tooLong).rejects.toThrow(RefusedError);
    expect((await store.inForce()).version).toBe(2);
  });

  it("lets one of two publishers win who saw the same version in force, and tells the other", async () => {
    const seen = await store.inForce();
    await store.publish(next("newer"), seen);

    const late = store.publish(next("older"), seen);

    await expect(late).rejects.toThrow(ConflictError);
    expect((await store.inForce()).version).toBe(2);
    expect((await store.read(2))?.texts).toEqual(["newer"]);
  });

  it("never mixes the documents of two publishers who write at the same moment", async () => {
    const seen = await store.inForce();

    const results = await Promise.allSettled(["a", "b", "c"].map((text) => store.publish(next(text), seen)));

    const won = results.flatMap((result, index) => (result.status === "fulfilled" ? ["abc"[index]] : []));
    expect(won).toHaveLength(1);
    const { version } = await store.inForce();
    expect((await store.read(version))?.texts).toEqual(won);
  });

  it("passes over the number of a version whose publisher died before it took effect", async () => {
    const dying = makeSettingsVersions(
      {
        ...table,
        insert: (partition, ...rest) =>
          partition === "in-force" ? Promise.reject(new Error()) : table.insert(partition, ...rest),
      },
      shipped,
    );
    await dying.publish(next("lost"), await store.inForce()).catch(() => {});

    const version = await store.publish(next("kept"), await store.inForce());

    expect(version).toBe(3);
    expect((await store.read(3))?.previous).toBe(1);
    expect((await store.history()).map(({ version: number }) => number)).toEqual([3, 2, 1]);
  });

  it("keeps what is owed until it is ordered, and nothing of a publication that was overtaken", async () => {
    await store.publish(next("a", { replays: ["contact", "account"] }), await store.inForce());
    const seen = await store.inForce();

    await store.replaysOrdered(["contact"], seen);
    const overtaken = store.replaysOrdered(["account"], seen);

    await expect(overtaken).rejects.toThrow(ConflictError);
    expect(await store.inForce()).toMatchObject({ version: 2, replays: ["account"] });
  });

  it.each([
    ["the pointer", "in-force", "main", { version: "2" }],
    ["version 2", "version", "0000000002", { version: 2 }],
    ["the document of contact", "mapping-contact", hashOf("a"), { text: "b" }],
  ])("says that %s is damaged instead of taking it for nothing", async (what, partition, row, values) => {
    await store.publish(next("a"), await store.inForce());
    const entity = await table.get(partition, row);
    await table.replace(partition, row, values, String(entity?.etag));

    const reading = store.inForce().then(({ version }) => store.read(version));

    await expect(reading).rejects.toThrow(UnavailableError);
    await expect(reading).rejects.toThrow(`${what} is damaged`);
  });
});
