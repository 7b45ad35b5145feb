import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { all, properties, refusal, text, useTables } from "./support.js";

const { fresh, client } = useTables();

/** Characters of UTF-16 in 1 MiB. The exact limit lies up to some 200 bytes below (unconfirmed), so tests stay 1 KiB away. */
const mebibyteOfText = 512 * 1024;
const margin = 1024;

describe("limits of a property (facts/azure-local.md §3)", () => {
  it("takes text of 32 Ki characters, and refuses one more with 400 PropertyValueTooLarge", async () => {
    const table = await fresh();
    await table.createEntity({ partitionKey: "p", rowKey: "fits", t: "é".repeat(32 * 1024) });

    const refused = await refusal(table.createEntity({ partitionKey: "p", rowKey: "r", t: "é".repeat(32 * 1024 + 1) }));

    expect(refused).toMatchObject({ status: 400, code: "PropertyValueTooLarge" });
  });

  it("takes 64 KiB of bytes, and refuses one more with 400 PropertyValueTooLarge", async () => {
    const table = await fresh();
    await table.createEntity({ partitionKey: "p", rowKey: "fits", b: new Uint8Array(64 * 1024) });

    const refused = await refusal(
      table.createEntity({ partitionKey: "p", rowKey: "r", b: new Uint8Array(64 * 1024 + 1) }),
    );

    expect(refused).toMatchObject({ status: 400, code: "PropertyValueTooLarge" });
  });
});

describe("the number of properties, which Azurite alone does not limit (facts/azure-local.md §3)", () => {
  it("takes 252", async () => {
    const table = await fresh();

    await table.createEntity({ partitionKey: "p", rowKey: "r", ...properties(252) });

    expect(await table.getEntity("p", "r")).toHaveProperty("p251", 251);
  });

  it("refuses the 253rd with 400 TooManyProperties and stores nothing", async () => {
    const table = await fresh();

    const refused = await refusal(table.createEntity({ partitionKey: "p", rowKey: "r", ...properties(253) }));

    expect(refused).toMatchObject({ status: 400, code: "TooManyProperties" });
    expect(await all(table.listEntities())).toEqual([]);
  });

  it("does not count a property that is null", async () => {
    const table = await fresh();

    await table.createEntity({ partitionKey: "p", rowKey: "r", ...properties(252), none: null as unknown as string });

    expect(await table.getEntity("p", "r")).toHaveProperty("p251", 251);
  });

  it("counts a property with a declared type once", async () => {
    const table = await fresh();
    const ids = Array.from({ length: 252 }, (_, index) => [`g${index}`, { type: "Guid", value: randomUUID() }]);

    await table.createEntity({ partitionKey: "p", rowKey: "r", ...Object.fromEntries(ids) });

    expect(await table.getEntity("p", "r")).toHaveProperty("g251");
  });

  it.each(["Replace", "Merge"] as const)("refuses 253 in an upsert in mode %s", async (mode) => {
    const table = await fresh();

    const refused = await refusal(table.upsertEntity({ partitionKey: "p", rowKey: "r", ...properties(253) }, mode));

    expect(refused).toMatchObject({ status: 400, code: "TooManyProperties" });
  });

  it("refuses a merge of one property onto 252 others, and takes one that overwrites", async () => {
    const table = await fresh();
    await table.createEntity({ partitionKey: "p", rowKey: "r", ...properties(252) });

    await table.updateEntity({ partitionKey: "p", rowKey: "r", p0: -1 }, "Merge");
    const refused = await refusal(table.updateEntity({ partitionKey: "p", rowKey: "r", more: 1 }, "Merge"));

    expect(refused).toMatchObject({ status: 400, code: "TooManyProperties" });
    expect(await table.getEntity("p", "r")).toHaveProperty("p0", -1);
  });

  it("says 412 rather than 400 when a merge that is too wide also comes with another etag", async () => {
    const table = await fresh();
    const { etag } = await table.createEntity({ partitionKey: "p", rowKey: "r", ...properties(252) });
    await table.updateEntity({ partitionKey: "p", rowKey: "r", p0: -1 }, "Merge");

    const refused = await refusal(
      table.updateEntity({ partitionKey: "p", rowKey: "r", more: 1 }, "Merge", { etag: String(etag) }),
    );

    expect(refused).toMatchObject({ status: 412 });
  });
});

