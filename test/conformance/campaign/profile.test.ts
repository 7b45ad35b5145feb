import { describe, expect, it } from "vitest";
import { profiles, setClock, useCampaign, type WireRecord } from "./support.js";

const campaign = useCampaign();
const plain = "profileAndServices/profile";

async function create(body: Record<string, unknown>, path = profiles): Promise<WireRecord> {
  const answer = await campaign.post(path, body);
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
}

describe("keys and addresses of records (facts/campaign.md §3.1)", () => {
  it("gives a PKey of @ and 90 to 160 url-safe characters, and an absolute href that ends with it", async () => {
    const record = await create({ lastName: "Lee" });

    expect(record.PKey).toMatch(/^@[A-Za-z0-9_-]{90,160}$/);
    expect(record.href).toBe(`${campaign.url}/acme/campaign/${profiles}/${record.PKey}`);
  });

  it("gives nested addresses a parent segment that begins like the PKey and is not the PKey", async () => {
    const { PKey, subscriptions } = (await campaign.post(profiles, {})).body;

    const parent = /profile\/(@[^/]+)\/subscriptions\/$/.exec(subscriptions.href)?.[1] ?? "";

    expect(parent).not.toBe(PKey);
    expect(parent.slice(0, 60)).toBe(PKey.slice(0, 60));
  });

  it("accepts the nested segment as a key of the same record", async () => {
    const { PKey, subscriptions } = (await campaign.post(profiles, {})).body;
    const alias = subscriptions.href.split("/").at(-3);

    const answer = await campaign.get(`${profiles}/${alias}`);

    expect(answer.body.PKey).toBe(PKey);
  });

  it("gives out other PKeys after a reset, and no longer knows the old ones", async () => {
    const before = await create({ externalId: "a" });
    await campaign.sim("reset", {});

    const after = await create({ externalId: "a" });
    const answer = await campaign.get(`${profiles}/${before.PKey}`);

    expect(after.PKey).not.toBe(before.PKey);
    expect(answer.status).toBe(500);
  });

  it("serves a resource with .json appended", async () => {
    const answer = await campaign.get(`${profiles}.json`);

    expect(answer.body.content).toEqual([]);
  });
});

describe("verbs on profiles (facts/campaign.md §3.2)", () => {
  it("answers POST with the full record: what was sent, defaults and computed fields", async () => {
    const record = await create({ firstName: "Ann", lastName: "Lee", email: "ann@example.com", externalId: "k1" });

    expect(record).toMatchObject({
      firstName: "Ann",
      externalId: "k1",
      middleName: "",
      age: 0,
      birthDate: "",
      blackListEmail: false,
      blackListEmailLastModified: "",
      ccpaOptOut: false,
      domain: "example.com",
      emailFormat: "unknown",
      gender: "unknown",
      isExternal: false,
      orgUnit: null,
      preferredLanguage: "none",
      timeZone: "none",
      thumbnail: "/nl/img/thumbnails/defaultProfil.png",
      title: "Ann Lee (ann@example.com)",
      location: { address1: "", city: "", countryCode: "", stateCode: "", zipCode: "" },
      postalAddress: { addrDefined: false, line1: "Ann LEE", serialized: "Ann LEE\n\n\n\n\n" },
    });
  });

  it.each([200, 201])("answers POST with %i as the createStatus switch says (unconfirmed)", async (status) => {
    await campaign.sim("settings", { createStatus: status });

    const answer = await campaign.post(profiles, { lastName: "Lee" });

    expect(answer.status).toBe(status);
  });

  it("answers PATCH with 200, PKey and href, and not with the record", async () => {
    const { PKey, href } = await create({ lastName: "Lee" });

    const answer = await campaign.patch(`${profiles}/${PKey}`, { lastName: "May" });

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ PKey, href });
    expect((await campaign.get(`${profiles}/${PKey}`)).body.lastName).toBe("May");
  });

  it("accepts PATCH with an empty body and changes nothing, lastModified included", async () => {
    const { PKey, href, lastModified } = await create({ lastName: "Lee" });

    const answer = await campaign.patch(`${profiles}/${PKey}`, {});

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ PKey, href });
    expect((await campaign.get(`${profiles}/${PKey}`)).body.lastModified).toBe(lastModified);
  });

  it("answers DELETE with 200 and an empty body, and the record is gone", async () => {
    const { PKey } = await create({ lastName: "Lee" });

    const answer = await campaign.del(`${profiles}/${PKey}`);

    expect([answer.status, answer.text]).toEqual([200, ""]);
    expect((await campaign.get(`${profiles}/${PKey}`)).status).toBe(404);
    expect((await campaign.get(profiles)).body.content).toEqual([]);
  });

  it("answers the second DELETE of the same record with 404", async () => {
    const { PKey } = await create({ lastName: "Lee" });
    await campaign.del(`${profiles}/${PKey}`);

    expect((await campaign.del(`${profiles}/${PKey}`)).status).toBe(404);
  });

  it("offers no PUT", async () => {
    const { PKey } = await create({ lastName: "Lee" });

    const answer = await campaign.send("PUT", `${profiles}/${PKey}`, { lastName: "May" });

    expect(answer.status).toBe(405);
  });

  it("answers GET of one record with the bare object", async () => {
    const { PKey } = await create({ lastName: "Lee" });

    const answer = await campaign.get(`${profiles}/${PKey}`);

    expect(answer.headers.get("content-type")).toContain("application/json");
    expect(answer.body).toMatchObject({ PKey, lastName: "Lee" });
    expect(answer.body).not.toHaveProperty("content");
  });

  it("does not keep anything of a POST that it refuses", async () => {
    await campaign.post(profiles, { lastName: "Lee", nonsense: 1 });

    expect((await campaign.get(profiles)).body.content).toEqual([]);
  });

  it("does not change anything by a PATCH of which one property is refused", async () => {
    const { PKey } = await create({ lastName: "Lee", email: "a@example.com" });

    await campaign.patch(`${profiles}/${PKey}`, { email: "b@example.com", age: 3 });

    expect((await campaign.get(`${profiles}/${PKey}`)).body.email).toBe("a@example.com");
  });
});

