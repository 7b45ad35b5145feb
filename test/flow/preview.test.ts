import { beforeEach, describe, expect, it } from "vitest";
import { MalformedError, UnavailableError } from "../../shared/errors.js";
import { maxPreviewRecords, previewRecords, type RecordPreview } from "../../shared/flows/preview.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import type { Row } from "../../shared/model/row.js";
import { type IngressWorld, makeIngressWorld } from "../support/ingress-world.js";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";
import { anEnvelope, recordId } from "../support/samples.js";

const id = recordId(1);
const account = recordId(90);

let world: IngressWorld;
beforeEach(async () => {
  world = await makeIngressWorld({ mapping: draft() });
});

/** Contacts whose first name is `out` are not wanted; an account, where there is one, has to be there first. */
function draft(changes: Record<string, unknown> = {}): CompiledMapping {
  const fields = [
    aField({ maxLength: 10 }),
    aField({ source: { column: "firstname" }, target: "firstName" }),
    aField({ source: { column: "birthdate" }, target: "birthDate", type: "date" }),
    aField({ source: { column: "nickname" }, target: "salutation", applyUpdates: false }),
    {
      source: { column: "parentcustomerid" },
      target: "orgUnit",
      type: "link",
      link: { table: "account", cardinality: "0..1", by: "key" },
    },
  ];
  return compiled(
    aMappingDocument(fields, {
      columns: {
        contactid: "id",
        lastname: "string",
        firstname: "string",
        nickname: "string",
        birthdate: "date",
        parentcustomerid: { type: "lookup", targets: ["account"] },
      },
      filters: { join: "and", conditions: [{ column: "firstname", comparison: "notEquals", value: "out" }] },
      ...changes,
    }),
  );
}

async function preview(mapping = draft(), options: { replay?: boolean } = {}): Promise<RecordPreview | undefined> {
  return (await previewRecords(world.ports, mapping, [id], options)).records[0];
}

/** The record in Campaign by our own hand, as this row says. */
async function bring(row: Row): Promise<void> {
  world.dynamics.put(id, row);
  const { version: _version, ...bare } = anEnvelope();
  await world.queue.send([{ ...bare, nonce: "brought" }]);
  await world.drain();
}

const parent = (state: Record<string, unknown>) =>
  world.ports.states.save("account", account, { settings: 1, epoch: 1, present: false, ...state }, undefined);

describe("previewing what a mapping would do to a record", () => {
  it("shows the fields a new record would get, without those that stay empty", async () => {
    world.dynamics.put(id, { lastname: "Lee", nickname: "Dr" });

    expect(await preview()).toEqual({
      id,
      outcome: "created",
      fields: [
        { field: "lastName", after: "Lee" },
        { field: "salutation", after: "Dr" },
      ],
      warnings: [],
    });
  });

  it("shows which fields an update would change, before and after, and which Campaign has changed by itself", async () => {
    await bring({ lastname: "von lee", firstname: "Ann" });
    world.dynamics.put(id, { lastname: "von lee", firstname: "Anna", birthdate: "1990-05-03" });

    expect(await preview()).toEqual({
      id,
      outcome: "updated",
      fields: [
        { field: "firstName", before: "Ann", after: "Anna" },
        { field: "birthDate", before: "", after: "1990-05-03" },
      ],
      altered: ["lastName"],
      warnings: [],
    });
  });

  it("shows insert-only fields of an existing record only for a replay", async () => {
    await bring({ lastname: "Lee", nickname: "Dr" });
    world.campaignCommand("edit", { resource: "profile", key: id, values: { salutation: "Prof" } });

    expect(await preview()).toMatchObject({ outcome: "unchanged" });
    expect(await preview(draft(), { replay: true })).toMatchObject({
      outcome: "updated",
      fields: [{ field: "salutation", before: "Prof", after: "Dr" }],
    });
  });

  it("says that nothing would change", async () => {
    await bring({ lastname: "Lee" });

    expect(await preview()).toEqual({ id, outcome: "unchanged", altered: [], warnings: [] });
  });

  it("shows that a record of Campaign which is not ours yet would be taken over", async () => {
    world.campaignCommand("seed", { resource: "profile", records: [{ externalId: id, lastName: "Old" }] });
    world.dynamics.put(id, { lastname: "Lee" });

    expect(await preview()).toMatchObject({ outcome: "updated", fields: [{ before: "Old", after: "Lee" }] });
  });

  it("warns of a value that is bent to fit", async () => {
    world.dynamics.put(id, { lastname: "Castellmarino" });

    const bent = await preview(compiled(aMappingDocument([aField({ maxLength: 5, misfit: "truncate" })])));

    expect(bent).toMatchObject({ outcome: "created", warnings: ["lastName truncated to 5"] });
  });

  it.each<[string, Record<string, unknown>, Row | undefined, Record<string, unknown>]>([
    ["deleted with its row", {}, undefined, { outcome: "deleted", because: "gone" }],
    ["kept when deletes are not applied", { applyDeletes: false }, undefined, { outcome: "gone" }],
    ["deleted when merged away", {}, { lastname: "Lee", merged: true }, { outcome: "deleted", because: "gone" }],
    ["left when filtered out", {}, { firstname: "out" }, { outcome: "filtered" }],
    [
      "deleted when filtered out, where the mapping says so",
      { whenFilteredOut: "delete" },
      { firstname: "out" },
      { outcome: "deleted", because: "filtered" },
    ],
  ])("says that a record of ours would be %s", async (_what, changes, row, expected) => {
    await bring({ lastname: "Lee" });
    if (row) world.dynamics.put(id, row);
    else world.dynamics.remove(id);

    expect(await preview(draft(changes))).toEqual({ id, ...expected });
  });

  it("never says that a record of somebody else would be deleted", async () => {
    world.campaignCommand("seed", { resource: "profile", records: [{ externalId: id, lastName: "Foreign" }] });

    expect(await preview()).toEqual({ id, outcome: "gone" });
  });

  it("names the field that cannot be mapped", async () => {
    world.dynamics.put(id, { lastname: "Castellmarino" });

    expect(await preview()).toMatchObject({ outcome: "refused", field: "lastName" });
  });

  it("names the parent that has to come first", async () => {
    world.dynamics.put(id, { lastname: "Lee", parentcustomerid: account });

    expect(await preview()).toEqual({ id, outcome: "waiting", parent: { table: "account", id: account } });
  });

  it("says that a record is kept out with its parent, where the mapping does not want the one without the other", async () => {
    const link = { table: "account", cardinality: "0..1", by: "key", whenParentFilteredOut: "withheld" };
    const withheld = draft({
      fields: [aField(), { source: { column: "parentcustomerid" }, target: "orgUnit", type: "link", link }],
    });
    await parent({ out: true });
    world.dynamics.put(id, { lastname: "Lee", parentcustomerid: account });

    expect(await preview(withheld)).toEqual({ id, outcome: "filtered" });
  });

  it("shows that a link would be cleared without showing Campaign's own key of the parent", async () => {
    world.dynamics.put(id, { lastname: "Lee" });
    const fetch = async () => ({ lastName: "Lee", orgUnit: { key: "@secret" } });
    world.ports.campaignSource = { ...world.ports.campaignSource, fetch };

    expect(await preview()).toMatchObject({
      outcome: "updated",
      fields: [{ field: "orgUnit", before: "linked", after: null }],
    });
  });

  it.each<[string, Record<string, unknown>, unknown]>([
    ["with its link to a parent that is there", { present: true }, account],
    ["without its link to a parent that a filter keeps out", { out: true }, undefined],
  ])("writes the record %s", async (_what, state, linked) => {
    await parent(state);
    world.dynamics.put(id, { lastname: "Lee", parentcustomerid: account });

    const shown = await preview();

    const fields = shown?.outcome === "created" ? shown.fields : [];
    expect(fields.find(({ field }) => field === "orgUnit")?.after).toBe(linked);
  });
});

