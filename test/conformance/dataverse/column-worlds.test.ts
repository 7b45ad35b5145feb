// Issue 3, worlds: a column renamed, retyped or removed; facts/dataverse.md §3, §4, §9.3, §13. What steps do that still name
// it is not in the facts: both positions of its switch.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Dataverse, register, startDataverse, startReceiver } from "./simulator.js";

let dataverse: Dataverse;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
const ATTRIBUTES = "EntityDefinitions(LogicalName='contact')/Attributes";
const CRM = "Microsoft.Dynamics.CRM";
const label = (text: string) => ({ LocalizedLabels: [{ Label: text, LanguageCode: 1033 }] });
const definition = (type: string, more: object = {}) => ({
  ...{ "@odata.type": `${CRM}.${type}AttributeMetadata`, DisplayName: label("Shoe") },
  ...more,
});
const choices = (...labels: string[]) => ({
  OptionSet: { IsGlobal: false, Options: labels.map((text, index) => ({ Value: 1 + index, Label: label(text) })) },
});
const addColumn = (type: string, more: object = {}) =>
  dataverse.call("POST", ATTRIBUTES, { ...definition(type, more), SchemaName: "acs_Shoe" });
const removeColumn = () => dataverse.call("DELETE", `${ATTRIBUTES}(LogicalName='acs_shoe')`);
const rename = () => dataverse.sim("rename-column", { table: "contact", column: "acs_shoe", to: "acs_ShoeSize" });
const retype = (type: string, more: object = {}) =>
  dataverse.sim("retype-column", { table: "contact", column: "acs_shoe", definition: definition(type, more) });
const read = async (id: string, name: string) => (await dataverse.get(`contacts(${id})?$select=${name}`)).json[name];
const deltaLink = async (path: string) =>
  String((await dataverse.get(path, { prefer: "odata.track-changes" })).json["@odata.deltaLink"]);
const NO_PROPERTY = (name: string) => `Could not find a property named '${name}' on type '${CRM}.contact'.`;

beforeEach(async () => {
  dataverse = await startDataverse();
  receiver = await startReceiver();
});
afterEach(async () => {
  await dataverse.close();
  await receiver.close();
});

describe("a removed column", () => {
  it("is unknown to reads, filters, writes and metadata; its values are gone when another of its name comes", async () => {
    await addColumn("String", { MaxLength: 10 });
    const id = await dataverse.create("contacts", { acs_shoe: "high" });
    const removed = await removeColumn();

    const selected = await dataverse.get(`contacts(${id})?$select=acs_shoe`);
    const filtered = await dataverse.get("contacts?$filter=acs_shoe eq 'high'");
    const written = await dataverse.call("PATCH", `contacts(${id})`, { acs_shoe: "low" });
    const described = await dataverse.get(`${ATTRIBUTES}(LogicalName='acs_shoe')`);
    await addColumn("Integer");

    expect(removed.status).toBe(204);
    for (const answer of [selected, filtered]) {
      expect(answer.status).toBe(400);
      expect(answer.json.error).toMatchObject({ code: "0x80060888", message: NO_PROPERTY("acs_shoe") });
    }
    expect(written.status).toBe(400);
    expect(written.json.error.code).toBe("0x80048d19");
    expect(described.status).toBe(404);
    expect(await read(id, "acs_shoe")).toBeNull();
  });

  it("takes no row's version along, and breaks delta links that select it but not others", async () => {
    await addColumn("String", { MaxLength: 10 });
    await dataverse.create("contacts", { acs_shoe: "9" });
    await dataverse.create("contacts", {});
    const naming = await deltaLink("contacts?$select=acs_shoe");
    const other = await deltaLink("contacts?$select=lastname");
    const later = [
      await dataverse.create("contacts", {}),
      await dataverse.create("contacts", {}),
      await dataverse.create("contacts", {}),
    ];
    await removeColumn();

    const broken = await dataverse.get(naming);
    const delta = await dataverse.get(other);

    expect(broken.json.error).toMatchObject({ code: "0x80060888", message: NO_PROPERTY("acs_shoe") });
    expect(delta.json.value.map(({ contactid }) => contactid)).toEqual(later);
  });

  it("with its Money base leaves nothing behind for a later column of the same name", async () => {
    await addColumn("Money");
    const id = await dataverse.create("contacts", { acs_shoe: 12 });
    await removeColumn();
    await addColumn("Money");

    expect(await read(id, "acs_shoe_base")).toBeNull();
  });

  it.each([false, true])(
    "expires delta tokens given out before only with schemaChangeExpiresTokens (%s; §4, 3p)",
    async (schemaChangeExpiresTokens) => {
      await dataverse.sim("switches", { schemaChangeExpiresTokens });
      await addColumn("String", { MaxLength: 10 });
      const contacts = await deltaLink("contacts?$select=lastname");
      const accounts = await deltaLink("accounts?$select=name");
      await removeColumn();

      const delta = await dataverse.get(contacts);
      const fresh = await dataverse.get(await deltaLink("contacts?$select=lastname"));
      const elsewhere = await dataverse.get(accounts);

      expect(delta.json.error?.code).toBe(schemaChangeExpiresTokens ? "0x80044352" : undefined);
      expect([fresh.json.error?.code, elsewhere.json.error?.code]).not.toContain("0x80044352");
    },
  );

  it.each([
    ["left out", 204, 1],
    ["fails", 400, 0],
  ])(
    "in a step's image is left out, or fails the write, as removedColumnInImage says (%s)",
    async (removedColumnInImage, status, calls) => {
      await dataverse.sim("switches", { removedColumnInImage });
      await addColumn("String", { MaxLength: 10 });
      const images = [{ alias: "post", type: 1, attributes: "acs_shoe,lastname" }];
      await register(dataverse, receiver.url, [{ message: "Update", images }]);
      const id = await dataverse.create("contacts", { lastname: "Lee", acs_shoe: "9" });
      await removeColumn();

      const answer = await dataverse.call("PATCH", `contacts(${id})`, { lastname: "Li" });

      expect(answer.status).toBe(status);
      if (calls === 0) {
        expect(answer.json.error.message).toContain("acs_shoe");
        expect(await read(id, "lastname")).toBe("Lee");
        return;
      }
      const [hook] = await receiver.wait(1);
      const post = hook?.body.PostEntityImages.find(({ key }) => key === "post");
      expect(post?.value.Attributes).toEqual([{ key: "lastname", value: "Li" }]);
    },
  );

  it.each([
    ["lastname", "a standard column"],
    ["statecode", "the state"],
  ])("cannot be %s (%s)", async (name) => {
    expect((await dataverse.call("DELETE", `${ATTRIBUTES}(LogicalName='${name}')`)).status).toBe(400);
  });
});

