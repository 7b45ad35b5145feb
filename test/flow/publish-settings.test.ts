import { beforeEach, describe, expect, it } from "vitest";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { makeMetadataSource } from "../../shared/dataverse/metadata.js";
import { AuthError, ConflictError, MissingError, UnavailableError } from "../../shared/errors.js";
import { finishPublication } from "../../shared/flows/finish-publication.js";
import { orderFullRead } from "../../shared/flows/full-read.js";
import { type PublishRequest, publishSettings, rollBack } from "../../shared/flows/publish-settings.js";
import { shippedDocuments } from "../../shared/mapping/shipped.js";
import { acmeDocuments } from "../support/acme-tables.js";
import { makePublishWorld, type PublishProcess, type PublishWorld } from "../support/publish-world.js";

let world: PublishWorld;
let one: PublishProcess;

beforeEach(async () => {
  world = await makePublishWorld();
  one = world.process();
});

type Document = Record<string, unknown>;
const [contact] = shippedDocuments;
const all = (): Document[] => [contact, ...acmeDocuments()];
const publish = (documents: readonly unknown[], changes: Partial<PublishRequest> = {}, by = one) =>
  publishSettings(by.ports, { documents, by: "operator-1", ...changes });

/** The shipped contact mapping with last names of at most `length`. */
function contactWith(length: number): Document {
  const fields = contact.fields.map((field) =>
    field.target === "lastName" ? { ...field, maxLength: length, misfit: "truncate" } : field,
  );
  return { ...contact, fields };
}

/** What last names become now, for one process. */
async function lastName(process: PublishProcess): Promise<unknown> {
  const { mappings } = await process.settings.current();
  return mappings.get("contact")?.map({ lastname: "Abendrot" }).always.lastName;
}

const pathsOf = (found: readonly { path: string }[]) => found.map(({ path }) => path);

