import { beforeEach, describe, expect, it } from "vitest";
import { makeCampaignCore } from "../../infra/local/campaign/core.js";
import { defaultInstance } from "../../infra/local/campaign/model/default-instance.js";
import type { ResourceDefinition } from "../../infra/local/campaign/model/definition.js";
import { text } from "../../infra/local/campaign/model/fields.js";
import type { SimCore } from "../../infra/local/sim/types.js";
import type { CampaignClient } from "../../shared/campaign/client.js";
import { makeCampaignSource } from "../../shared/campaign/source.js";
import { MalformedError } from "../../shared/errors.js";
import type { CampaignSource, HeldRecord } from "../../shared/flows/ports.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import { coreCampaign } from "../support/core-campaign.js";
import { coreWorld } from "../support/core-http.js";
import { type FixedClock, fixedClock } from "../support/fixed-clock.js";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";
import { recordId } from "../support/samples.js";

const fields = [
  aField(),
  aField({ source: { column: "firstname" }, target: "location.city" }),
  aField({ source: { column: "birthdate" }, target: "birthDate", type: "date" }),
  aField({
    source: { column: "gendercode" },
    target: "gender",
    type: "enumeration",
    replacements: { "2": "female" },
    otherwise: "unknown",
  }),
];
const byUri = compiled(aMappingDocument(fields));
const byFilter = compiled(
  aMappingDocument(fields, { key: { field: "externalId", address: filterNamed("ExternalId") } }),
);
const key = recordId(1);

function filterNamed(filter: string, parameter = "externalId") {
  return { by: "filter", filter, parameter };
}

let clock: FixedClock;
let core: SimCore;
let source: CampaignSource;

beforeEach(() => use([]));

function use(resources: ResourceDefinition[]): void {
  clock = fixedClock("2026-03-01T00:00:00Z");
  core = makeCampaignCore(coreWorld(clock), {
    configuration: { ...defaultInstance, resources: [...defaultInstance.resources, ...resources] },
  });
  source = makeCampaignSource(coreCampaign(core, clock));
}

const soon = (): number => clock.now() + 4_000;
const seed = (records: Record<string, unknown>[], resource = "profile") =>
  core.command?.("seed", { resource, records });
const calls = () => core.state("calls", new URLSearchParams()) as { total: number };

async function allOf(
  mapping: CompiledMapping,
  size: number,
): Promise<{ records: HeldRecord[]; without: number; pages: number }> {
  const records: HeldRecord[] = [];
  let [without, pages, cursor] = [0, 0, undefined as string | undefined];
  do {
    const page = await source.readPage(mapping, cursor, size, soon());
    records.push(...page.records);
    without += page.withoutKey;
    pages += 1;
    cursor = page.next;
  } while (cursor !== undefined);
  return { records, without, pages };
}

/** A source whose every call gets this answer. */
function answering(body: unknown): CampaignSource {
  const call = async () => ({ status: 200, headers: {}, text: typeof body === "string" ? body : JSON.stringify(body) });
  return makeCampaignSource({ root: new URL("http://campaign.test/acme/"), call } as unknown as CampaignClient);
}

describe("reading one record of Campaign", () => {
  it.each<[string, CompiledMapping]>([
    ["in the URI", byUri],
    ["through a filter", byFilter],
  ])("answers the mapped fields, dotted, for one call with the key %s", async (_how, mapping) => {
    seed([
      { externalId: key, lastName: "Lee", location: { city: "Lyon" }, gender: "female", email: "lee@example.com" },
    ]);

    const held = await source.fetch(mapping, key, soon());

    expect(held).toEqual({ lastName: "Lee", "location.city": "Lyon", birthDate: "", gender: "female" });
    expect(calls().total).toBe(1);
  });

  it.each<[string, CompiledMapping]>([
    ["in the URI", byUri],
    ["through a filter", byFilter],
  ])("answers that there is none, with the key %s", async (_how, mapping) => {
    seed([{ externalId: recordId(2), lastName: "Lee" }]);

    expect(await source.fetch(mapping, key, soon())).toBeUndefined();
  });

  it("refuses a record that does not carry the key asked for, so that a filter set up wrongly changes nobody else's record", async () => {
    const byEmail = compiled(
      aMappingDocument(fields, { key: { field: "externalId", address: filterNamed("Email", "email") } }),
    );

    await expect(answering({ externalId: recordId(2) }).fetch(byUri, key, soon())).rejects.toThrow(MalformedError);
    await expect(answering({ content: [{ externalId: "" }] }).fetch(byEmail, key, soon())).rejects.toThrow(
      MalformedError,
    );
  });

  it("refuses to choose when a filter finds several records", async () => {
    const found = answering({ content: [{ externalId: key }, { externalId: key }] });

    await expect(found.fetch(byFilter, key, soon())).rejects.toThrow(/several records/);
  });

  it.each<[string, unknown]>([
    ["a page of HTML", "<html>"],
    ["a list without content", { count: 1 }],
    ["null", "null"],
  ])("does not take %s for an empty answer", async (_what, body) => {
    await expect(answering(body).fetch(byFilter, key, soon())).rejects.toThrow(MalformedError);
    await expect(answering(body).readPage(byUri, undefined, 10, soon())).rejects.toThrow(MalformedError);
  });

  it("does not take an unknown filter, or a resource that is not there, for an empty answer", async () => {
    const unknown = compiled(
      aMappingDocument(fields, { key: { field: "externalId", address: filterNamed("NoSuchFilter") } }),
    );
    const nowhere = compiled(aMappingDocument(fields, { resource: { api: "customResources", name: "cusNothing" } }));

    await expect(source.fetch(unknown, key, soon())).rejects.toMatchObject({ kind: "table" });
    await expect(source.fetch(nowhere, key, soon())).rejects.toMatchObject({ kind: "table" });
    await expect(source.readPage(nowhere, undefined, 10, soon())).rejects.toMatchObject({ kind: "table" });
  });

  it("sends nothing after its deadline", async () => {
    await expect(source.fetch(byUri, key, clock.now() - 1)).rejects.toMatchObject({ kind: "unavailable" });
    await expect(source.readPage(byUri, undefined, 10, clock.now() - 1)).rejects.toMatchObject({ kind: "unavailable" });

    expect(calls().total).toBe(0);
  });
});

