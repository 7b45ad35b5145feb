import { beforeEach, describe, expect, it } from "vitest";
import { UnavailableError } from "../../shared/errors.js";
import { shippedDocuments } from "../../shared/mapping/shipped.js";
import { acmeDocuments } from "../support/acme-tables.js";
import { asker, type ControlWorld, makeControlWorld } from "../support/control-world.js";
import { makePublishWorld, type PublishProcess } from "../support/publish-world.js";
import { anEnvelope, recordId } from "../support/samples.js";

type Json = Record<string, unknown>;
const [contact] = shippedDocuments;
const all = (): unknown[] => [contact, ...acmeDocuments()];

let own: ControlWorld;
let process: PublishProcess;
let ask: ControlWorld["ask"];

beforeEach(async () => {
  own = await makeControlWorld();
  process = (await makePublishWorld()).process();
  // The ingress world's records, under settings that are published for the examples' tables.
  ask = asker({ ...own.ports, publishing: process.ports, ingress: { ...own.world.ports, settings: process.settings } });
});

const saveLoad = (values: Record<string, string | number | boolean>) =>
  own.world.ports.checkpoints.save("ingress", "contact-load", { generation: 1, ...values }, undefined);

describe("publishing through the API", () => {
  it("puts documents in force, tells who did it and why, and shows them", async () => {
    const body = { documents: all(), note: "three tables more", basedOn: 1 };

    const published = await ask("POST", "/settings/publish", { body, headers: { "x-operator": "ada" } });
    const history = await ask("GET", "/settings");
    const current = await ask("GET", "/settings/current");
    const one = await ask("GET", "/settings/1");

    expect(published).toMatchObject({ status: 200, body: { outcome: "published", version: 2, problems: [] } });
    expect(history.body).toMatchObject({
      inForce: 2,
      more: false,
      versions: [
        {
          version: 2,
          previous: 1,
          by: "ada",
          note: "three tables more",
          tables: ["contact", "acme_dealer", "acme_vehicle", "acme_visit"],
        },
        { version: 1, by: "shipped" },
      ],
    });
    expect(current.body).toMatchObject({ version: 2, documents: [{ table: { name: "contact" } }, {}, {}, {}] });
    expect(one.body).toMatchObject({ version: 1, documents: [{ resource: contact.resource }] });
  });

  it("is refused with every problem by its path, and nothing is published", async () => {
    const wrong = { ...contact, fields: [], key: 7 };

    const { status, body } = await ask("POST", "/settings/publish", { body: { documents: [wrong] } });
    const history = await ask("GET", "/settings");

    expect(status).toBe(400);
    const { code, problems } = body.error as { code: string; problems: Json[] };
    expect(code).toBe("not-publishable");
    expect(problems.map(({ path }) => path)).toEqual(expect.arrayContaining(["body.documents[0].key"]));
    expect(problems.every(({ fix }) => typeof fix === "string" && fix !== "")).toBe(true);
    expect(history.body).toMatchObject({ inForce: 1 });
  });

  it("is refused when somebody published what the publisher has not seen", async () => {
    await ask("POST", "/settings/publish", { body: { documents: all() } });

    const late = await ask("POST", "/settings/publish", { body: { documents: [contact], basedOn: 1 } });

    expect(late).toMatchObject({ status: 409, body: { error: { code: "conflict" } } });
    expect((await ask("GET", "/settings")).body).toMatchObject({ inForce: 2 });
  });

  it("made twice is published once", async () => {
    await ask("POST", "/settings/publish", { body: { documents: all() } });

    const again = await ask("POST", "/settings/publish", { body: { documents: all() } });

    expect(again).toMatchObject({ status: 200, body: { outcome: "unchanged", version: 2 } });
  });

  it("can be tried: the check answers what publishing would, problems included, and changes nothing", async () => {
    const good = await ask("POST", "/settings/check", { body: { documents: all() } });
    const bad = await ask("POST", "/settings/check", { body: { documents: [{ v: 1 }] } });

    expect(good).toMatchObject({ status: 200, body: { outcome: "checked", version: 1 } });
    expect(good.body.changes).toHaveLength(3);
    expect(bad).toMatchObject({ status: 200, body: { outcome: "refused" } });
    expect((await ask("GET", "/settings")).body).toMatchObject({ inForce: 1 });
  });

  it("can be rolled back, which is a version of its own", async () => {
    await ask("POST", "/settings/publish", { body: { documents: all() } });

    const back = await ask("POST", "/settings/roll-back", { body: { version: 1, basedOn: 2 } });
    const unknown = await ask("POST", "/settings/roll-back", { body: { version: 77 } });

    expect(back).toMatchObject({ status: 200, body: { outcome: "published", version: 3 } });
    expect((await ask("GET", "/settings/current")).body).toMatchObject({ version: 3, tables: ["contact"] });
    expect(unknown).toMatchObject({ status: 404, body: { error: { code: "missing" } } });
  });

  it("keeps no address as a note", async () => {
    const body = { documents: [contact], note: "asked by ada@example.com" };

    expect(await ask("POST", "/settings/publish", { body })).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path: "body.note" }] } },
    });
  });

  it("has a history in pages, and refuses versions that are none", async () => {
    await ask("POST", "/settings/publish", { body: { documents: all() } });

    const page = await ask("GET", "/settings", { query: { limit: "1" } });
    const next = await ask("GET", "/settings", { query: { limit: "1", before: "2" } });

    expect(page.body).toMatchObject({ versions: [{ version: 2 }], more: true });
    expect(next.body).toMatchObject({ versions: [{ version: 1 }], more: false });
    expect(await ask("GET", "/settings/9")).toMatchObject({ status: 404 });
    expect(await ask("GET", "/settings/latest")).toMatchObject({ status: 400 });
  });
});

