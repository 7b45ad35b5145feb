import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bucketOf } from "../../../shared/model/lane.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";
import { makeSyncStateStore, type SyncState } from "../../../shared/storage/sync-state.js";
import { recordId, version } from "../../support/samples.js";

async function newStore() {
  const tables = makeMemoryEntityTables();
  await tables.ensure(["syncstate"]);
  const table = tables.table("syncstate");
  return { table, store: makeSyncStateStore(table) };
}

const hash = fc.stringMatching(/^[\w-]{24}$/);
const instant = fc.date({ min: new Date("2020-01-01"), max: new Date("2099-12-31"), noInvalidDate: true });
const states: fc.Arbitrary<SyncState> = fc.record(
  {
    version: fc.bigInt(0n, 2n ** 64n - 1n).map(version),
    settings: fc.nat(),
    epoch: fc.nat(),
    always: hash,
    insertOnly: hash,
    present: fc.boolean(),
    tombstone: instant.map((date) => date.toISOString()),
    intent: fc.record({ kind: fc.constantFrom("write", "delete"), until: instant.map((date) => date.getTime()) }),
  },
  { requiredKeys: ["settings", "epoch", "present"] },
);

describe("the sync state store", () => {
  it("knows nothing of a record that was never saved", async () => {
    const { store } = await newStore();

    expect(await store.read("contact", recordId(1))).toBeUndefined();
  });

  it("reads every state back exactly as it was saved", async () => {
    const { store } = await newStore();
    let n = 0;
    await fc.assert(
      fc.asyncProperty(states, async (state) => {
        n += 1;
        const etag = await store.save("contact", recordId(n), state, undefined);

        expect(await store.read("contact", recordId(n))).toEqual({ state, etag });
      }),
    );
  });

  it("leaves nothing of the state before when it saves another", async () => {
    const { store } = await newStore();
    const intent = { kind: "delete", until: Date.parse("2026-03-01T00:01:00Z") } as const;
    const first = {
      settings: 1,
      epoch: 1,
      present: true,
      always: "hash",
      tombstone: "2026-03-01T00:00:00.000Z",
      intent,
    };
    const etag = await store.save("contact", recordId(1), first, undefined);

    await store.save("contact", recordId(1), { settings: 1, epoch: 1, present: false }, etag);

    expect((await store.read("contact", recordId(1)))?.state).toEqual({ settings: 1, epoch: 1, present: false });
  });

  it("refuses with a conflict to save under an ETag that somebody else used, and to save anew what exists", async () => {
    const { store } = await newStore();
    const state = { settings: 1, epoch: 1, present: true };
    const etag = await store.save("contact", recordId(1), state, undefined);
    await store.save("contact", recordId(1), state, etag);

    await expect(store.save("contact", recordId(1), state, etag)).rejects.toMatchObject({ kind: "conflict" });
    await expect(store.save("contact", recordId(1), state, undefined)).rejects.toMatchObject({ kind: "conflict" });
  });

  it("keeps a record in the partition of its bucket, so that it is found whatever the number of lanes", async () => {
    const { store, table } = await newStore();

    await store.save("contact", recordId(7), { settings: 1, epoch: 1, present: false }, undefined);

    const entity = await table.get(`contact-${bucketOf("contact", recordId(7))}`, recordId(7));
    expect(entity?.values).toEqual({ settings: 1, epoch: 1, present: false });
  });

  it("never reads trouble as nothing there", async () => {
    const store = makeSyncStateStore(makeMemoryEntityTables().table("syncstate"));

    await expect(store.read("contact", recordId(1))).rejects.toMatchObject({ kind: "unavailable" });
  });
});