describe("the size of an entity, which Azurite alone does not limit (facts/azure-local.md §3)", () => {
  it("takes an entity of just under 1 MiB", async () => {
    const table = await fresh();

    await table.createEntity({ partitionKey: "p", rowKey: "r", ...text(mebibyteOfText - margin) });

    expect(await table.getEntity("p", "r")).toHaveProperty("t0");
  });

  it("refuses text above 1 MiB with 400 EntityTooLarge, though it is half of that on the wire", async () => {
    const table = await fresh();

    const refused = await refusal(table.createEntity({ partitionKey: "p", rowKey: "r", ...text(mebibyteOfText) }));

    expect(refused).toMatchObject({ status: 400, code: "EntityTooLarge" });
    expect(refused.message).toContain("larger than the maximum allowed size (1MB)");
    expect(await all(table.listEntities())).toEqual([]);
  });

  it("counts bytes as bytes, not as the base64 on the wire", async () => {
    const table = await fresh();
    const bytes = (pieces: number): Record<string, Uint8Array> =>
      Object.fromEntries(Array.from({ length: pieces }, (_, index) => [`b${index}`, new Uint8Array(60_000)]));

    await table.createEntity({ partitionKey: "p", rowKey: "fits", ...bytes(17) });

    expect(await refusal(table.createEntity({ partitionKey: "p", rowKey: "r", ...bytes(18) }))).toMatchObject({
      status: 400,
      code: "EntityTooLarge",
    });
  });

  it("refuses a replacement above 1 MiB and keeps the old entity", async () => {
    const table = await fresh();
    await table.createEntity({ partitionKey: "p", rowKey: "r", a: 1 });

    const refused = await refusal(
      table.updateEntity({ partitionKey: "p", rowKey: "r", ...text(mebibyteOfText) }, "Replace"),
    );

    expect(refused).toMatchObject({ status: 400, code: "EntityTooLarge" });
    expect(await table.getEntity("p", "r")).toHaveProperty("a", 1);
  });

  it("refuses the merge that takes an entity above 1 MiB though it is small itself", async () => {
    const table = await fresh();
    await table.createEntity({ partitionKey: "p", rowKey: "r", ...text(mebibyteOfText - margin) });

    const refused = await refusal(
      table.updateEntity({ partitionKey: "p", rowKey: "r", more: "x".repeat(2 * margin) }, "Merge"),
    );

    expect(refused).toMatchObject({ status: 400, code: "EntityTooLarge" });
    expect(await table.getEntity("p", "r")).not.toHaveProperty("more");
  });

  it("takes a transaction after a refused merge", async () => {
    const table = await fresh();
    await table.createEntity({ partitionKey: "p", rowKey: "r", ...text(mebibyteOfText - margin) });
    await refusal(table.updateEntity({ partitionKey: "p", rowKey: "r", more: "x".repeat(2 * margin) }, "Merge"));

    await table.submitTransaction([["delete", { partitionKey: "p", rowKey: "r" }]]);

    expect(await all(table.listEntities())).toEqual([]);
  });

  it("goes on serving on the same connections after a refusal", async () => {
    const table = await fresh();
    await Promise.all(
      Array.from({ length: 5 }, (_, index) =>
        refusal(table.createEntity({ partitionKey: "p", rowKey: `r${index}`, ...text(mebibyteOfText) })),
      ),
    );

    await table.createEntity({ partitionKey: "p", rowKey: "r", a: 1 });

    expect(await all(client(table.tableName).listEntities())).toHaveLength(1);
  });
});
