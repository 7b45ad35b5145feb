import { describe, expect, it } from "vitest";
import { makeCatalog } from "../../../infra/local/campaign/model/catalog.js";
import type { InstanceConfiguration } from "../../../infra/local/campaign/model/instance.js";
import { instanceResources, instanceSchema } from "../../../infra/local/campaign/model/instance.js";
import { profiles, useCampaign } from "./support.js";

const text = (name: string, length = 100) => ({ name, label: name, type: "string" as const, length, sortable: true });
const named = (name: string, label: string) => ({
  name,
  label: `${label}s`,
  singular: label,
  help: `${label}s`,
  schema: `cus:${label.toLowerCase()}`,
  keys: [{ fields: ["externalId"] }],
  filters: [
    {
      name: "ExternalId",
      label: "External ID",
      rules: [{ fields: ["externalId"], operator: "equal" as const, parameter: "externalId" }],
    },
  ],
  auditFields: true,
});
const externalId = text("externalId");

/**
 * profile <-join- cusVehicle <-1- cusInspection;  profile <-1- cusContract;  profile -> cusBrand;  cusShop <- cusShelf unlinked.
 */
const configuration: InstanceConfiguration = {
  extend: {
    profile: {
      fields: [
        text("cusHobby", 40),
        { name: "cusBrandlink", label: "Brand", type: "link", target: "cusBrand", reverse: "profiles" },
      ],
      keys: [{ fields: ["externalId"], fixed: true }],
      advancedFiltering: { Hobby: { fields: ["cusHobby"], operator: "prefix", parameter: "cusHobby" } },
      filters: [
        { name: "HobbyIs", label: "Hobby", rules: [{ fields: ["cusHobby"], operator: "equal", parameter: "hobby" }] },
      ],
    },
  },
  resources: [
    {
      ...named("cusVehicle", "Vehicle"),
      automaticId: true,
      title: ["vehicleName", "externalId"],
      fields: [
        externalId,
        text("vehicleName"),
        text("profileExternalId"),
        { name: "doors", label: "Doors", type: "byte" },
        { name: "price", label: "Price", type: "double", sortable: true },
        { name: "boughtAt", label: "Bought", type: "datetime", sortable: true },
        {
          name: "vehicleOwner",
          label: "Owner",
          type: "link",
          target: "profile",
          join: { source: "profileExternalId", target: "externalId" },
          cardinality: "0..1",
          reverse: "cusVehiclelink",
        },
      ],
    },
    {
      ...named("cusInspection", "Inspection"),
      fields: [
        externalId,
        text("vehicleId"),
        {
          name: "vehicle",
          label: "Vehicle",
          type: "link",
          target: "cusVehicle",
          join: { source: "vehicleId", target: "externalId" },
          cardinality: "1",
          reverse: "inspections",
        },
      ],
    },
    {
      ...named("cusContract", "Contract"),
      fields: [
        externalId,
        {
          name: "holder",
          label: "Holder",
          type: "link",
          target: "profile",
          cardinality: "0..1",
          reverse: "cusContractlink",
        },
      ],
    },
    { ...named("cusBrand", "Brand"), title: ["label", "externalId"], fields: [externalId, text("label")] },
    { ...named("cusShop", "Shop"), fields: [externalId, text("city")] },
    {
      ...named("cusShelf", "Shelf"),
      fields: [
        externalId,
        { name: "shop", label: "Shop", type: "link", target: "cusShop", cardinality: "0..1", reverse: "shelves" },
      ],
    },
  ],
};
const campaign = useCampaign({ configuration });
const ext = "profileAndServicesExt";

describe("which API shows a custom resource (facts/campaign.md §1)", () => {
  it.each([
    ["linked to profile", "cusVehicle", [404, 200, 404]],
    ["linked through another resource", "cusInspection", [404, 200, 404]],
    ["that profile links to", "cusBrand", [404, 200, 404]],
    ["not linked", "cusShop", [404, 404, 200]],
    ["child of one that is not linked", "cusShelf", [404, 404, 200]],
  ])("shows a resource %s in one API only", async (_, name, wanted) => {
    const apis = ["profileAndServices", ext, "customResources"];

    const statuses = await Promise.all(apis.map(async (api) => (await campaign.get(`${api}/${name}`)).status));

    expect(statuses).toEqual(wanted);
  });

  it("lists unlinked resources at the root of customResources", async () => {
    expect(Object.keys((await campaign.get("customResources")).body)).toEqual(["apiName", "cusShop", "cusShelf"]);
  });

  it("shows extension fields of profile under Ext only, and takes them there only", async () => {
    const wide = await campaign.post(profiles, { cusHobby: "Dancing" });
    const narrow = await campaign.post("profileAndServices/profile", { cusHobby: "Dancing" });

    expect(wide.body.cusHobby).toBe("Dancing");
    expect(narrow.body.message).toContain("'cusHobby' property is not valid for the 'profile' resource.");
  });
});