describe("a preview", () => {
  it("shows the difference that the settings in force would make, and writes nothing", async () => {
    own.world.dynamics.put(recordId(1), { lastname: "Lee" });

    const { status, body } = await ask("POST", "/preview", {
      body: { table: "contact", ids: [recordId(1), recordId(2)] },
    });

    expect(status).toBe(200);
    expect(body).toMatchObject({
      counts: { created: 1, gone: 1 },
      records: [
        { id: recordId(1), outcome: "created", fields: expect.arrayContaining([{ field: "lastName", after: "Lee" }]) },
        { id: recordId(2), outcome: "gone" },
      ],
    });
    expect(own.world.profiles()).toEqual([]);
    expect(await own.world.queue.depths(10)).toEqual(new Map());
  });

  it("of a draft follows the draft, not what is in force", async () => {
    own.world.dynamics.put(recordId(1), { lastname: "Abendrot" });
    const fields = contact.fields.map((field) =>
      field.target === "lastName" ? { ...field, maxLength: 3, misfit: "truncate" } : field,
    );
    const body = { table: "contact", ids: [recordId(1)], documents: [{ ...contact, fields }] };

    const preview = await ask("POST", "/preview", { body });

    expect(preview.text).toContain('{"field":"lastName","after":"Abe"}');
    expect((await ask("GET", "/settings")).body).toMatchObject({ inForce: 1 });
  });

  it("is refused for a wrong draft, a table nobody maps, and more than a hundred records", async () => {
    const ids = [recordId(1)];
    const draft = await ask("POST", "/preview", { body: { table: "contact", ids, documents: [{ v: 1 }] } });
    const other = await ask("POST", "/preview", { body: { table: "account", ids } });
    const otherDraft = await ask("POST", "/preview", { body: { table: "account", ids, documents: [contact] } });
    const many = Array.from({ length: 101 }, (_, n) => recordId(n));
    const tooMany = await ask("POST", "/preview", { body: { table: "contact", ids: many } });

    expect([draft, other, otherDraft, tooMany].map(({ status }) => status)).toEqual([400, 404, 404, 400]);
    expect(tooMany.body).toMatchObject({ error: { problems: [{ path: "body.ids", fix: "give at most 100 items" }] } });
  });
});

describe("a replay", () => {
  it.each(["changed", "verify", "report", "force"])("in mode %s is ordered, shown, and ended", async (mode) => {
    const ordered = await own.ask("POST", "/tables/contact/replay", { body: { mode } });
    const shown = await own.ask("GET", "/tables/contact/replay");
    const ended = await own.ask("DELETE", "/tables/contact/replay");
    const after = await own.ask("GET", "/tables/contact/replay");
    const again = await own.ask("DELETE", "/tables/contact/replay");

    expect(ordered).toMatchObject({ status: 202, body: { table: "contact", mode, generation: 1 } });
    expect(shown.body).toMatchObject({ fullRead: { mode, phase: expect.not.stringMatching("done") } });
    expect(ended.body).toEqual({ table: "contact", wasRunning: true });
    expect(after.body).toMatchObject({ fullRead: { phase: "done", cancelled: true } });
    expect(again.body).toEqual({ table: "contact", wasRunning: false });
  });

  it("is refused while a full read is under way, for a table nobody maps, and in a mode there is not", async () => {
    await saveLoad({ phase: "reading", mode: "load", count: 5 });

    const busy = await own.ask("POST", "/tables/contact/replay", { body: { mode: "force" } });
    const unknown = await own.ask("POST", "/tables/account/replay", { body: { mode: "force" } });
    const nothing = await own.ask("GET", "/tables/account/replay");
    const mode = await own.ask("POST", "/tables/contact/replay", { body: { mode: "load" } });

    expect(busy).toMatchObject({ status: 409, body: { error: { message: expect.stringContaining("5 rows so far") } } });
    expect([unknown.status, nothing.status, mode.status]).toEqual([404, 404, 400]);
  });
});

