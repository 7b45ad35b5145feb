import { describe, expect, it } from "vitest";
import { profiles, useCampaign } from "./support.js";

const campaign = useCampaign();

async function roundTrip(body: Record<string, unknown>): Promise<Record<string, unknown>> {
  const created = await campaign.post(profiles, body);
  expect(created.status, created.text).toBe(201);
  return (await campaign.get(`${profiles}/${created.body.PKey}`)).body;
}

describe("values on the wire (facts/campaign.md §3.4)", () => {
  it.each([
    ["text", "lastName", "Lee"],
    ["text with letters of any script", "lastName", "Łukasz 李 😀"],
    ["boolean", "blackListPhone", true],
    ["date", "birthDate", "1980-10-24"],
    ["enumeration by name", "gender", "female"],
    ["enumeration with many values", "timeZone", "Europe_Paris"],
  ])("reads back %s as written", async (_, name, value) => {
    expect((await roundTrip({ [name]: value }))[name]).toBe(value);
  });

  it.each([
    ["a text", "lastName", "Lee", ""],
    ["a date", "birthDate", "1980-10-24", ""],
    ["a boolean", "blackListPhone", true, false],
    ["an enumeration", "gender", "female", "unknown"],
  ])("empties %s by its empty value", async (_, name, value, empty) => {
    const { PKey } = (await campaign.post(profiles, { [name]: value })).body;

    await campaign.patch(`${profiles}/${PKey}`, { [name]: empty });

    expect((await campaign.get(`${profiles}/${PKey}`)).body[name]).toBe(empty);
  });

  it.each([
    ["a number for a text", { lastName: 5 }],
    ["a text for a boolean", { blackListPhone: "true" }],
    ["a number for a boolean", { blackListPhone: 1 }],
    ["a day that does not exist", { birthDate: "2026-02-30" }],
    ["an instant for a date", { birthDate: "1980-10-24T00:00:00Z" }],
    ["a text for an item", { location: "Lyon" }],
    ["rows for a collection", { subscriptions: [] }],
  ])("refuses %s", async (_, body) => {
    expect((await campaign.post(profiles, body)).status).toBe(500);
  });

  it("refuses null for a scalar while the switch says refuse (unconfirmed)", async () => {
    expect((await campaign.post(profiles, { lastName: null })).status).toBe(500);
  });

  it("empties a scalar by null while the switch says clear (unconfirmed)", async () => {
    await campaign.sim("settings", { nullValues: "clear" });
    const { PKey } = (await campaign.post(profiles, { lastName: "Lee" })).body;

    await campaign.patch(`${profiles}/${PKey}`, { lastName: null });

    expect((await campaign.get(`${profiles}/${PKey}`)).body.lastName).toBe("");
  });

  it("keeps the siblings of a nested field that is patched alone", async () => {
    await campaign.post(profiles, { externalId: "k1", location: { city: "Lyon", zipCode: "69000" } });

    await campaign.patch(`${profiles}/k1`, { location: { city: "Paris" } });

    expect((await campaign.get(`${profiles}/k1`)).body.location).toMatchObject({ city: "Paris", zipCode: "69000" });
  });

  it("shows lastModified as an instant with a space, milliseconds and Z", async () => {
    const { lastModified } = await roundTrip({});

    expect(lastModified).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z$/);
  });
});

describe("data policies (facts/campaign.md §3.4, §6)", () => {
  it("capitalises words where the policy is smartCase, and leaves the rest of each word", async () => {
    const { firstName, lastName } = await roundTrip({ firstName: "anne-marie", lastName: "o'neill mcDonald" });

    expect([firstName, lastName]).toEqual(["Anne-Marie", "O'Neill McDonald"]);
  });

  it("stores names as sent while smartCase is switched off", async () => {
    await campaign.sim("settings", { smartCase: false });

    expect((await roundTrip({ firstName: "ann" })).firstName).toBe("ann");
  });

  it("refuses a bad e-mail address with 500 while the switch says refuse (unconfirmed)", async () => {
    expect((await campaign.post(profiles, { email: "not an address" })).status).toBe(500);
  });

  it("stores a bad e-mail address while the switch says accept (unconfirmed)", async () => {
    await campaign.sim("settings", { badEmail: "accept" });

    expect((await roundTrip({ email: "not an address" })).email).toBe("not an address");
  });
});

describe("texts longer than their field (unconfirmed, facts/campaign.md §7.1)", () => {
  const long = "X".repeat(31);

  it("are refused with 500 while the switch says refuse", async () => {
    const answer = await campaign.post(profiles, { firstName: long });

    expect(answer.status).toBe(500);
    expect(answer.body.message).toContain("at most 30 characters");
  });

  it("are cut while the switch says truncate", async () => {
    await campaign.sim("settings", { overlongText: "truncate" });

    expect((await roundTrip({ firstName: long })).firstName).toBe("X".repeat(30));
  });

  it("are stored whole while the switch says accept", async () => {
    await campaign.sim("settings", { overlongText: "accept" });

    expect((await roundTrip({ firstName: long })).firstName).toBe(long);
  });

  it("are measured in characters, not in halves of them", async () => {
    expect((await campaign.post(profiles, { firstName: "😀".repeat(30) })).status).toBe(201);
  });
});
