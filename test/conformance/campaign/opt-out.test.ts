import { describe, expect, it } from "vitest";
import { profiles, setClock, useCampaign } from "./support.js";

const campaign = useCampaign();
const before = "2026-03-01 10:00:00";
const after = "2026-03-01 11:00:00";

async function profileAt(hour: string, body: Record<string, unknown>): Promise<void> {
  await setClock(campaign, `${hour.replace(" ", "T")}Z`);
  await campaign.post(profiles, { externalId: "k1", ...body });
}

async function patchAt(hour: string, body: Record<string, unknown>): Promise<void> {
  await setClock(campaign, `${hour.replace(" ", "T")}Z`);
  const answer = await campaign.patch(`${profiles}/k1`, body);
  expect(answer.status, answer.text).toBe(200);
}

const read = async (): Promise<Record<string, unknown>> => (await campaign.get(`${profiles}/k1`)).body;

const timed = [
  ["blackListEmail", "blackListEmailLastModified"],
  ["blackListFax", "blackListFaxLastModified"],
  ["blackListMobile", "blackListMobileLastModified"],
  ["blackListPhone", "blackListPhoneLastModified"],
  ["blackListPostalMail", "blackListPostalMailLastModified"],
  ["blackList", "blackListLastModified"],
  ["blackList", "blackListAllLastModified"],
  ["ccpaOptOut", "ccpaOptOutLastModified"],
] as const;

describe("opt-out attributes and their change times (facts/campaign.md §7.1)", () => {
  it.each(timed)("%s sets %s when it changes, and no other", async (attribute, time) => {
    await profileAt(before, {});

    await patchAt(after, { [attribute]: true });

    const record = await read();
    expect(record[attribute]).toBe(true);
    expect(String(record[time])).toMatch(new RegExp(`^${after}`));
    const others = timed.filter(([other]) => other !== attribute).map(([, otherTime]) => record[otherTime]);
    expect(new Set(others)).toEqual(new Set([""]));
  });

  it("keeps the time when the same value is written again", async () => {
    await profileAt(before, { blackListEmail: true });

    await patchAt(after, { blackListEmail: true });

    expect(String((await read()).blackListEmailLastModified)).toMatch(new RegExp(`^${before}`));
  });

  it("moves the time when the opt-out is taken back", async () => {
    await profileAt(before, { blackListEmail: true });

    await patchAt(after, { blackListEmail: false });

    expect(String((await read()).blackListEmailLastModified)).toMatch(new RegExp(`^${after}`));
  });

  it("leaves the times empty on a new profile that is told false", async () => {
    await profileAt(before, { blackListEmail: false, ccpaOptOut: false });

    const record = await read();
    expect([record.blackListEmailLastModified, record.ccpaOptOutLastModified]).toEqual(["", ""]);
  });

  it("leaves the times alone when other fields change, while lastModified moves", async () => {
    await profileAt(before, { blackListEmail: true });

    await patchAt(after, { lastName: "May" });

    const record = await read();
    expect(String(record.blackListEmailLastModified)).toMatch(new RegExp(`^${before}`));
    expect(String(record.lastModified)).toMatch(new RegExp(`^${after}`));
  });

  it("keeps no change time for push", async () => {
    await profileAt(before, { blackListPushnotification: true });

    const record = await read();
    expect(record.blackListPushnotification).toBe(true);
    expect(record).not.toHaveProperty("blackListPushnotificationLastModified");
  });

  it("takes a change time from the caller only while the switch says so (unconfirmed)", async () => {
    await profileAt(before, {});
    const body = { blackListEmail: true, blackListEmailLastModified: "2026-01-01 00:00:00.000Z" };

    const refused = await campaign.patch(`${profiles}/k1`, body);
    await campaign.sim("settings", { optOutTimesWritable: true });
    await patchAt(after, body);

    expect(refused.status).toBe(500);
    expect((await read()).blackListEmailLastModified).toBe("2026-01-01 00:00:00.000Z");
  });

  it("gives the same times when someone changes the attribute inside Campaign", async () => {
    await profileAt(before, {});

    await setClock(campaign, `${after.replace(" ", "T")}Z`);
    await campaign.sim("edit", { resource: "profile", key: "k1", values: { blackListEmail: true } });

    expect(String((await read()).blackListEmailLastModified)).toMatch(new RegExp(`^${after}`));
  });
});

describe("names of the opt-out attributes (facts/campaign.md §7.2)", () => {
  it("begin with denyList, metadata and times included, while the switch says so (unconfirmed)", async () => {
    await campaign.sim("settings", { optOutNames: "denyList" });
    await profileAt(before, { denyListEmail: true });

    const record = await read();
    expect(record.denyListEmail).toBe(true);
    expect(String(record.denyListEmailLastModified)).toMatch(new RegExp(`^${before}`));
    expect(Object.keys(record).filter((name) => name.startsWith("blackList"))).toEqual([]);
    const { content } = (await campaign.get("profileAndServicesExt/resourceType/profile")).body;
    expect(content).toHaveProperty("denyListEmail");
  });

  it("do not change under existing profiles", async () => {
    await profileAt(before, {});

    const answer = await campaign.sim("settings", { optOutNames: "denyList" });

    expect(answer.status).toBe(400);
    expect(await read()).toHaveProperty("blackListEmail");
  });
});

describe("the customer's filter on opt-outs (docs/campaign-setup.md)", () => {
  const found = async (since: string): Promise<unknown> => {
    const query = `since_parameter=${encodeURIComponent(since)}`;
    return (await campaign.get(`${profiles}/byOptOutsSince?${query}`)).body.content;
  };

  it.each([...new Set(timed.map(([attribute]) => attribute))])(
    "finds a profile whose %s changed then or later",
    async (attribute) => {
      await profileAt(before, {});
      await patchAt(after, { [attribute]: true });

      expect(await found(`${after}.000Z`)).toMatchObject([{ externalId: "k1" }]);
      expect(await found("2026-03-01 12:00:00.000Z")).toEqual([]);
    },
  );

  it("does not find a profile of which anything else changed", async () => {
    await profileAt(before, { blackListEmail: true });
    await patchAt(after, { lastName: "Later" });

    expect(await found(`${after}.000Z`)).toEqual([]);
  });

  it("finds a profile that is opted out of push and changed in any way, and no longer once it is not", async () => {
    await profileAt(before, {});
    await patchAt(after, { blackListPushnotification: true });
    expect(await found(`${after}.000Z`)).toMatchObject([{ externalId: "k1" }]);

    await patchAt(after, { blackListPushnotification: false });

    expect(await found(`${after}.000Z`)).toEqual([]);
  });
});