describe("publishing settings", () => {
  it("puts the three linked tables of the examples in force, and orders a replay of each but of contacts, which stay as they were", async () => {
    const result = await publish(all());

    expect(result.problems).toEqual([]);
    expect(result).toMatchObject({
      outcome: "published",
      version: 2,
      changes: ["acme_dealer", "acme_vehicle", "acme_visit"].map((table) => ({ table, change: "new" })),
      replays: { ordered: ["acme_dealer", "acme_vehicle", "acme_visit"], owed: [] },
    });
    const { version, mappings } = await one.settings.current();
    expect(version).toBe(2);
    expect([...mappings.keys()]).toEqual(["contact", "acme_dealer", "acme_vehicle", "acme_visit"]);
    expect(mappings.get("acme_visit")?.columns.acme_localtime).toBe("walltime");
    expect(await world.ordered("acme_visit")).toBe("changed");
    expect(await world.ordered("contact")).toBeUndefined();
  });

  it("fills in what the documents leave open", async () => {
    const [dealer, vehicle, visit] = acmeDocuments();
    const open = {
      ...vehicle,
      columns: { ...(vehicle?.columns as object), acme_fuel: "choice", acme_extras: "choices" },
    };

    await publish([contact, dealer, open, visit]);

    const mapping = (await one.settings.current()).mappings.get("acme_vehicle");
    const row = { acme_fuel: 727000001, acme_extras: "1,3" };
    expect(mapping?.map(row).always).toMatchObject({ fuel: "Diesel", extras: "Towbar, Winter tyres" });
  });

  it("takes effect in another process within a second, and never in between", async () => {
    const other = world.process();
    await lastName(other);

    await publish([contactWith(3)], { replay: false });
    const before = await lastName(other);
    world.clock.advance(1_000);

    expect([before, await lastName(other)]).toEqual(["Abendrot", "Abe"]);
  });

  it("does not let a process that saw an older version in force undo a newer one", async () => {
    const older = world.process();
    const base = (await older.settings.current()).version;
    await publish([contactWith(3)]);

    const undoing = publish([contact], { basedOn: base }, older);

    await expect(undoing).rejects.toThrow(ConflictError);
    expect((await one.ports.versions.inForce()).version).toBe(2);
  });

  it("lets one win of two processes that publish at the same moment, and both then work by the same version", async () => {
    const other = world.process();

    const results = await Promise.allSettled([publish([contactWith(3)]), publish([contactWith(4)], {}, other)]);

    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(results.find(({ status }) => status === "rejected")).toMatchObject({ reason: expect.any(ConflictError) });
    world.clock.advance(1_000);
    expect(await lastName(one)).toBe(await lastName(other));
    expect((await one.settings.current()).version).toBe((await other.settings.current()).version);
  });

  it("makes no second version of the same documents", async () => {
    await publish(all());

    const again = await publish([...all()].reverse());

    expect(again).toMatchObject({ outcome: "unchanged", version: 2, changes: [], replays: { ordered: [], owed: [] } });
    expect(await one.ports.versions.history()).toHaveLength(2);
  });

  it("orders no replay when asked not to, nor of tables that are no longer mapped", async () => {
    await publish(all(), { replay: false });
    const removed = await publish([contactWith(3)], { replay: false });

    expect(removed.changes).toEqual([
      { table: "contact", change: "changed" },
      { table: "acme_dealer", change: "removed" },
      { table: "acme_vehicle", change: "removed" },
      { table: "acme_visit", change: "removed" },
    ]);
    expect(await Promise.all(["contact", "acme_dealer"].map(world.ordered))).toEqual([undefined, undefined]);
  });

  it("publishes nothing when it only checks, and says what publishing would change", async () => {
    const checked = await publish([contactWith(3)], { check: true });

    expect(checked).toMatchObject({
      outcome: "checked",
      version: 1,
      problems: [],
      changes: [{ table: "contact", change: "changed" }],
    });
    expect(await one.ports.versions.history()).toHaveLength(1);
    expect(await world.ordered("contact")).toBeUndefined();
  });

  it("says where notices do not carry what the new mappings read", async () => {
    const { warnings } = await publish(all(), { check: true });

    const told = warnings.filter(({ fix }) => fix.includes("dataverse:apply"));
    expect(pathsOf(told)).toEqual(["[1].columns", "[2].columns", "[3].columns"]);
  });

  it("waits until every process works by the new version before it orders a replay", async () => {
    await publish([contactWith(3)]);

    expect(Math.max(...world.clock.slept)).toBeGreaterThan(1_000);
  });

  it("restarts a first load that is under way as a load, and does not make a replay of it", async () => {
    await orderFullRead(one.ports, "contact", "load");

    await publish([contactWith(3)]);

    expect(await world.ordered("contact")).toBe("load");
  });
});

