import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readMappings } from "../../infra/dataverse/read-mappings.js";
import { SettingsError } from "../../shared/errors.js";
import { shippedDocuments, shippedMappings } from "../../shared/mapping/shipped.js";
import { type AcmeDynamics, acmeDocuments, makeAcmeDynamics } from "../support/acme-tables.js";
import { fixedClock } from "../support/fixed-clock.js";

let dynamics: AcmeDynamics;
let folder: string;

beforeEach(async () => {
  dynamics = await makeAcmeDynamics(fixedClock("2026-03-01T00:00:00Z"), []);
  folder = mkdtempSync(join(tmpdir(), "mappings-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Writes the documents to files and answers their paths. */
function files(documents: readonly unknown[]): string[] {
  return documents.map((document, index) => {
    const file = join(folder, `${index}.json`);
    writeFileSync(file, typeof document === "string" ? document : JSON.stringify(document));
    return file;
  });
}

describe("the mappings to register for", () => {
  it("are those that ship when no file is given, and nothing is asked of Dynamics", async () => {
    const mappings = await readMappings(dynamics.client, [], 1033);

    expect([...mappings.keys()]).toEqual([...shippedMappings().keys()]);
    expect(dynamics.asked).toEqual([]);
  });

  it("are the documents in the files, read as they will be once published, though change tracking is still off", async () => {
    const [dealer, vehicle, visit] = acmeDocuments();
    const open = { ...visit, columns: { ...(visit?.columns as object), acme_localtime: "datetime" } };

    const mappings = await readMappings(dynamics.client, files([...shippedDocuments, dealer, vehicle, open]), 1033);

    expect([...mappings.keys()]).toEqual(["contact", "acme_dealer", "acme_vehicle", "acme_visit"]);
    expect(mappings.get("acme_visit")?.columns.acme_localtime).toBe("walltime");
  });

  it("are refused with every problem, named by its file and path", async () => {
    const [first, second] = files([
      { ...acmeDocuments()[0], key: {} },
      { ...shippedDocuments[0], table: { name: "x" } },
    ]);

    const reading = readMappings(dynamics.client, [String(first), String(second)], 1033);

    await expect(reading).rejects.toThrow(SettingsError);
    await expect(reading).rejects.toThrow(`${first} key.field: is missing`);
    await expect(reading).rejects.toThrow(`${second} table.set: is missing`);
  });

  it("are refused when a file is not JSON or not there", async () => {
    const [broken] = files(["{"]);

    await expect(readMappings(dynamics.client, [String(broken)], 1033)).rejects.toThrow("is not JSON");
    await expect(readMappings(dynamics.client, [join(folder, "none.json")], 1033)).rejects.toThrow("cannot be read");
  });
});
