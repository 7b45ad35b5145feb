// What Adobe's own application documents of its way in, and no complaint is about (facts/campaign.md §10 to §12). The table is
// docs/compared-with-adobe.md.

import { describe, expect, it } from "vitest";
import { defaultInstance } from "../../infra/local/campaign/model/default-instance.js";
import type { ResourceDefinition } from "../../infra/local/campaign/model/definition.js";
import { text } from "../../infra/local/campaign/model/fields.js";
import { makeCampaignClient } from "../../shared/campaign/client.js";
import { makeCampaignRecords } from "../../shared/campaign/records.js";
import type { HttpClient } from "../../shared/http/client.js";
import { compileMapping } from "../../shared/mapping/compile.js";
import { validateMappings } from "../../shared/mapping/validate-set.js";
import { makeIngressWorld } from "../support/ingress-world.js";
import { aField, aMappingDocument } from "../support/mappings.js";
import { anEnvelope, recordId } from "../support/samples.js";
import { documentOf, example, makeTwoSystems } from "./two-systems.js";

const [tables, columns, levels, links] = [24, 60, 5, 8] as const;
type Json = Record<string, unknown>;

/** Table `n`: the first five are linked one to the next, the sixth to eight others at once; none to profiles. */
function wideDocument(n: number): Json {
  const own = Array.from({ length: columns - links - 1 }, (_, index) => `column${index}`);
  const parents = parentsOf(n);
  const target = (parent: number): string => `parent${parent}Id`;
  return {
    v: 1,
    table: { name: `acme_t${n}`, set: `acme_t${n}s`, id: `acme_t${n}id` },
    resource: { api: "customResources", name: `cusT${n}` },
    key: { field: "externalId", address: { by: "filter", filter: "ExternalId", parameter: "externalId" } },
    columns: {
      [`acme_t${n}id`]: "id",
      ...Object.fromEntries(own.map((name) => [name, "string"])),
      ...Object.fromEntries(parents.map((one) => [`parent${one}`, { type: "lookup", targets: [`acme_t${one}`] }])),
    },
    fields: [
      ...own.map((name) => ({ source: { column: name }, target: name, type: "string", maxLength: 60 })),
      ...parents.map((one) => ({
        source: { column: `parent${one}` },
        target: target(one),
        type: "string",
        link: { table: `acme_t${one}`, cardinality: n < levels ? "1" : "0..1", by: "join" },
      })),
    ],
  };
}

function parentsOf(n: number): number[] {
  if (n > 0 && n < levels) return [n - 1];
  return n === levels ? Array.from({ length: links }, (_, index) => levels + 1 + index) : [];
}

function wideResource(n: number): ResourceDefinition {
  const { fields } = wideDocument(n) as { fields: { target: string }[] };
  return {
    name: `cusT${n}`,
    label: `T${n}s`,
    singular: `T${n}`,
    help: "",
    schema: `cus:t${n}`,
    auditFields: true,
    fields: [
      text("externalId", "External ID", 100),
      ...fields.map(({ target }) => text(target, target, 100)),
      ...parentsOf(n).map((one) => ({
        name: `parent${one}`,
        label: "",
        type: "link" as const,
        target: `cusT${one}`,
        join: { source: `parent${one}Id`, target: "externalId" },
        cardinality: n < levels ? ("1" as const) : ("0..1" as const),
        reverse: `children${n}`,
      })),
    ],
    keys: [{ fields: ["externalId"] }],
    filters: [
      {
        name: "ExternalId",
        label: "External ID",
        rules: [{ fields: ["externalId"], operator: "equal", parameter: "externalId" }],
      },
    ],
  };
}