describe("filters on extension fields (facts/campaign.md §4, §5)", () => {
  it.each(["byHobbyIs?hobby_parameter=Dancing", "byText?cusHobby=Dancing&filterType=Hobby"])(
    "finds by %s",
    async (filter) => {
      await campaign.post(profiles, { externalId: "k1", cusHobby: "Dancing" });
      await campaign.post(profiles, { externalId: "k2", cusHobby: "Chess" });

      const { content } = (await campaign.get(`${profiles}/${filter}`)).body;

      expect(content.map((record) => record.externalId)).toEqual(["k1"]);
    },
  );

  it("refuses a filterType that was not added to advanced filtering", async () => {
    expect((await campaign.get(`${profiles}/byText?cusHobby=Dancing&filterType=Shoes`)).status).toBe(500);
  });
});

describe("records of custom resources (facts/campaign.md §3, §6)", () => {
  it("are created with audit fields, automatic id and title, fields without prefix", async () => {
    const answer = await campaign.post(`${ext}/cusVehicle`, { externalId: "v1", vehicleName: "Van", doors: 4 });

    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({
      externalId: "v1",
      doors: 4,
      price: 0,
      boughtAt: "",
      vehicleOwner: null,
      title: "Van (v1)",
      acsId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      created: expect.stringMatching(/Z$/),
    });
  });

  it("keep their automatic id, which nobody can write", async () => {
    const { acsId } = (await campaign.post(`${ext}/cusVehicle`, { externalId: "v1" })).body;

    const answer = await campaign.patch(`${ext}/cusVehicle/v1`, { acsId: "x" });

    expect(answer.body.message).toContain("'acsId' property that is read-only");
    expect((await campaign.get(`${ext}/cusVehicle/v1`)).body.acsId).toBe(acsId);
  });

  it("are read, changed and deleted by their key while the switch is on (unconfirmed)", async () => {
    await campaign.post("customResources/cusShop", { externalId: "s1" });

    expect((await campaign.patch("customResources/cusShop/s1", { city: "Lyon" })).status).toBe(200);
    expect((await campaign.get("customResources/cusShop/s1")).body.city).toBe("Lyon");
    expect((await campaign.del("customResources/cusShop/s1")).status).toBe(200);
  });

  it("are refused by their key and found by PKey while the switch is off (unconfirmed)", async () => {
    await campaign.sim("settings", { customResourceKeys: false });
    const { PKey } = (await campaign.post("customResources/cusShop", { externalId: "s1" })).body;

    expect((await campaign.get("customResources/cusShop/s1")).status).toBe(500);
    expect((await campaign.get(`customResources/cusShop/${PKey}`)).status).toBe(200);
  });

  it("refuse a second record with the same key", async () => {
    await campaign.post("customResources/cusShop", { externalId: "s1" });

    const answer = await campaign.post("customResources/cusShop", { externalId: "s1" });

    expect(answer.body.message).toContain("A 'Shop' with the same key 's1' already exists.");
  });

  it.each([
    ["doors", 127, 201],
    ["doors", 128, 500],
    ["doors", 1.5, 500],
    ["price", 12.75, 201],
    ["price", "12.75", 500],
    ["boughtAt", "2026-01-31 10:00:00.000Z", 201],
    ["boughtAt", "2026-01-31T10:00:00Z", 201],
    ["boughtAt", "2026-01-31", 500],
    ["boughtAt", "", 201],
  ])("take %s = %j with %i", async (name, value, status) => {
    expect((await campaign.post(`${ext}/cusVehicle`, { [name]: value })).status).toBe(status);
  });

  it("read an instant with space, milliseconds and Z however it was written", async () => {
    const answer = await campaign.post(`${ext}/cusVehicle`, { boughtAt: "2026-01-31T12:00:00+02:00" });

    expect(answer.body.boughtAt).toBe("2026-01-31 10:00:00.000Z");
  });

  it("describe themselves as profile does", async () => {
    const { body } = await campaign.get(`${ext}/resourceType/cusVehicle`);

    expect(body).toMatchObject({
      name: "cusVehicle",
      data: "/profileAndServicesExt/cusVehicle/",
      schema: "cus:vehicle",
    });
    expect(body.content).toMatchObject({
      vehicleOwner: { type: "link", resTarget: "profile" },
      lastModified: { readOnly: true },
      doors: { type: "number", resType: "byte" },
    });
  });
});

