import { describe, expect, it } from "vitest";
import { profiles, useCampaign } from "./support.js";

const campaign = useCampaign();

describe("the custom key in the URI (facts/campaign.md §4)", () => {
  it("finds the profile for GET", async () => {
    const { PKey } = (await campaign.post(profiles, { externalId: "k1", lastName: "Lee" })).body;

    const answer = await campaign.get(`${profiles}/k1`);

    expect(answer.body).toMatchObject({ PKey, externalId: "k1", lastName: "Lee" });
  });

  it("finds the profile for PATCH", async () => {
    await campaign.post(profiles, { externalId: "k1" });

    const answer = await campaign.patch(`${profiles}/k1`, { lastName: "May" });

    expect(answer.status).toBe(200);
    expect((await campaign.get(`${profiles}/k1`)).body.lastName).toBe("May");
  });

  it("accepts percent-encoded keys", async () => {
    await campaign.post(profiles, { externalId: "a b/c" });

    expect((await campaign.get(`${profiles}/a%20b%2Fc`)).body.externalId).toBe("a b/c");
  });

  it("minds the case of the key", async () => {
    await campaign.post(profiles, { externalId: "abc" });

    expect((await campaign.get(`${profiles}/ABC`)).status).toBe(404);
  });

  it("finds the profile for DELETE while the switch is on (unconfirmed)", async () => {
    await campaign.post(profiles, { externalId: "k1" });

    expect((await campaign.del(`${profiles}/k1`)).status).toBe(200);
    expect((await campaign.get(`${profiles}/k1`)).status).toBe(404);
  });

  it("refuses DELETE with 500 and keeps the profile while the switch is off (unconfirmed)", async () => {
    await campaign.sim("settings", { deleteByKey: false });
    await campaign.post(profiles, { externalId: "k1" });

    expect((await campaign.del(`${profiles}/k1`)).status).toBe(500);
    expect((await campaign.get(`${profiles}/k1`)).status).toBe(200);
  });

  it("is never followed by a collection", async () => {
    await campaign.post(profiles, { externalId: "k1" });

    expect((await campaign.get(`${profiles}/k1/subscriptions`)).status).toBe(404);
  });

  it("cannot be changed by a PATCH that has it in the URI", async () => {
    await campaign.post(profiles, { externalId: "k1" });

    const answer = await campaign.patch(`${profiles}/k1`, { externalId: "k2" });

    expect(answer.body.message).toContain("RST-360012");
    expect((await campaign.get(`${profiles}/k1`)).status).toBe(200);
  });

  it("cannot be changed by a PATCH that has the PKey in the URI", async () => {
    const { PKey } = (await campaign.post(profiles, { externalId: "k1" })).body;

    const answer = await campaign.patch(`${profiles}/${PKey}`, { externalId: "k2" });

    expect([answer.status, answer.body.message.includes("RST-360012")]).toEqual([500, true]);
  });

  it("cannot be emptied by a PATCH", async () => {
    const { PKey } = (await campaign.post(profiles, { externalId: "k1" })).body;

    expect((await campaign.patch(`${profiles}/${PKey}`, { externalId: "" })).status).toBe(500);
  });

  it("may be repeated unchanged in the body", async () => {
    await campaign.post(profiles, { externalId: "k1" });

    expect((await campaign.patch(`${profiles}/k1`, { externalId: "k1", lastName: "May" })).status).toBe(200);
  });

  it.each([
    [true, 200, "k1"],
    [false, 500, ""],
  ])("is given to a profile without one while keyFromEmpty is %s: %i (unconfirmed)", async (allowed, status, key) => {
    await campaign.sim("settings", { keyFromEmpty: allowed });
    const { PKey } = (await campaign.post(profiles, { lastName: "Lee" })).body;

    const answer = await campaign.patch(`${profiles}/${PKey}`, { externalId: "k1" });

    expect(answer.status).toBe(status);
    expect((await campaign.get(`${profiles}/${PKey}`)).body.externalId).toBe(key);
  });

  it("is not unique among profiles without one", async () => {
    await campaign.post(profiles, { lastName: "Lee" });

    expect((await campaign.post(profiles, { lastName: "May" })).status).toBe(201);
  });

  it("lets exactly one of many simultaneous POSTs win", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => campaign.post(profiles, { externalId: "k1" })));

    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
    expect((await campaign.get(profiles)).body.content).toHaveLength(1);
  });

  it("may end with .json", async () => {
    await campaign.post(profiles, { externalId: "k1.json" });

    expect((await campaign.get(`${profiles}/k1.json`)).body.externalId).toBe("k1.json");
  });

  it("is free again after its profile was deleted", async () => {
    await campaign.post(profiles, { externalId: "k1" });
    await campaign.del(`${profiles}/k1`);

    expect((await campaign.post(profiles, { externalId: "k1" })).status).toBe(201);
  });

  it("is accepted as PKey of the body when it names the same record, and refused when it names another", async () => {
    await campaign.post(profiles, { externalId: "k1" });
    await campaign.post(profiles, { externalId: "k2" });

    const same = await campaign.patch(`${profiles}/k1`, { PKey: "k1", lastName: "May" });
    const other = await campaign.patch(`${profiles}/k1`, { PKey: "k2", lastName: "May" });

    expect([same.status, other.status]).toEqual([200, 500]);
    expect(other.body.message).toContain("Cannot update key 'k1' to 'k2'");
  });
});

describe("identification filters (facts/campaign.md §4)", () => {
  it("finds the one profile by the customer's filter and its parameter", async () => {
    await campaign.post(profiles, { externalId: "k1" });
    const { PKey } = (await campaign.post(profiles, { externalId: "k2" })).body;

    const answer = await campaign.get(`${profiles}/byExternalId?externalId_parameter=k2`);

    expect(answer.body.content.map((record) => record.PKey)).toEqual([PKey]);
  });

  it("answers an empty list when nobody has the key", async () => {
    const answer = await campaign.get(`${profiles}/byExternalId?externalId_parameter=k9`);

    expect([answer.status, answer.body.content]).toEqual([200, []]);
  });

  it.each(["ExternalId", "byexternalId", "byExternalID"])("does not know the filter as %s", async (name) => {
    const answer = await campaign.get(`${profiles}/${name}?externalId_parameter=k1`);

    expect(answer.status).toBe(404);
  });

  it("refuses a filter without its parameter while the switch says so (unconfirmed)", async () => {
    const answer = await campaign.get(`${profiles}/byExternalId?externalId=k1`);

    expect(answer.status).toBe(500);
    expect(answer.body.message).toContain("externalId_parameter");
  });

  it("answers everybody to a filter without its parameter while the switch says ignore (unconfirmed)", async () => {
    await campaign.sim("settings", { missingParameter: "ignore" });
    await campaign.post(profiles, { externalId: "k1" });

    const answer = await campaign.get(`${profiles}/byExternalId?externalId=other`);

    expect(answer.body.content).toHaveLength(1);
  });
});