describe("reading all records of a resource", () => {
  it.each([3, 100_000])(
    "reads every page of a table, for one call each, with a big-table threshold of %i",
    async (threshold) => {
      core.command?.("settings", { bigTableThreshold: threshold });
      seed(Array.from({ length: 7 }, (_, n) => ({ externalId: recordId(n), lastName: `Lee${n}` })));

      const { records, pages } = await allOf(byUri, 3);

      expect(records.map((record) => record.key)).toEqual(Array.from({ length: 7 }, (_, n) => recordId(n)));
      expect(pages).toBe(3);
      expect(calls().total).toBe(3);
    },
  );

  it("counts records without key apart", async () => {
    seed([{ lastName: "Own" }, { externalId: key, lastName: "Lee" }, { lastName: "Other" }]);

    const { records, without } = await allOf(byUri, 2);

    expect(records.map((record) => record.key)).toEqual([key]);
    expect(without).toBe(2);
  });

  it("asks for all pages again where the link to the next page does not", async () => {
    const page = await answering({
      content: [],
      next: { href: "http://campaign.test/acme/campaign/profileAndServicesExt/profile/?_lineCount=1&_lineStart=@a-b" },
      serverSidePagination: true,
    }).readPage(byUri, undefined, 1, soon());

    expect(page.next).toMatch(/\?_lineCount=1&_lineStart=@a-b&_forcePagination=true$/);
  });

  it("says that the list is not complete when Campaign withholds the rest", async () => {
    const withheld = answering({ content: [{ externalId: key }], serverSidePagination: false });

    await expect(withheld.readPage(byUri, undefined, 1, soon())).rejects.toThrow(/not complete/);
  });

  it("does not go round in a circle, and not to another host", async () => {
    const here = "http://campaign.test/acme/x?_lineStart=@a&_forcePagination=true";
    const circle = answering({ content: [], next: { href: here } });

    await expect(circle.readPage(byUri, here, 1, soon())).rejects.toThrow(MalformedError);
    await expect(source.readPage(byUri, "https://elsewhere.test/x", 1, soon())).rejects.toThrow(/another host/);
  });
});

describe("links and hidden records", () => {
  const vehicle: ResourceDefinition = {
    name: "cusVehicle",
    label: "Vehicles",
    singular: "Vehicle",
    help: "Vehicles",
    schema: "cus:vehicle",
    auditFields: true,
    fields: [
      text("externalId", "External ID", 100),
      text("model", "Model", 50),
      { name: "owner", label: "Owner", type: "link", target: "profile", cardinality: "0..1" },
      { name: "keeper", label: "Keeper", type: "link", target: "profile", cardinality: "0..1" },
    ],
    keys: [{ fields: ["externalId"] }],
    filters: [],
  };
  const strict: ResourceDefinition = {
    ...vehicle,
    fields: vehicle.fields.map((field) =>
      field.name === "owner" ? { ...field, cardinality: "1", join: { source: "model", target: "externalId" } } : field,
    ),
  };
  const link = (column: string, target: string) => ({
    source: { column },
    target,
    type: "link",
    link: { table: "contact", cardinality: "0..1", by: "key" },
  });
  const mapping = compiled(
    aMappingDocument([link("ownerid", "owner"), link("keeperid", "keeper")], {
      table: { name: "new_vehicle", set: "new_vehicles", id: "new_vehicleid" },
      resource: { api: "profileAndServicesExt", name: "cusVehicle" },
      columns: {
        new_vehicleid: "id",
        ownerid: { type: "lookup", targets: ["contact"] },
        keeperid: { type: "lookup", targets: ["contact"] },
      },
    }),
  );

  it("answers a link as an object when it is set and null when it is not", async () => {
    use([vehicle]);
    seed([{ externalId: recordId(9), lastName: "Lee" }]);
    seed([{ externalId: key, model: "T", owner: { PKey: recordId(9) } }], "cusVehicle");

    const held = await source.fetch(mapping, key, soon());

    expect(held).toEqual({ owner: { key: expect.stringMatching(/^@/) }, keeper: null });
  });

  it("does not find a record that Campaign hides until its parent is there, neither by key nor in the list", async () => {
    use([strict]);
    seed([{ externalId: key, model: recordId(9) }], "cusVehicle");

    const hidden = [await source.fetch(mapping, key, soon()), await allOf(mapping, 5)];
    seed([{ externalId: recordId(9), lastName: "Lee" }]);
    const shown = [await source.fetch(mapping, key, soon()), (await allOf(mapping, 5)).records.length];

    expect(hidden).toEqual([undefined, { records: [], without: 0, pages: 1 }]);
    expect(shown).toEqual([expect.objectContaining({ keeper: null }), 1]);
  });
});
