import { beforeEach, describe, expect, it } from "vitest";
import { UnavailableError } from "../../../shared/errors.js";
import type { SettingsSource } from "../../../shared/flows/ports.js";
import { makeMemoryEntityTables } from "../../../shared/storage/memory-entity-table.js";
import { makeSettingsSource } from "../../../shared/storage/settings-source.js";
import {
  makeSettingsVersions,
  type SettingsVersions,
  shippedVersion,
} from "../../../shared/storage/settings-versions.js";
import { type FixedClock, fixedClock } from "../../support/fixed-clock.js";
import { aField, aMappingDocument } from "../../support/mappings.js";

const shipped = shippedVersion(1, [aMappingDocument() as { table: { name: string } } & Record<string, unknown>]);
let clock: FixedClock;
let store: SettingsVersions;
let source: SettingsSource;
let reads: number;
let breakReads: boolean;

beforeEach(async () => {
  clock = fixedClock("2026-03-01T00:00:00Z");
  reads = 0;
  breakReads = false;
  const tables = makeMemoryEntityTables();
  await tables.ensure(["settings"]);
  const table = tables.table("settings");
  store = makeSettingsVersions(table, shipped);
  source = makeSettingsSource(
    makeSettingsVersions(
      {
        ...table,
        async get(...key) {
          reads += 1;
          if (breakReads) throw new UnavailableError("the table is away", false);
          return table.get(...key);
        },
      },
      shipped,
    ),
    clock,
  );
});

/** Publishes contacts with a last name of at most `length`. */
async function publish(length: number): Promise<number> {
  const document = aMappingDocument([aField({ maxLength: length, misfit: "truncate" })]);
  return publishTexts([["contact", JSON.stringify(document)]]);
}

async function publishTexts(documents: readonly [string, string][]): Promise<number> {
  return store.publish(
    {
      documents: documents.map(([table, text]) => ({ table, text })),
      replays: [],
      language: 1033,
      publishedAt: "2026-03-01T00:00:00.000Z",
      by: "operator-1",
      note: "",
    },
    await store.inForce(),
  );
}

const lastName = async (): Promise<unknown> =>
  (await source.current()).mappings.get("contact")?.map({ lastname: "Abendrot" }).always.lastName;

describe("the settings in force of one process", () => {
  it("are those that ship with the app, as version 1, while nothing was published", async () => {
    expect(await source.current()).toMatchObject({ version: 1 });
    expect(await lastName()).toBe("Abendrot");
  });

  it("follow a publication within a second, without a restart", async () => {
    await source.current();
    clock.advance(100);
    await publish(3);
    const before = await lastName();

    clock.advance(900);

    expect([before, await lastName()]).toEqual(["Abendrot", "Abe"]);
  });

  it("cost one read a second, however many ask and whether or not they ask at the same moment", async () => {
    await publish(3);
    for (let second = 0; second < 5; second += 1) {
      await Promise.all(Array.from({ length: 50 }, () => source.current()));
      clock.advance(500);
      await source.current();
      clock.advance(500);
    }

    // The pointer five times; manifest and document once.
    expect(reads).toBe(5 + 2);
  });

  it("keep the compiled mapping of a table whose document a publication left as it was", async () => {
    await publish(3);
    const first = (await source.current()).mappings.get("contact");
    const text = String((await store.read(2))?.texts[0]);
    const account = aMappingDocument([aField()], {
      table: { name: "account", set: "accounts", id: "accountid" },
      columns: { accountid: "id", lastname: "string" },
      resource: { api: "customResources", name: "cusAccount" },
    });
    await publishTexts([
      ["contact", text],
      ["account", JSON.stringify(account)],
    ]);
    clock.advance(1_000);

    const { mappings } = await source.current();

    expect([...mappings.keys()]).toEqual(["contact", "account"]);
    expect(mappings.get("contact")).toBe(first);
  });

  it("are read anew at once when somebody has worked by a newer version already", async () => {
    await source.current();
    const version = await publish(3);

    expect(await source.atLeast(version)).toMatchObject({ version });
    expect(await lastName()).toBe("Abe");
  });

  it("are not to be had when the store does not know the version that somebody worked by", async () => {
    await expect(source.atLeast(2)).rejects.toThrow(UnavailableError);
  });

  it("never go back, even when the store does", async () => {
    await publish(3);
    await publish(4);
    await source.current();
    const emptied = makeMemoryEntityTables();
    await emptied.ensure(["settings"]);
    const empty = makeSettingsVersions(emptied.table("settings"), shipped);
    let now: SettingsVersions = store;
    const moving = makeSettingsSource({ inForce: () => now.inForce(), read: (version) => now.read(version) }, clock);
    await moving.current();
    now = empty;
    clock.advance(5_000);

    expect((await moving.current()).version).toBe(3);
  });

  it("stay with the newer of two readings when the older one ends last", async () => {
    let release: () => void = () => {};
    let holds = false;
    const slow = makeSettingsSource(
      {
        inForce: () => store.inForce(),
        async read(version) {
          const found = await store.read(version);
          if (!holds) return found;
          holds = false;
          await new Promise<void>((resolve) => {
            release = resolve;
          });
          return found;
        },
      },
      clock,
    );
    await slow.current();
    await publish(3);
    holds = true;
    const older = slow.atLeast(2);
    await new Promise(setImmediate);
    await publish(4);
    await slow.atLeast(3);

    release();

    expect((await older).version).toBe(3);
    expect((await slow.current()).version).toBe(3);
  });

  it("are an error, not old settings, when the store cannot be read once a second is over", async () => {
    await source.current();
    breakReads = true;
    clock.advance(999);
    const within = await source.current();
    clock.advance(1);

    expect(within.version).toBe(1);
    await expect(source.current()).rejects.toThrow(UnavailableError);
    breakReads = false;
    expect((await source.current()).version).toBe(1);
  });

  it("are an error that says what to do when a newer app published what this one does not understand", async () => {
    await publishTexts([["contact", JSON.stringify({ ...aMappingDocument(), novelty: true })]]);

    const asking = source.current();

    await expect(asking).rejects.toThrow(UnavailableError);
    await expect(asking).rejects.toThrow(/version 2 \(novelty.*deploy the app that published it/);
  });
});