describe("the guardrails of Adobe's application", () => {
  it("are warnings: 24 entities of 60 columns, five levels deep, with eight links, are accepted and brought over", async () => {
    const documents = Array.from({ length: tables }, (_, n) => wideDocument(n));
    const set = validateMappings(documents);
    if (!("mappings" in set)) throw new Error(JSON.stringify(set.problems));
    const world = await makeIngressWorld({
      mappings: set.mappings.map(compileMapping),
      campaign: {
        ...defaultInstance,
        resources: [...defaultInstance.resources, ...documents.map((_, n) => wideResource(n))],
      },
    });

    const { version: _version, ...bare } = anEnvelope();
    for (let n = tables - 1; n >= 0; n -= 1) {
      const lookups = parentsOf(n).map((one) => [`parent${one}`, recordId(one)]);
      const row = { column0: `first ${n}`, column50: `last ${n}`, ...Object.fromEntries(lookups) };
      world.dynamics.put(recordId(n), row, `acme_t${n}`);
      await world.queue.send([{ ...bare, table: `acme_t${n}`, id: recordId(n) }]);
    }
    await world.drain();

    const warned = set.warnings.map(({ problem }) => problem).join("; ");
    expect(warned).toMatch(/24 custom entities/);
    expect(warned).toMatch(/8 links/);
    expect(warned).toMatch(/levels of linked tables/);
    for (let n = 0; n < tables; n += 1) {
      const parents = Object.fromEntries(parentsOf(n).map((one) => [`parent${one}Id`, recordId(one)]));
      expect(world.records(`cusT${n}`)).toMatchObject([{ column0: `first ${n}`, column50: `last ${n}`, ...parents }]);
    }
    expect(world.campaignCalls()).toBe(tables);
  });

  it("on calls are kept where the key can only be addressed by a filter: 1 for an insert, 2 for an update or a delete, 0 for no difference", async () => {
    const systems = await makeTwoSystems();
    const spent: number[] = [];
    const spend = async (act: Promise<unknown>): Promise<void> => {
      await act;
      const before = systems.world.campaignCalls();
      await systems.settle();
      systems.world.clock.advance(5_000);
      spent.push(systems.world.campaignCalls() - before);
    };

    const created = systems.create("acme_dealers", { acme_name: "North" });
    await spend(created);
    const id = await created;
    await spend(systems.edit("acme_dealers", id, { acme_name: "South" }));
    await spend(systems.edit("acme_dealers", id, { acme_remark: "nobody maps this" }));
    await spend(systems.edit("acme_dealers", id, { acme_name: "South " }));
    await spend(systems.remove("acme_dealers", id));

    expect(spent).toEqual([1, 2, 0, 0, 2]);
  });
});

describe("a set of mappings, as in Adobe's application", () => {
  it("maps a table once and a resource once, and a field once: anything else is refused by its path", () => {
    const twice = validateMappings([documentOf("contact"), documentOf("dealer"), documentOf("dealer")]);
    const fieldTwice = validateMappings([
      aMappingDocument([aField(), aField({ source: { column: "firstname" } })]) as never,
    ]);

    expect(twice).toMatchObject({
      problems: expect.arrayContaining([
        { path: expect.stringMatching(/^\[2\]/), problem: expect.anything(), fix: expect.anything() },
      ]),
    });
    expect(fieldTwice).toMatchObject({
      problems: [expect.objectContaining({ path: expect.stringContaining("fields[1]") })],
    });
  });

  it("without filters brings everything", async () => {
    const systems = await makeTwoSystems({ mappings: [example("contact")] });
    await systems.create("contacts", { lastname: "Abendrot" });
    await systems.create("contacts", { firstname: "Ann" });
    await systems.sweep();

    expect(systems.world.profiles()).toHaveLength(2);
  });
});

describe("Dynamics is the source of truth", () => {
  it("is only read: contacts, vehicles, deletes and a replay make the app change nothing in it", async () => {
    const systems = await makeTwoSystems();
    const id = await systems.create("contacts", { lastname: "Abendrot" });
    await systems.create("acme_vehicles", { acme_name: "Van" });
    await systems.settle();
    await systems.sweep();
    await systems.remove("contacts", id);
    await systems.settle();
    await systems.core.command?.("expire-delta-tokens", {});
    await systems.sweep();

    expect(systems.world.records("cusVehicle")).toHaveLength(1);
    expect(systems.appWrites()).toEqual([]);
  });

  it("sends Campaign plain creates, changes and deletes of the mapped resources, and never a privacy request", async () => {
    const sent: string[] = [];
    const http: HttpClient = {
      async send({ method, url }) {
        sent.push(`${method} ${url.pathname.replace(/^\/acme\/campaign/, "")}`);
        const text =
          method === "GET"
            ? JSON.stringify({
                content: [
                  {
                    PKey: "@x",
                    [example("dealer").key.field]: recordId(1),
                    href: "http://campaign.test/acme/campaign/profileAndServicesExt/cusDealer/@x",
                  },
                ],
              })
            : "{}";
        return { status: 200, headers: {}, text, attempts: 1, elapsedMs: 0, mayEcho: false };
      },
    };
    const tokens = { token: async () => "token", forget: () => {} };
    const client = makeCampaignClient({
      http,
      baseUrl: new URL("http://campaign.test"),
      organization: "acme",
      apiKey: "key",
      tokens: tokens as never,
      timeoutMs: 1_000,
    });
    const records = makeCampaignRecords(client);
    const deadline = Number.MAX_SAFE_INTEGER;

    for (const mapping of [example("contact"), example("dealer")]) {
      await records.insert(mapping, recordId(1), { lastName: "Abendrot" }, deadline);
      await records.update(mapping, recordId(1), { lastName: "Neuhaus" }, deadline);
      await records.remove(mapping, recordId(1), deadline);
    }

    expect(sent.length).toBeGreaterThan(5);
    for (const request of sent)
      expect(request).toMatch(/^(GET|POST|PATCH|DELETE) \/profileAndServicesExt\/(profile|cusDealer)(\/|$)/);
  });
});