describe("publishing settings that Dynamics or the rest of the set contradicts", () => {
  it("names every problem of every document by its path, and publishes nothing", async () => {
    const [dealer, vehicle, visit] = acmeDocuments();
    const wrong = {
      ...contact,
      columns: { ...contact.columns, foo: "string", lastname: "integer" },
      fields: [...contact.fields, { source: { column: "foo" }, target: "age", type: "integer" }],
    };

    const result = await publish([
      wrong,
      { ...dealer, table: { name: "acme_dealers", set: "x", id: "y" } },
      vehicle,
      visit,
      7,
    ]);

    expect(result).toMatchObject({ outcome: "refused", version: 1, changes: [] });
    const problems = result.problems.map(({ path, problem }) => `${path}: ${problem}`);
    expect(problems).toContain("[0].columns.foo: is not a column of contact");
    expect(problems).toContain("[0].columns.lastname: type differs: in Dynamics it is String");
    expect(problems).toContain("[1].table.name: Dynamics has no table acme_dealers");
    expect(pathsOf(result.problems)).toEqual(
      expect.arrayContaining([`[0].fields[${contact.fields.length}].target`, "[4]"]),
    );
    expect(await one.ports.versions.history()).toHaveLength(1);
  });

  it("refuses a set of which one table lacks a column in Dynamics", async () => {
    await world.dynamics.define(
      "DELETE",
      "EntityDefinitions(LogicalName='acme_vehicle')/Attributes(LogicalName='acme_seats')",
    );

    const { outcome, problems } = await publish(all());

    expect(outcome).toBe("refused");
    expect(problems.map(({ path, problem }) => [path, problem])).toEqual([
      ["[2].columns.acme_seats", "is not a column of acme_vehicle"],
    ]);
  });

  it("refuses tables whose changes cannot be followed, and says how to mend that", async () => {
    world = await makePublishWorld({ tracking: ["acme_dealer", "acme_vehicle"] });
    one = world.process();

    const { problems } = await publish(all());

    expect(problems).toMatchObject([{ path: "[3].table.name", problem: "change tracking of acme_visit is off" }]);
    expect(problems[0]?.fix).toContain("npm run dataverse:apply");
  });

  it("refuses labels that do not exist in the language published for", async () => {
    const [, vehicle] = acmeDocuments();
    const open = { ...vehicle, columns: { ...(vehicle?.columns as object), acme_fuel: "choice" } };
    const documents = [contact, acmeDocuments()[0], open];

    const { problems } = await publish(documents, { language: 1031 });

    expect(problems).toMatchObject([
      { path: "[2].fields[1].source", problem: "the labels of acme_fuel are not known" },
    ]);
    expect((await publish(documents)).outcome).toBe("published");
  });

  it("warns where a column of Dynamics holds more than Campaign's field takes", async () => {
    const fields = [{ source: { column: "lastname" }, target: "lastName", type: "string", maxLength: 30 }];

    const { outcome, warnings } = await publish([{ ...contact, fields }]);

    expect(outcome).toBe("published");
    expect(warnings).toContainEqual(expect.objectContaining({ path: "[0].fields[0].misfit" }));
  });

  it.each<[string, Partial<PublishRequest>]>([
    ["documents", { documents: [] }],
    ["by", { by: "Jo Doe" }],
    ["note", { note: "asked for by jo@example.com" }],
    ["note", { note: "x".repeat(1_001) }],
    ["language", { language: 0 }],
  ])("refuses a request whose %s is wrong", async (path, changes) => {
    const { outcome, problems } = await publish([contact], changes);

    expect([outcome, pathsOf(problems)]).toEqual(["refused", [path]]);
  });

  it("publishes nothing, and says why, when our user may not read definitions", async () => {
    const metadata = makeMetadataSource(world.dynamics.clientAs(LOCAL_APPS.stranger));

    const publishing = publishSettings({ ...one.ports, metadata }, { documents: [contact], by: "operator-1" });

    await expect(publishing).rejects.toThrow(AuthError);
    expect(await one.ports.versions.history()).toHaveLength(1);
  });
});

describe("publishing settings that Campaign contradicts", () => {
  const fieldOf = (length: number) => ({ type: "string", length, readOnly: false });

  it("warns of fields that Campaign does not have, and publishes", async () => {
    const targets = ["externalId", ...contact.fields.map(({ target }) => target)];
    const known = new Map(targets.map((target) => [target, fieldOf(0)]));
    known.delete("lastName");
    const resources = { fields: async () => known };

    const result = await publishSettings({ ...one.ports, resources }, { documents: [contact], by: "operator-1" });

    const place = contact.fields.findIndex(({ target }) => target === "lastName");
    expect(result.outcome).toBe("published");
    expect(pathsOf(result.warnings)).toContain(`[0].fields[${place}].target`);
  });

  it("publishes while Campaign is away, and says that it was not asked", async () => {
    const resources = { fields: () => Promise.reject(new UnavailableError("Campaign answered 503", false)) };

    const result = await publishSettings({ ...one.ports, resources }, { documents: [contact], by: "operator-1" });

    expect(result.outcome).toBe("published");
    expect(result.warnings.map(({ problem }) => problem)).toContain(
      "not checked against Campaign: Campaign answered 503",
    );
  });
});

