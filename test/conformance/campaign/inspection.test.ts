import { describe, expect, it } from "vitest";
import { profiles, useCampaign } from "./support.js";

const campaign = useCampaign();

const kinds = async (): Promise<unknown> => (await campaign.sim("state/calls")).body.kinds;

describe("engine calls (facts/campaign.md §10, §13.11)", () => {
  it("are counted by method, resource and addressing", async () => {
    const { PKey } = (await campaign.post(profiles, { externalId: "k1" })).body;
    await campaign.patch(`${profiles}/k1`, { lastName: "Lee" });
    await campaign.patch(`${profiles}/${PKey}`, { lastName: "May" });
    await campaign.get(`${profiles}/k1`);
    await campaign.get(`${profiles}/byExternalId?externalId_parameter=k1`);
    await campaign.get(profiles);
    await campaign.get(`${profiles}/email`);
    await campaign.get(`${profiles}/_count`);
    await campaign.get(`${profiles}/metadata`);
    await campaign.get("profileAndServicesExt");
    await campaign.del(`${profiles}/k1`);

    expect(await kinds()).toEqual({
      "POST profile": { calls: 1, failed: 0 },
      "PATCH profile by key": { calls: 1, failed: 0 },
      "PATCH profile by PKey": { calls: 1, failed: 0 },
      "GET profile by key": { calls: 1, failed: 0 },
      "GET profile by filter": { calls: 1, failed: 0 },
      "GET profile list": { calls: 1, failed: 0 },
      "GET profile list one field": { calls: 1, failed: 0 },
      "GET profile count": { calls: 1, failed: 0 },
      "GET profile metadata": { calls: 1, failed: 0 },
      "GET root": { calls: 1, failed: 0 },
      "DELETE profile by key": { calls: 1, failed: 0 },
    });
  });

  it("count as failed when the engine refuses them", async () => {
    await campaign.patch(`${profiles}/nobody`, {});
    await campaign.post(profiles, { nonsense: 1 });

    expect(await kinds()).toEqual({
      "PATCH profile by key": { calls: 1, failed: 1 },
      "POST profile": { calls: 1, failed: 1 },
    });
  });

  it("do not include what the gateway refused, nor tokens, nor inspection, nor commands", async () => {
    await campaign.send("GET", profiles, undefined, { authorization: "Bearer no" });
    await campaign.sim("seed", { resource: "profile", records: [{ externalId: "k1" }] });
    await campaign.sim("state/profile");

    expect((await campaign.sim("state/calls")).body).toMatchObject({ total: 0, failed: 0 });
  });

  it("start at zero again after reset-calls, which answers the totals so far", async () => {
    await campaign.get(profiles);

    const answer = await campaign.sim("reset-calls", {});

    expect(answer.body).toMatchObject({ total: 1 });
    expect((await campaign.sim("state/calls")).body).toMatchObject({ total: 0 });
  });
});

describe("writes per record", () => {
  it("are remembered under the record's key with method and hash, refused ones not, past its deletion", async () => {
    await campaign.post(profiles, { externalId: "k1", lastName: "Lee" });
    await campaign.patch(`${profiles}/k1`, { lastName: "May" });
    await campaign.patch(`${profiles}/k1`, { nonsense: 1 });
    await campaign.del(`${profiles}/k1`);

    const { body } = await campaign.sim("state/writes?key=k1");

    expect(body.k1).toEqual([
      { method: "POST", sha256: expect.stringMatching(/^[0-9a-f]{64}$/), at: expect.any(String) },
      { method: "PATCH", sha256: expect.any(String), at: expect.any(String) },
      { method: "DELETE", sha256: expect.any(String), at: expect.any(String) },
    ]);
  });

  it("hash equally when only the order of the members differs", async () => {
    await campaign.post(profiles, { externalId: "k1" });
    await campaign.patch(`${profiles}/k1`, { lastName: "May", location: { city: "Lyon", zipCode: "1" } });
    await campaign.patch(`${profiles}/k1`, { location: { zipCode: "1", city: "Lyon" }, lastName: "May" });
    await campaign.post(profiles, { externalId: "k2" });

    const { body } = await campaign.sim("state/writes?equal=true");

    expect(Object.keys(body)).toEqual(["k1"]);
  });

  it("are bounded per record by the switch", async () => {
    await campaign.sim("settings", { writesPerRecord: 2 });
    await campaign.post(profiles, { externalId: "k1" });
    for (const lastName of ["A", "B", "C"]) await campaign.patch(`${profiles}/k1`, { lastName });

    expect((await campaign.sim("state/writes?key=k1")).body.k1).toHaveLength(2);
  });

  it("do not include what someone did inside Campaign", async () => {
    await campaign.sim("seed", { resource: "profile", records: [{ externalId: "k1" }] });
    await campaign.sim("edit", { resource: "profile", key: "k1", values: { lastName: "Lee" } });
    await campaign.sim("remove", { resource: "profile", key: "k1" });

    expect((await campaign.sim("state/writes")).body).toEqual({});
  });
});

