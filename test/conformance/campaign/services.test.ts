import { describe, expect, it } from "vitest";
import { profiles, useCampaign, type WireBody } from "./support.js";

const campaign = useCampaign();
const services = "profileAndServices/service";

async function profileAndService(): Promise<{ profile: WireBody; service: WireBody }> {
  const profile = await campaign.post(profiles, { firstName: "Ann", lastName: "Lee", email: "ann@example.com" });
  const service = await campaign.post(services, { name: "SVC1", label: "News" });
  return { profile: profile.body, service: service.body };
}

describe("services (facts/campaign.md §7.3)", () => {
  it("are created with defaults and read by their name", async () => {
    await campaign.post(services, { name: "SVC1", label: "News" });

    const { body } = await campaign.get(`${services}/SVC1`);

    expect(body).toMatchObject({
      messageType: "email",
      mode: "newsletter",
      targetResource: "profile",
      title: "News (SVC1)",
    });
  });

  it("are filtered by channel and text together", async () => {
    await campaign.post(services, { name: "S1", label: "sport", messageType: "email" });
    await campaign.post(services, { name: "S2", label: "sport", messageType: "sms" });
    await campaign.post(services, { name: "S3", label: "other", messageType: "email" });

    const { content } = (await campaign.get(`${services}/byChannel/byText?channel=email&text=sport`)).body;

    expect(content.map((record) => record.name)).toEqual(["S1"]);
  });

  it("count behind a filter at an address with a double slash", async () => {
    await campaign.post(services, { name: "S1", messageType: "sms" });

    const { count } = (await campaign.get(`${services}/byChannel?channel=sms`)).body;

    expect(count.href).toContain("/byChannel//_count?");
    expect((await campaign.get(count.href)).body).toEqual({ count: 1 });
  });

  it("get another name by a PATCH with the PKey in the URI", async () => {
    const { PKey } = (await campaign.post(services, { name: "S1" })).body;

    expect((await campaign.patch(`${services}/${PKey}`, { name: "S2" })).status).toBe(200);
    expect((await campaign.get(`${services}/S2`)).status).toBe(200);
  });
});

describe("subscriptions (facts/campaign.md §7.3)", () => {
  it("are created at the profile's collection by the service's PKey", async () => {
    const { profile, service } = await profileAndService();

    const answer = await campaign.post(profile.subscriptions.href, { service: { PKey: service.PKey } });

    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({
      metadata: "subscriptionRcp",
      email: "ann@example.com",
      serviceName: "SVC1",
      service: { PKey: service.PKey, label: "News", name: "SVC1" },
      subscriber: { PKey: profile.PKey, email: "ann@example.com", firstName: "Ann", lastName: "Lee" },
    });
  });

  it("are created at the service's collection by the profile's PKey", async () => {
    const { profile, service } = await profileAndService();

    await campaign.post(service.subscriptions.href, { subscriber: { PKey: profile.PKey } });

    const { content } = (await campaign.get(profile.subscriptions.href)).body;
    expect(content).toMatchObject([{ serviceName: "SVC1" }]);
  });

  it("are deleted by their href with 204", async () => {
    const { profile, service } = await profileAndService();
    await campaign.post(profile.subscriptions.href, { service: { PKey: service.PKey } });
    const [row] = (await campaign.get(profile.subscriptions.href)).body.content;

    const answer = await campaign.del(row?.href ?? "");

    expect([answer.status, answer.text]).toEqual([204, ""]);
    expect((await campaign.get(profile.subscriptions.href)).body.content).toEqual([]);
  });

  it("are refused without a service", async () => {
    const { profile } = await profileAndService();

    expect((await campaign.post(profile.subscriptions.href, {})).status).toBe(500);
  });

  it("go with their profile", async () => {
    const { profile, service } = await profileAndService();
    await campaign.post(profile.subscriptions.href, { service: { PKey: service.PKey } });

    await campaign.del(`${profiles}/${profile.PKey}`);

    expect((await campaign.get(service.subscriptions.href)).body.content).toEqual([]);
    expect((await campaign.sim("state/subscriptionRcp")).body).toEqual([]);
  });
});