describe("rolling settings back", () => {
  it("publishes the documents of the older version anew, as the next one, and replays what differs", async () => {
    await publish([contactWith(3)]);
    await publish([contactWith(4)]);

    const result = await rollBack(one.ports, { version: 2, by: "operator-2" });

    expect(result).toMatchObject({
      outcome: "published",
      version: 4,
      changes: [{ table: "contact", change: "changed" }],
      replays: { ordered: ["contact"] },
    });
    world.clock.advance(1_000);
    expect(await lastName(one)).toBe("Abe");
    const [newest] = await one.ports.versions.history();
    expect(newest).toMatchObject({ version: 4, previous: 3, by: "operator-2", note: "rolled back to version 2" });
    expect((await one.ports.versions.read(4))?.documents).toEqual((await one.ports.versions.read(2))?.documents);
  });

  it("brings back what ships with the app", async () => {
    await publish([contactWith(3)]);

    await rollBack(one.ports, { version: 1, by: "operator-1" });

    expect(await lastName(one)).toBe("Abendrot");
    expect((await one.settings.current()).version).toBe(3);
  });

  it("keeps the language of the older version", async () => {
    await publish([contactWith(3)], { language: 1031 });
    await publish([contactWith(4)]);

    await rollBack(one.ports, { version: 2, by: "operator-1" });

    expect((await one.ports.versions.read(4))?.language).toBe(1031);
  });

  it("refuses a version whose columns are gone from Dynamics", async () => {
    await publish(all());
    await publish([contact]);
    await world.dynamics.define(
      "DELETE",
      "EntityDefinitions(LogicalName='acme_vehicle')/Attributes(LogicalName='acme_seats')",
    );

    const result = await rollBack(one.ports, { version: 2, by: "operator-1" });

    expect(result).toMatchObject({ outcome: "refused", version: 3 });
    expect(pathsOf(result.problems)).toEqual(["[2].columns.acme_seats"]);
  });

  it("knows no version that was never published", async () => {
    await expect(rollBack(one.ports, { version: 9, by: "operator-1" })).rejects.toThrow(MissingError);
  });
});

describe("a publisher that dies", () => {
  it("leaves the old version in force or the new one, whatever call was its last, and the next publication works", async () => {
    await publish([contactWith(3)]);
    const clean = one.calls();
    expect(clean).toBeGreaterThan(8);
    let published = 0;

    for (const when of ["before", "after"] as const) {
      for (let call = 1; call <= clean + 5; call += 1) {
        world = await makePublishWorld({ dynamics: world.dynamics, clock: world.clock });
        const dying = world.process();
        const next = world.process();
        dying.killAt(call, when);
        const died = await publish([contactWith(3)], {}, dying).then(
          () => false,
          () => true,
        );
        if (!died) published += 1;

        expect(["Abendrot", "Abe"]).toContain(await lastName(next));
        const again = await publish([contactWith(3)], {}, next);

        expect(["published", "unchanged"]).toContain(again.outcome);
        world.clock.advance(1_000);
        expect(await lastName(next)).toBe("Abe");
        expect((await next.settings.current()).version).toBe(again.version);
        expect(await world.ordered("contact")).toBe("changed");
        expect((await next.ports.versions.inForce()).replays).toEqual([]);
      }
    }
    expect(published).toBeGreaterThan(0);
  });

  it("has its replays ordered by whoever looks next, once", async () => {
    const dying = world.process();
    const checkpoints = {
      ...dying.ports.checkpoints,
      save: () => Promise.reject(new UnavailableError("the table is away", false)),
    };
    const result = await publishSettings({ ...dying.ports, checkpoints }, { documents: all(), by: "operator-1" });
    const before = await world.ordered("acme_dealer");

    const finished = await finishPublication(one.ports);

    expect(result).toMatchObject({ outcome: "published", version: 2, replays: { ordered: [], owed: finished } });
    expect([before, await world.ordered("acme_dealer")]).toEqual([undefined, "changed"]);
    expect(await finishPublication(one.ports)).toEqual([]);
  });

  it("has its replays ordered though a later publication asks for none", async () => {
    const checkpoints = {
      ...one.ports.checkpoints,
      save: () => Promise.reject(new UnavailableError("the table is away", false)),
    };
    await publishSettings({ ...one.ports, checkpoints }, { documents: all(), by: "operator-1" });

    await publish([contactWith(3), ...acmeDocuments()], { replay: false });

    expect(await Promise.all(["acme_visit", "contact"].map(world.ordered))).toEqual(["changed", undefined]);
  });

  it("does not have replays ordered of tables that a later publication no longer maps", async () => {
    const checkpoints = {
      ...one.ports.checkpoints,
      save: () => Promise.reject(new UnavailableError("the table is away", false)),
    };
    await publishSettings({ ...one.ports, checkpoints }, { documents: all(), by: "operator-1" });
    await publish([contactWith(3)], { replay: false });

    expect(await finishPublication(one.ports)).toEqual([]);
  });
});