describe("inspection and commands", () => {
  it("shows the records of a resource plain, with how often each was written", async () => {
    await campaign.post(profiles, { externalId: "k1", lastName: "Lee" });
    await campaign.patch(`${profiles}/k1`, { lastName: "May" });

    const { body } = await campaign.sim("state/profile");

    expect(body).toMatchObject([{ key: "k1", written: 2, hidden: false, record: { lastName: "May" } }]);
  });

  it.each([
    ["key=k3", ["k3"]],
    ["offset=1&limit=2", ["k1", "k2"]],
    ["key=none", []],
  ])("narrows the records by ?%s", async (query, keys) => {
    const records = [0, 1, 2, 3].map((index) => ({ externalId: `k${index}` }));
    await campaign.sim("seed", { resource: "profile", records });

    const { body } = await campaign.sim(`state/profile?${query}`);

    expect((body as unknown as { key: string }[]).map((entry) => entry.key)).toEqual(keys);
  });

  it("summarises records, calls and tokens", async () => {
    await campaign.post(profiles, {});

    expect((await campaign.sim("state/summary")).body).toMatchObject({
      organization: "acme",
      records: { profile: 1, cusEmailEvent: 0 },
      calls: { total: 1, failed: 0 },
    });
  });

  it("shows the switches and refuses an unknown one by its name, changing nothing", async () => {
    const answer = await campaign.sim("settings", { createStatus: 200, colour: "blue" });

    expect(answer.status).toBe(400);
    expect(answer.text).toContain("colour");
    expect((await campaign.sim("state/settings")).body).toMatchObject({ createStatus: 201 });
  });

  it("puts the switches back on reset", async () => {
    await campaign.sim("settings", { createStatus: 200 });

    await campaign.sim("reset", {});

    expect((await campaign.sim("state/settings")).body).toMatchObject({ createStatus: 201 });
  });

  it("has committed a write whose answer the fault language lost", async () => {
    await campaign.sim("faults", { on: "POST **/profile", times: 1, lost: true });

    await expect(campaign.post(profiles, { externalId: "k1" })).rejects.toThrow();

    expect((await campaign.get(`${profiles}/k1`)).status).toBe(200);
  });

  it.each([
    ["seed", { resource: "nothing", records: [] }],
    ["seed", { resource: "profile", records: [{ nonsense: 1 }] }],
    ["edit", { resource: "profile", key: "none", values: {} }],
    ["remove", { resource: "profile", key: "none" }],
  ])("answers 400 with a reason to %s of %j", async (command, body) => {
    const answer = await campaign.sim(command, body);

    expect(answer.status).toBe(400);
    expect(answer.text).toMatch(/nothing|nonsense|none/);
  });

  it("answers 404 to a set and to a command that do not exist", async () => {
    expect((await campaign.sim("state/nothing")).status).toBe(404);
    expect((await campaign.sim("nothing", {})).status).toBe(404);
  });
});
