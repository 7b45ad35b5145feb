import { beforeEach, describe, expect, it } from "vitest";
import { profiles, useCampaign } from "./support.js";

const campaign = useCampaign();
const contact = "An error has occurred - please contact your administrator.";

beforeEach(() => campaign.sim("settings", { version: "v8" }));

describe("a migrated instance, Campaign v8 (facts/campaign.md §1, §3.3, §5)", () => {
  it("calls customers' filters without by, and no longer with it", async () => {
    await campaign.post(profiles, { externalId: "k1" });

    const without = await campaign.get(`${profiles}/ExternalId?externalId_parameter=k1`);
    const withBy = await campaign.get(`${profiles}/byExternalId?externalId_parameter=k1`);

    expect(without.body.content).toHaveLength(1);
    expect([withBy.status, withBy.body.message]).toEqual([
      404,
      "Unsupported endpoint. (endpoint=rest/profileAndServicesExt/profile/byExternalId)",
    ]);
  });

  it("answers 404 to an encrypted PKey it cannot decrypt", async () => {
    const answer = await campaign.get("profileAndServices/profile/@garbage");

    expect(answer.status).toBe(404);
    expect(answer.body.message.split("\n")).toEqual([
      "Unable to decrypt PKey. (PKey=@garbage)",
      "Unsupported endpoint. (endpoint=rest/profileAndServices/profile/@garbage)",
    ]);
  });

  it("answers 404 without the RST prefix to a raw key that does not exist", async () => {
    const answer = await campaign.get(`${profiles}/nobody`);

    expect(answer.status).toBe(404);
    expect(answer.body.message).toMatch(/^Unable to find document/);
  });

  it.each([
    ["a duplicate key", { externalId: "k1" }],
    ["a value that an enumeration lacks", { gender: "invalid" }],
  ])("answers 500 with the generic text to %s", async (_, body) => {
    await campaign.post(profiles, { externalId: "k1" });

    const answer = await campaign.post(profiles, body);

    expect([answer.status, answer.body.message]).toEqual([500, contact]);
  });

  it("keeps the text for an unknown property", async () => {
    const answer = await campaign.post(profiles, { nonsense: 1 });

    expect(answer.body.message).toBe("'nonsense' property is not valid for the 'profile' resource.");
  });

  it("answers PATCH with an empty body with 204", async () => {
    await campaign.post(profiles, { externalId: "k1" });

    const answer = await campaign.patch(`${profiles}/k1`, {});

    expect([answer.status, answer.text]).toEqual([204, ""]);
  });

  it("refuses PATCH of location, and takes it in POST", async () => {
    const created = await campaign.post(profiles, { externalId: "k1", location: { zipCode: "69000" } });

    const patched = await campaign.patch(`${profiles}/k1`, { location: { zipCode: "75000" } });

    expect(created.body.location).toMatchObject({ zipCode: "69000" });
    expect([patched.status, patched.body.message]).toEqual([
      500,
      "'zipCode' property is not valid for the 'profile' resource.",
    ]);
  });

  it.each([
    ["v8", true],
    ["standard", false],
  ])("includes href in a single record in %s: %s", async (version, included) => {
    await campaign.sim("settings", { version });
    await campaign.post(profiles, { externalId: "k1" });

    expect("href" in (await campaign.get(`${profiles}/k1`)).body).toBe(included);
  });

  it("includes count when one field is selected", async () => {
    await campaign.post(profiles, { email: "a@example.com" });

    expect((await campaign.get(`${profiles}/email`)).body).toMatchObject({
      content: ["a@example.com"],
      count: { value: 1 },
    });
  });

  it("shows timeZone under Ext only", async () => {
    const { PKey } = (await campaign.post(profiles, {})).body;

    expect((await campaign.get(`${profiles}/${PKey}`)).body).toHaveProperty("timeZone");
    expect((await campaign.get(`profileAndServices/profile/${PKey}`)).body).not.toHaveProperty("timeZone");
  });

  it("has no marketing history", async () => {
    const { PKey } = (await campaign.post(profiles, {})).body;

    const answer = await campaign.get(`profileAndServices/history/${PKey}`);

    expect([answer.status, answer.body.message.startsWith("Unsupported endpoint.")]).toEqual([404, true]);
  });

  it("has no API for organizational units", async () => {
    expect((await campaign.get("profileAndServicesExt/orgUnitBase")).status).toBe(404);
    await campaign.sim("settings", { version: "standard" });
    expect((await campaign.get("profileAndServicesExt/orgUnitBase")).status).toBe(200);
  });

  it("refuses a link given by other attributes", async () => {
    const answer = await campaign.post(profiles, { orgUnit: { label: "North" } });

    expect([answer.status, answer.body.message]).toEqual([500, contact]);
  });
});