describe("an estimate", () => {
  const estimate = async (mode: string) => (await own.ask("GET", "/tables/contact/estimate", { query: { mode } })).body;

  it("counts by Dynamics, at the rate of the last load", async () => {
    own.ports.countRows = async () => 36_000;
    await saveLoad({
      phase: "done",
      count: 1_000,
      startedAt: "2026-02-01T00:00:00.000Z",
      finishedAt: "2026-02-01T00:01:40.000Z",
    });

    expect(await estimate("force")).toEqual({
      table: "contact",
      mode: "force",
      records: { count: 36_000, from: "dynamics" },
      rate: { callsPerSecond: 10, from: "last-full-read" },
      campaignCalls: { least: 36_000, most: 36_000 },
      hours: { least: 1, most: 1 },
    });
    expect(await estimate("changed")).toMatchObject({ campaignCalls: { least: 0, most: 36_000 }, hours: { least: 0 } });
    expect(await estimate("verify")).toMatchObject({ campaignCalls: { least: 180, most: 36_180 } });
    expect(await estimate("report")).toMatchObject({ campaignCalls: { least: 180, most: 180 } });
  });

  it("counts by the last full read where Dynamics does not tell, but not by one that was ended", async () => {
    const nothing = await estimate("load");
    await saveLoad({ phase: "done", mode: "changed", count: 1_000, startedAt: "x", finishedAt: "x" });
    const last = await estimate("load");
    await own.ask("POST", "/tables/contact/replay", { body: { mode: "changed" } });
    await own.ask("DELETE", "/tables/contact/replay");

    expect(nothing).toEqual({ table: "contact", mode: "load", rate: { callsPerSecond: 8, from: "assumed" } });
    expect(last).toMatchObject({ records: { count: 1_000, from: "last-full-read" }, rate: { from: "assumed" } });
    expect(await estimate("load")).not.toHaveProperty("records");
  });

  it("measures a load that is under way", async () => {
    await saveLoad({ phase: "reading", mode: "load", count: 500, startedAt: "2026-03-01T00:00:00.000Z" });
    own.world.clock.advance(100_000);

    expect(await estimate("load")).toMatchObject({ rate: { callsPerSecond: 5, from: "this-full-read" } });
  });

  it("is refused with 503 when Dynamics cannot be reached", async () => {
    own.ports.countRows = async () => {
      throw new UnavailableError("dynamics does not answer", false);
    };

    expect(await own.ask("GET", "/tables/contact/estimate")).toMatchObject({ status: 503 });
    expect(await own.ask("GET", "/tables/account/estimate")).toMatchObject({ status: 404 });
  });
});

describe("one record", () => {
  it("is shown with its lane, state and row, and whether Campaign is up to date", async () => {
    const version = own.world.dynamics.put(recordId(1), { lastname: "Lee" });
    await own.world.queue.send([anEnvelope({ version })]);
    const before = await own.ask("GET", `/records/contact/${recordId(1)}`);
    await own.world.drain();

    const after = await own.ask("GET", `/records/contact/${recordId(1)}`);

    expect(before.body).toMatchObject({
      mapped: true,
      laneWaiting: 1,
      upToDate: false,
      dynamics: { exists: true, version },
    });
    expect(before.body).not.toHaveProperty("state");
    expect(after.body).toMatchObject({
      lane: expect.stringMatching(/^lane-[01]$/),
      upToDate: true,
      laneWaiting: 0,
      state: { version, present: true, failing: false, filteredOut: false },
      parents: [],
    });
    expect(after.text).not.toContain("Lee");
  });

  it("is shown with its failure, and as gone from Dynamics", async () => {
    await own.world.failures.report({
      flow: "ingress",
      table: "contact",
      id: recordId(1),
      reason: "refused",
      code: "X",
      message: "m",
      attempts: 1,
      cause: "notice",
      correlationId: "c",
    });
    await own.control.setAside("contact", "moving", "ada");

    const { body } = await own.ask("GET", `/records/contact/${recordId(1)}`);

    expect(body).toMatchObject({ dynamics: { exists: false }, parked: "moving", failure: { code: "X" } });
    expect(body).not.toHaveProperty("upToDate");
  });

  it("is shown though Dynamics cannot be asked, or nobody maps its table", async () => {
    own.world.dynamics.fetchRow = async () => {
      throw new UnavailableError("dynamics does not answer", false);
    };

    const away = await own.ask("GET", `/records/contact/${recordId(1)}`);
    const unmapped = await own.ask("GET", `/records/account/${recordId(1)}`);

    expect(away).toMatchObject({ status: 200, body: { dynamics: { problem: "dynamics does not answer" } } });
    expect(unmapped).toMatchObject({ status: 200, body: { mapped: false } });
  });

  it("names the parents it waits for", async () => {
    await ask("POST", "/settings/publish", { body: { documents: all() } });
    own.world.dynamics.put(recordId(5), { acme_visitid: recordId(5), acme_vehicleid: recordId(6) }, "acme_visit");

    const { body } = await ask("GET", `/records/acme_visit/${recordId(5)}`);

    expect(body.parents).toEqual([{ table: "acme_vehicle", id: recordId(6), standing: "coming" }]);
  });
});