describe("specific-join links (facts/campaign.md §3.4)", () => {
  it("resolve by the scalar that was written, whichever of the two records comes first", async () => {
    await campaign.post(`${ext}/cusVehicle`, { externalId: "v1", profileExternalId: "k1" });
    const before = (await campaign.get(`${ext}/cusVehicle/v1`)).body.vehicleOwner;
    const { PKey, href } = (await campaign.post(profiles, { externalId: "k1", lastName: "Lee" })).body;

    const after = (await campaign.get(`${ext}/cusVehicle/v1`)).body.vehicleOwner;

    expect(before).toBeNull();
    expect(after).toEqual({ PKey, href, title: "Lee" });
  });

  it("let go when the scalar changes or the target is deleted", async () => {
    await campaign.post(profiles, { externalId: "k1" });
    await campaign.post(`${ext}/cusVehicle`, { externalId: "v1", profileExternalId: "k1" });
    await campaign.post(`${ext}/cusVehicle`, { externalId: "v2", profileExternalId: "k1" });

    await campaign.patch(`${ext}/cusVehicle/v1`, { profileExternalId: "k2" });
    const moved = (await campaign.get(`${ext}/cusVehicle/v1`)).body.vehicleOwner;
    await campaign.del(`${profiles}/k1`);
    const orphaned = (await campaign.get(`${ext}/cusVehicle/v2`)).body;

    expect(moved).toBeNull();
    expect(orphaned).toMatchObject({ vehicleOwner: null, profileExternalId: "k1" });
  });

  it("are not written themselves", async () => {
    const { PKey } = (await campaign.post(profiles, { externalId: "k1" })).body;

    expect((await campaign.post(`${ext}/cusVehicle`, { vehicleOwner: { PKey } })).status).toBe(500);
  });

  it("list the rows at the profile's collection, which follows its alias", async () => {
    const { cusVehiclelink } = (await campaign.post(profiles, { externalId: "k1" })).body;
    await campaign.post(`${ext}/cusVehicle`, { externalId: "v1", profileExternalId: "k1" });
    await campaign.post(`${ext}/cusVehicle`, { externalId: "v2", profileExternalId: "other" });

    const { content } = (await campaign.get((cusVehiclelink as { href: string }).href)).body;

    expect(content.map((record) => record.externalId)).toEqual(["v1"]);
  });

  it("fill in the scalar when a row is posted to the collection", async () => {
    const { cusVehiclelink } = (await campaign.post(profiles, { externalId: "k1" })).body;

    await campaign.post((cusVehiclelink as { href: string }).href, { externalId: "v1" });

    expect((await campaign.get(`${ext}/cusVehicle/v1`)).body.profileExternalId).toBe("k1");
  });
});

describe("simple links (facts/campaign.md §3.4)", () => {
  const holderOf = async (key: string): Promise<unknown> =>
    (await campaign.get(`${ext}/cusContract/${key}`)).body.holder;

  it("are set by PKey and shown with href and title", async () => {
    const { PKey, href } = (await campaign.post(profiles, { externalId: "k1", lastName: "Lee" })).body;

    await campaign.post(`${ext}/cusContract`, { externalId: "c1", holder: { PKey } });

    expect(await holderOf("c1")).toEqual({ PKey, href, title: "Lee" });
  });

  it("are set by the raw key of the target in the place of its PKey", async () => {
    const { PKey } = (await campaign.post(profiles, { externalId: "k1" })).body;

    await campaign.post(`${ext}/cusContract`, { externalId: "c1", holder: { PKey: "k1" } });

    expect(await holderOf("c1")).toMatchObject({ PKey });
  });

  it("answer 404 and write nothing when the raw key does not exist", async () => {
    const answer = await campaign.post(`${ext}/cusContract`, { externalId: "c1", holder: { PKey: "k9" } });

    expect(answer.status).toBe(404);
    expect((await campaign.get(`${ext}/cusContract/c1`)).status).toBe(404);
  });

  it("stay null, without an error, when given by other attributes", async () => {
    await campaign.post(profiles, { externalId: "k1", firstName: "Ann" });

    const answer = await campaign.post(`${ext}/cusContract`, { externalId: "c1", holder: { firstName: "Ann" } });

    expect(answer.status).toBe(201);
    expect(await holderOf("c1")).toBeNull();
  });

  it("are cleared by null (unconfirmed)", async () => {
    await campaign.post(profiles, { externalId: "k1" });
    await campaign.post(`${ext}/cusContract`, { externalId: "c1", holder: { PKey: "k1" } });

    await campaign.patch(`${ext}/cusContract/c1`, { holder: null });

    expect(await holderOf("c1")).toBeNull();
  });

  it("are emptied when the target is deleted", async () => {
    await campaign.post(profiles, { externalId: "k1" });
    await campaign.post(`${ext}/cusContract`, { externalId: "c1", holder: { PKey: "k1" } });

    await campaign.del(`${profiles}/k1`);

    expect(await holderOf("c1")).toBeNull();
  });

  it("leave set links out of the answer to POST, and show them in GET (only v8's POST has them, §1)", async () => {
    await campaign.post(`${ext}/cusBrand`, { externalId: "b1", label: "Brand 1" });

    const created = await campaign.post(profiles, { externalId: "k1", cusBrandlink: { PKey: "b1" } });
    const read = await campaign.get(`${profiles}/k1`);

    expect(created.body).not.toHaveProperty("cusBrandlink");
    expect(read.body.cusBrandlink).toMatchObject({ title: "Brand 1 (b1)" });
  });

  it("are followed by their name behind the record's PKey", async () => {
    await campaign.post(`${ext}/cusBrand`, { externalId: "b1", label: "Brand 1" });
    const { PKey } = (await campaign.post(profiles, { cusBrandlink: { PKey: "b1" } })).body;

    expect((await campaign.get(`${profiles}/${PKey}/cusBrandlink`)).body.label).toBe("Brand 1");
  });
});