describe("a renamed column", () => {
  it("has its values under the new name and type, and the old name is unknown", async () => {
    await addColumn("Picklist", choices("Small", "Large"));
    const id = await dataverse.create("contacts", { acs_shoe: 2 });
    const without = await dataverse.create("contacts", {});

    const result = await rename();
    const described = await dataverse.get(
      `${ATTRIBUTES}(LogicalName='acs_shoesize')?$select=SchemaName,AttributeType,LogicalName`,
    );

    expect(result).toEqual({ moved: 1, lost: 0 });
    expect(await read(id, "acs_shoesize")).toBe(2);
    expect(await read(without, "acs_shoesize")).toBeNull();
    expect(described.json).toMatchObject({ SchemaName: "acs_ShoeSize", AttributeType: "Picklist" });
    expect((await dataverse.get(`contacts(${id})?$select=acs_shoe`)).json.error.message).toBe(NO_PROPERTY("acs_shoe"));
  });

  it("takes the base of a Money column along", async () => {
    await addColumn("Money");
    const id = await dataverse.create("contacts", { acs_shoe: 12 });
    await rename();

    expect(await read(id, "acs_shoesize")).toBe(12);
    expect(await read(id, "acs_shoesize_base")).toBe(12);
    expect((await dataverse.get("contacts?$select=acs_shoe_base")).status).toBe(400);
  });

  it("changes the rows that had a value: a delta link shows them, and steps without that filter fire", async () => {
    await addColumn("String", { MaxLength: 10 });
    const id = await dataverse.create("contacts", { acs_shoe: "9" });
    await dataverse.create("contacts", { lastname: "Barefoot" });
    await register(dataverse, receiver.url, [
      { message: "Update", filteringattributes: "acs_shoe" },
      { message: "Update", step: { name: "any" }, images: [{ alias: "post", type: 1, attributes: "acs_shoe" }] },
    ]);
    const link = await deltaLink("contacts?$select=lastname");
    await rename();

    const delta = await dataverse.get(link);
    const hooks = await receiver.wait(1);
    await expect.poll(() => dataverse.sim("state/webhooks")).toMatchObject({ pending: 0 });
    const target = hooks[0]?.body.InputParameters[0]?.value as { Attributes: { key: string; value: unknown }[] };

    expect(delta.json.value.map(({ contactid }) => contactid)).toEqual([id]);
    expect(hooks.length).toBe(1);
    expect(hooks[0]?.headers["x-ms-dynamics-organization"]).toBe(new URL(dataverse.url).host);
    expect(target.Attributes).toContainEqual({ key: "acs_shoesize", value: "9" });
  });

  it("leaves steps as they were: filter and image still name the old column, and nothing fires for the new one", async () => {
    await addColumn("String", { MaxLength: 10 });
    const id = await dataverse.create("contacts", { acs_shoe: "9" });
    const { stepIds } = await register(dataverse, receiver.url, [
      { message: "Update", filteringattributes: "acs_shoe" },
    ]);
    await rename();
    await dataverse.call("PATCH", `contacts(${id})`, { acs_shoesize: "10" });

    const step = await dataverse.get(`sdkmessageprocessingsteps(${stepIds[0]})?$select=filteringattributes`);

    expect(step.json.filteringattributes).toBe("acs_shoe");
    expect(await dataverse.sim("state/webhooks")).toMatchObject({ attempts: 0, pending: 0 });
  });

  it("is refused for what an administrator could not do, and then nothing has happened", async () => {
    await addColumn("String", { MaxLength: 10 });
    const id = await dataverse.create("contacts", { acs_shoe: "9" });
    await dataverse.call("POST", "EntityDefinitions(LogicalName='contact')/Keys", {
      ...{ SchemaName: "acs_Key", KeyAttributes: ["acs_shoe"] },
    });
    const attempt = (column: string, to = "acs_Other") =>
      dataverse.sim("rename-column", { table: "contact", column, to });

    await expect(attempt("acs_shoe")).rejects.toThrow("key");
    await expect(attempt("lastname")).rejects.toThrow("custom");
    await expect(attempt("parentcustomerid")).rejects.toThrow("lookup");
    await expect(attempt("acs_none")).rejects.toThrow("no column");
    await expect(attempt("acs_shoe", "noprefix")).rejects.toThrow("prefix");
    expect(await read(id, "acs_shoe")).toBe("9");
    expect((await dataverse.get("contacts?$select=acs_other")).status).toBe(400);
  });
});

