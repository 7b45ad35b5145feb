import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConflictError } from "../../shared/errors.js";
import { documentText } from "../../shared/mapping/document-text.js";
import { examineMapping } from "../../shared/mapping/validate.js";
import { makeAzureEntityTables } from "../../shared/storage/azure-entity-table.js";
import {
  makeSettingsVersions,
  type NextSettings,
  type SettingsVersions,
  shippedVersion,
} from "../../shared/storage/settings-versions.js";
import { type Azurite, startAzurite } from "../support/azurite.js";
import { aField, aMappingDocument } from "../support/mappings.js";

let azurite: Azurite;
let store: SettingsVersions;

beforeAll(async () => {
  azurite = await startAzurite();
  const tables = makeAzureEntityTables({ connectionString: azurite.connectionString });
  await tables.ensure(["settings"]);
  store = makeSettingsVersions(tables.table("settings"), shippedVersion(1, [{ table: { name: "contact" } }]));
});
afterAll(() => azurite.close());

function next(text: string): NextSettings {
  const publishedAt = "2026-03-01T00:00:00.000Z";
  const documents = [{ table: "contact", text }];
  return { documents, replays: ["contact"], language: 1033, publishedAt, by: "operator-1", note: "" };
}

describe("published settings over Azurite", () => {
  it("come back whole when a document is long and its labels are not in ASCII", async () => {
    const document = aMappingDocument([aField({ otherwise: `x${"😀ü".repeat(20_000)}` })]);
    const { mapping } = examineMapping(document);
    if (!mapping) throw new Error("the test's document has the wrong shape");
    const text = documentText(mapping);

    const version = await store.publish(next(text), await store.inForce());

    const read = await store.read(version);
    expect(JSON.parse(String(read?.texts[0]))).toEqual(JSON.parse(JSON.stringify(mapping)));
    expect(await store.inForce()).toMatchObject({ version, replays: ["contact"] });
    expect((await store.history()).map((one) => one.version)).toEqual([version, 1]);
  });

  it("refuse the slower of two publishers", async () => {
    const seen = await store.inForce();
    await store.publish(next("a"), seen);

    await expect(store.publish(next("b"), seen)).rejects.toThrow(ConflictError);
    expect((await store.inForce()).version).toBe(seen.version + 1);
  });
});