describe("hidden records under cardinality 1 (facts/campaign.md §3.5)", () => {
  const inspections = `${ext}/cusInspection`;
  const orphan = { externalId: "i1", vehicleId: "v1" };

  it.each(["GET", "PATCH", "DELETE"])("answer 404 to %s while the parent is missing", async (method) => {
    await campaign.post(inspections, orphan);

    const answer = await campaign.send(method, `${inspections}/i1`, method === "PATCH" ? {} : undefined);

    expect(answer.status).toBe(404);
  });

  it("are in no list and no count while the parent is missing", async () => {
    await campaign.post(inspections, orphan);

    expect((await campaign.get(inspections)).body.content).toEqual([]);
    expect((await campaign.get(`${inspections}/byExternalId?externalId_parameter=i1`)).body.content).toEqual([]);
    expect((await campaign.get(`${inspections}/_count`)).body).toEqual({ count: 0 });
  });

  it("still hold their key: a second POST is a duplicate", async () => {
    await campaign.post(inspections, orphan);

    expect((await campaign.post(inspections, orphan)).body.message).toContain("already exists");
  });

  it("appear when the parent arrives, and vanish again with it", async () => {
    await campaign.post(inspections, orphan);

    await campaign.post(`${ext}/cusVehicle`, { externalId: "v1" });
    const visible = await campaign.get(`${inspections}/i1`);
    await campaign.del(`${ext}/cusVehicle/v1`);
    const hidden = await campaign.get(`${inspections}/i1`);

    expect([visible.status, hidden.status]).toEqual([200, 404]);
  });

  it("are shown as hidden to the tests", async () => {
    await campaign.post(inspections, orphan);

    expect((await campaign.sim("state/cusInspection")).body).toMatchObject([{ key: "i1", hidden: true }]);
  });
});

describe("a configuration that Campaign would not accept (facts/campaign.md §1, §10)", () => {
  const resources = (change: (copy: InstanceConfiguration) => void): (() => unknown) => {
    const copy = structuredClone(configuration);
    change(copy);
    return () => {
      const switches = { optOutNames: "blackList", version: "standard" } as const;
      return makeCatalog(instanceResources(instanceSchema.parse(copy), switches));
    };
  };

  it("is refused when a field added to profile lacks the prefix", () => {
    expect(resources((copy) => copy.extend.profile?.fields?.push(text("hobby")))).toThrow("cushobby");
  });

  it("is refused when an ID is longer than 30 characters", () => {
    expect(resources((copy) => copy.resources[0]?.fields.push(text("x".repeat(31))))).toThrow("30");
  });

  it("is refused when a custom resource lacks the prefix", () => {
    expect(resources((copy) => copy.resources.push({ ...named("Shop", "Shop"), fields: [] }))).toThrow("cus");
  });

  it("is refused when a key names a field that there is not", () => {
    expect(resources((copy) => copy.resources[0]?.keys.push({ fields: ["nothing"] }))).toThrow(
      "cusVehicle has no field nothing",
    );
  });

  it("is refused when a link points to no resource", () => {
    expect(
      resources((copy) => copy.resources[0]?.fields.push({ name: "l", label: "l", type: "link", target: "cusNone" })),
    ).toThrow("cusVehicle.l");
  });
});