describe("previewing several records", () => {
  it("answers in the order asked for, counts, and asks Campaign once for each", async () => {
    world.dynamics.put(recordId(1), { lastname: "Lee" });
    world.dynamics.put(recordId(2), { lastname: "Lee" });
    const before = world.campaignCalls();

    const { records, counts } = await previewRecords(world.ports, draft(), [3, 1, 2, 1].map(recordId));

    expect(records.map((record) => [record.id, record.outcome])).toEqual([
      [recordId(3), "gone"],
      [recordId(1), "created"],
      [recordId(2), "created"],
    ]);
    expect(counts).toEqual({ gone: 1, created: 2 });
    expect(world.campaignCalls() - before).toBe(3);
  });

  it("writes nothing, queues nothing, and remembers nothing", async () => {
    await bring({ lastname: "Lee" });
    world.dynamics.put(id, { lastname: "Neuhaus", parentcustomerid: account });
    world.dynamics.put(recordId(2), { lastname: "Lee" });
    const state = await world.ports.states.read("contact", id);
    const profiles = world.profiles();

    await previewRecords(world.ports, draft(), [id, recordId(2), recordId(3)]);

    expect(world.profiles()).toEqual(profiles);
    expect(await world.ports.states.read("contact", id)).toEqual(state);
    expect(await world.ports.states.read("contact", recordId(2))).toBeUndefined();
    expect(world.queue.nextDueAt()).toBeUndefined();
    expect(world.queue.readyLanes()).toEqual([]);
  });

  it("hides no record behind the trouble of another, in Campaign or in Dynamics", async () => {
    for (const number of [1, 2, 3]) world.dynamics.put(recordId(number), { lastname: "Lee" });
    const { dynamics, campaignSource } = world.ports;
    const ports = {
      ...world.ports,
      campaignSource: {
        ...campaignSource,
        fetch: (mapping: CompiledMapping, key: string, deadline: number) =>
          key === recordId(1)
            ? Promise.reject(new UnavailableError("campaign answered 502", false))
            : campaignSource.fetch(mapping, key, deadline),
      },
      dynamics: {
        ...dynamics,
        fetchRows: async () => Promise.reject(new MalformedError("a row has no version number")),
        fetchRow: (mapping: CompiledMapping, key: typeof id) =>
          key === recordId(2)
            ? Promise.reject(new MalformedError("a row has no version number"))
            : dynamics.fetchRow(mapping, key),
      },
    };

    const { records } = await previewRecords(ports, draft(), [1, 2, 3, 4].map(recordId));

    expect(records).toMatchObject([
      { outcome: "failed", message: "campaign answered 502" },
      { outcome: "failed", message: "a row has no version number" },
      { outcome: "created" },
      { outcome: "gone" },
    ]);
  });

  it("refuses more records than a preview takes, before it asks anybody", async () => {
    const ids = Array.from({ length: maxPreviewRecords + 1 }, (_, number) => recordId(number));

    await expect(previewRecords(world.ports, draft(), ids)).rejects.toThrow(/at most 100 records, and was given 101/);
    expect(world.campaignCalls()).toBe(0);
  });
});