describe("computed fields of profiles (facts/campaign.md §3.4)", () => {
  it.each([
    ["1990-06-15", 36],
    ["1990-06-16", 35],
    ["", 0],
  ])("computes the age on 2026-06-15 from the birth date %s: %i", async (birthDate, age) => {
    await setClock(campaign, "2026-06-15T12:00:00Z");

    const record = await create({ birthDate });

    expect(record.age).toBe(age);
  });

  it("composes the postal address of name and location, six lines joined by line feeds", async () => {
    const { postalAddress } = await create({
      firstName: "Ann",
      lastName: "Lee",
      location: { address1: "1 Main Street", zipCode: "69000", city: "Lyon" },
    });

    expect(postalAddress).toMatchObject({
      addrDefined: true,
      line1: "Ann LEE",
      line2: "1 Main Street",
      line6: "69000 Lyon",
      serialized: "Ann LEE\n1 Main Street\n\n\n\n69000 Lyon",
    });
  });

  it("follows the e-mail address with domain and title", async () => {
    const { PKey } = await create({ lastName: "Lee", email: "a@old.test" });

    await campaign.patch(`${profiles}/${PKey}`, { email: "a@new.test" });

    const { body } = await campaign.get(`${profiles}/${PKey}`);
    expect([body.domain, body.title]).toEqual(["new.test", "Lee (a@new.test)"]);
  });

  it("keeps created, and moves lastModified with every PATCH, equal values included", async () => {
    const { PKey, created } = await create({ lastName: "Lee" });

    await campaign.sim("clock", { skewMs: 60_000 });
    await campaign.patch(`${profiles}/${PKey}`, { lastName: "Lee" });

    const { body } = await campaign.get(`${profiles}/${PKey}`);
    expect(body.created).toBe(created);
    expect(String(body.lastModified) > String(created)).toBe(true);
  });
});

describe("what the two profile APIs show (facts/campaign.md §1)", () => {
  it("hides extensions from profileAndServices and shows them under profileAndServicesExt", async () => {
    const { PKey } = await create({ lastName: "Lee" });

    const narrow = (await campaign.get(`${plain}/${PKey}`)).body;
    const wide = (await campaign.get(`${profiles}/${PKey}`)).body;

    expect(narrow).not.toHaveProperty("orgUnit");
    expect(narrow).not.toHaveProperty("cusEmailEventlink");
    expect(wide).toHaveProperty("orgUnit", null);
    expect(wide).toHaveProperty("cusEmailEventlink.href");
  });

  it("addresses records by hrefs of the API that was asked", async () => {
    const { href } = await create({ lastName: "Lee" }, plain);

    expect(href).toContain("/campaign/profileAndServices/profile/@");
  });

  it("does not know an extension's key or filter under profileAndServices", async () => {
    await create({ externalId: "k1" });

    const byKey = await campaign.get(`${plain}/k1`);
    const byFilter = await campaign.get(`${plain}/byExternalId?externalId_parameter=k1`);

    expect([byKey.status, byFilter.status]).toEqual([404, 404]);
  });

  it("does not serve profileAndServicesExt before it was published", async () => {
    await campaign.sim("settings", { extApiPublished: false });

    expect((await campaign.get(profiles)).status).toBe(404);
    expect((await campaign.get(plain)).status).toBe(200);
  });

  it("minds the case of API and resource names", async () => {
    expect((await campaign.get("profileAndServicesExt/Profile")).status).toBe(404);
    expect((await campaign.get("profilesAndServices/profile")).status).toBe(501);
  });
});