describe("a retyped column", () => {
  it.each([
    ["String", { MaxLength: 20 }, "12", "Integer", {}, 12],
    ["String", { MaxLength: 20 }, "large", "Picklist", choices("Small", "Large"), 2],
    ["Picklist", choices("Small", "Large"), 2, "String", { MaxLength: 20 }, "Large"],
    ["Picklist", choices("Small", "Large"), 1, "Picklist", choices("Tiny", "Other", "Small"), 3],
    ["Integer", {}, 12, "Decimal", { Precision: 2 }, 12],
    ["Decimal", { Precision: 2 }, 1.5, "String", { MaxLength: 20 }, "1.5"],
    ["DateTime", {}, "2024-05-03T10:00:00Z", "DateTime", { DateTimeBehavior: { Value: "DateOnly" } }, "2024-05-03"],
    ["String", { MaxLength: 20 }, "x", "Memo", { MaxLength: 200 }, "x"],
  ])("from %s %j keeps %j as %s %j: %j", async (from, fromMore, value, to, toMore, kept) => {
    await addColumn(from, fromMore);
    const id = await dataverse.create("contacts", { acs_shoe: value });

    const result = await retype(to, toMore);
    const described = await dataverse.get(`${ATTRIBUTES}(LogicalName='acs_shoe')?$select=AttributeType,SchemaName`);

    expect(result).toEqual({ moved: 1, lost: 0 });
    expect(await read(id, "acs_shoe")).toBe(kept);
    expect(described.json).toMatchObject({ AttributeType: to, SchemaName: "acs_Shoe" });
  });

  it("is empty where the new type cannot hold the old value, and refuses the old type from then on", async () => {
    await addColumn("String", { MaxLength: 20 });
    const good = await dataverse.create("contacts", { acs_shoe: "12" });
    const bad = await dataverse.create("contacts", { acs_shoe: "twelve" });
    await register(dataverse, receiver.url, [{ message: "Update", filteringattributes: "acs_shoe" }]);

    const result = await retype("Integer");
    const text = await dataverse.call("PATCH", `contacts(${bad})`, { acs_shoe: "13" });
    const [hook] = await receiver.wait(1);

    expect(result).toEqual({ moved: 1, lost: 1 });
    expect([await read(good, "acs_shoe"), await read(bad, "acs_shoe")]).toEqual([12, null]);
    expect(text.json.error.code).toBe("0x80048d19");
    expect(hook?.body.PrimaryEntityId).toBe(good);
  });

  it("is refused with another type than the API could make", async () => {
    await addColumn("String", { MaxLength: 20 });
    const id = await dataverse.create("contacts", { acs_shoe: "12" });

    await expect(retype("Nonsense")).rejects.toThrow("Nonsense");
    expect(await read(id, "acs_shoe")).toBe("12");
  });
});
