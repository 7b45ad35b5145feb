import { describe, expect, it } from "vitest";
import { ConflictError } from "../../../shared/errors.js";
import type { EntityTable } from "../../../shared/storage/entity-table.js";
import {
  type FailureRecord,
  type FailureStatus,
  type FailureStore,
  makeFailureStore,
} from "../../../shared/storage/failures.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";
import { fixedClock } from "../../support/fixed-clock.js";
import { aFailure, recordId } from "../../support/samples.js";

async function newStore(wrap: (table: EntityTable) => EntityTable = (table) => table) {
  const tables = makeMemoryEntityTables();
  await tables.ensure(["failures"]);
  const table = tables.table("failures");
  const clock = fixedClock("2026-03-01T00:00:00.000Z");
  return { table, clock, store: makeFailureStore(wrap(table), clock) };
}

async function listed(store: FailureStore, status?: FailureStatus): Promise<FailureRecord[]> {
  const records: FailureRecord[] = [];
  for await (const record of store.list(status)) records.push(record);
  return records;
}

/** The table, noting its calls by name. */
function noting(calls: string[]) {
  return (table: EntityTable): EntityTable => ({
    ...table,
    get(...key) {
      calls.push("get");
      return table.get(...key);
    },
    insert(...entity) {
      calls.push("insert");
      return table.insert(...entity);
    },
    replace(...entity) {
      calls.push("replace");
      return table.replace(...entity);
    },
  });
}

describe("the failure store", () => {
  it("keeps what was reported, open, with the time", async () => {
    const { store } = await newStore();

    await store.report(aFailure());

    expect(await listed(store)).toEqual([
      {
        ...aFailure(),
        status: "open",
        firstAt: "2026-03-01T00:00:00.000Z",
        lastAt: "2026-03-01T00:00:00.000Z",
        reports: 1,
      },
    ]);
  });

  it("updates the row of a record that fails again, on another day too, and keeps when it began", async () => {
    const { store, clock } = await newStore();
    await store.report(aFailure());
    clock.advance(48 * 3_600_000);

    await store.report(aFailure({ code: "CAM-000002", attempts: 3, cause: "redrive" }));

    expect(await listed(store)).toMatchObject([
      {
        code: "CAM-000002",
        attempts: 3,
        cause: "redrive",
        firstAt: "2026-03-01T00:00:00.000Z",
        lastAt: "2026-03-03T00:00:00.000Z",
        reports: 2,
      },
    ]);
  });

  it("resolves the failure of a record that was written after all, and says so only of that record", async () => {
    const { store } = await newStore();
    await store.report(aFailure());
    await store.report(aFailure({ id: recordId(2) }));
    await store.report(aFailure({ table: "account" }));

    await store.resolve("contact", recordId(1));

    expect((await listed(store, "resolved")).map(({ id }) => id)).toEqual([recordId(1)]);
    expect((await listed(store, "open")).map(({ table, id }) => `${table} ${id}`).sort()).toEqual([
      `account ${recordId(1)}`,
      `contact ${recordId(2)}`,
    ]);
  });

  it("opens a resolved failure again as a new one when the record fails later", async () => {
    const { store, clock } = await newStore();
    await store.report(aFailure());
    await store.resolve("contact", recordId(1));
    clock.advance(60_000);

    await store.report(aFailure());

    expect(await listed(store)).toMatchObject([{ status: "open", firstAt: "2026-03-01T00:01:00.000Z", reports: 1 }]);
  });

  it("spends one read and no write on resolving a record that never failed", async () => {
    const calls: string[] = [];
    const { store } = await newStore(noting(calls));

    await store.resolve("contact", recordId(1));

    expect(calls).toEqual(["get"]);
  });

  it.each(["resolved", "dismissed"])("spends one read and no write on resolving what is %s", async (status) => {
    const calls: string[] = [];
    const { store, table } = await newStore(noting(calls));
    await store.report(aFailure());
    for await (const { partition, row, values, etag } of table.list())
      await table.replace(partition, row, { ...values, status }, etag);
    calls.length = 0;

    await store.resolve("contact", recordId(1));

    expect(calls).toEqual(["get"]);
    expect(await listed(store)).toMatchObject([{ status }]);
  });

  it("reads again and decides anew when somebody else was faster", async () => {
    let faster = 2;
    const { store } = await newStore((table) => ({
      ...table,
      async insert(...entity) {
        faster -= 1;
        if (faster === 1) await table.insert(...entity);
        return table.insert(...entity);
      },
    }));

    await store.report(aFailure());

    expect(await listed(store)).toMatchObject([{ status: "open", reports: 2 }]);
  });

  it("gives up with the conflict after three tries", async () => {
    const calls: string[] = [];
    const { store } = await newStore((table) =>
      noting(calls)({
        ...table,
        async insert() {
          throw new ConflictError("always faster");
        },
      }),
    );

    await expect(store.report(aFailure())).rejects.toMatchObject({ kind: "conflict" });

    expect(calls).toEqual(["get", "insert", "get", "insert", "get", "insert"]);
  });

  it("cuts a message that would not fit", async () => {
    const { store } = await newStore();

    await store.report(aFailure({ message: "x".repeat(100_000) }));

    expect((await listed(store))[0]?.message).toHaveLength(2_000);
  });

  it("passes trouble of the table on", async () => {
    const store = makeFailureStore(makeMemoryEntityTables().table("failures"), fixedClock("2026-03-01T00:00:00Z"));

    await expect(store.report(aFailure())).rejects.toMatchObject({ kind: "unavailable" });
    await expect(store.resolve("contact", recordId(1))).rejects.toMatchObject({ kind: "unavailable" });
  });
});
