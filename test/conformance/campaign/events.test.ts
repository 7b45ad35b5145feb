import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { makeCampaignCore } from "../../../infra/local/campaign/core.js";
import { type Answer, profiles, setClock, useCampaign, type WireRecord } from "./support.js";

const campaign = useCampaign();
const events = "profileAndServicesExt/cusEmailEvent";

interface Recorded {
  eventId: string;
  stagedAt: string;
}

async function record(...happened: Record<string, unknown>[]): Promise<Recorded[]> {
  const answer = await campaign.sim("events", happened);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.events as Recorded[];
}

const staged = async (): Promise<WireRecord[]> => (await campaign.get(`${events}?_order=lastModified`)).body.content;

describe("staged e-mail events (facts/campaign.md §8.3)", () => {
  it.each([
    ["send", "S", { url: "", failureType: "" }],
    ["open", "T", { url: "", failureType: "" }],
    ["click", "T", { url: "https://www.example.com/offer", failureType: "" }],
    ["bounce", "B", { failureType: "hard", failureReason: "userUnknown" }],
  ])("stages a %s under an eventId that begins with %s", async (type, letter, wanted) => {
    await campaign.post(profiles, { externalId: "k1", email: "ann@example.com" });

    const [event] = await record({ type, externalId: "k1", campaign: "C1", delivery: "DM190" });

    expect(event?.eventId).toMatch(new RegExp(`^${letter}-\\d+$`));
    expect(await staged()).toMatchObject([
      {
        eventId: event?.eventId,
        eventType: type,
        externalId: "k1",
        email: "ann@example.com",
        campaignName: "C1",
        deliveryName: "DM190",
        ...wanted,
      },
    ]);
  });

  it("links the row to the profile by externalId", async () => {
    const { PKey } = (await campaign.post(profiles, { externalId: "k1", lastName: "Lee" })).body;

    await record({ type: "send", externalId: "k1" });

    expect(await staged()).toMatchObject([{ profile: { PKey, title: "Lee" } }]);
  });

  it("leaves externalId empty for a profile that has none", async () => {
    await campaign.post(profiles, { email: "ann@example.com" });

    await record({ type: "open", email: "ann@example.com" });

    expect(await staged()).toMatchObject([{ externalId: "", email: "ann@example.com", profile: null }]);
  });

  it("marks a soft bounce as soft", async () => {
    await record({ type: "bounce", email: "a@example.com", failure: "soft", reason: "mailboxFull" });

    expect(await staged()).toMatchObject([{ failureType: "soft", failureReason: "mailboxFull" }]);
  });

  it("stages a bounce that comes after its send as a second row with the same number", async () => {
    const [send] = await record({ type: "send", externalId: "k1", delivery: "DM190" });

    const [bounce] = await record({ type: "bounce", of: send?.eventId });

    expect(bounce?.eventId).toBe(send?.eventId.replace("S", "B"));
    expect((await staged()).map((row) => [row.eventType, row.externalId, row.deliveryName])).toEqual([
      ["send", "k1", "DM190"],
      ["bounce", "k1", "DM190"],
    ]);
  });

  it("gives every open and click of one send an eventId of its own", async () => {
    const [send] = await record({ type: "send", externalId: "k1" });

    const tracked = await record({ type: "open", of: send?.eventId }, { type: "click", of: send?.eventId });

    expect(new Set([send, ...tracked].map((event) => event?.eventId.slice(2))).size).toBe(3);
  });

  it("moves lastModified and keeps the row when it changes later", async () => {
    await setClock(campaign, "2026-03-01T10:00:00Z");
    const [send] = await record({ type: "send", externalId: "k1" });
    await setClock(campaign, "2026-03-01T11:00:00Z");

    await record({ type: "change", of: send?.eventId, values: { deliveryLabel: "Corrected" } });

    const rows = await staged();
    expect(rows).toMatchObject([{ deliveryLabel: "Corrected", eventType: "send" }]);
    expect(String(rows[0]?.lastModified)).toMatch(/^2026-03-01 11:00/);
    expect(String(rows[0]?.created)).toMatch(/^2026-03-01 10:00/);
  });

  it("shows a late row only when it was logged, with a lastModified later than its eventDate", async () => {
    await setClock(campaign, "2026-03-01T10:00:00Z");
    await record({ type: "click", externalId: "k1", lateMs: 600_000 });
    const before = await staged();

    await setClock(campaign, "2026-03-01T10:10:01Z");
    const after = await staged();

    expect(before).toEqual([]);
    expect(String(after[0]?.eventDate)).toMatch(/^2026-03-01 10:00:0/);
    expect(String(after[0]?.lastModified)).toMatch(/^2026-03-01 10:10:0/);
  });

  it("takes an event of the past by its own time", async () => {
    await record({ type: "send", externalId: "k1", at: "2026-01-02T03:04:05Z" });

    expect(await staged()).toMatchObject([{ eventDate: "2026-01-02 03:04:05.000Z" }]);
  });

  it("stages at the full minutes of the workflow's schedule", async () => {
    await campaign.sim("settings", { stagingMinutes: 10 });
    await setClock(campaign, "2026-03-01T10:03:00Z");
    await record({ type: "send", externalId: "k1" }, { type: "open", externalId: "k1" });
    const before = await staged();

    await setClock(campaign, "2026-03-01T10:10:01Z");
    const after = await staged();

    expect(before).toEqual([]);
    expect(after.map((row) => row.lastModified)).toEqual(["2026-03-01 10:10:00.000Z", "2026-03-01 10:10:00.000Z"]);
  });

  it("stages nothing while the workflow is stopped, and everything, as of then, when it starts again", async () => {
    await setClock(campaign, "2026-03-01T10:00:00Z");
    await campaign.post("workflow/execution/stageEmailEvents/commands", { method: "stop" });
    await record({ type: "send", externalId: "k1" });
    const before = await staged();

    await setClock(campaign, "2026-03-01T12:00:00Z");
    await campaign.post("workflow/execution/stageEmailEvents/commands", { method: "start" });
    const after = await staged();

    expect(before).toEqual([]);
    expect(String(after[0]?.lastModified)).toMatch(/^2026-03-01 12:00/);
  });

  it("are read by byModifiedSince in the order of lastModified", async () => {
    await setClock(campaign, "2026-03-01T10:00:00Z");
    await record({ type: "send", externalId: "k1" });
    await setClock(campaign, "2026-03-01T11:00:00Z");
    await record({ type: "open", externalId: "k1" }, { type: "click", externalId: "k1" });

    const path = `${events}/byModifiedSince?since_parameter=2026-03-01%2010:30:00.000Z&_order=lastModified&_lineCount=200&_forcePagination=true`;
    const { content } = (await campaign.get(path)).body;

    expect(content.map((row) => row.eventType)).toEqual(["open", "click"]);
  });

  it("are refused, with the reason, when nobody is named or the earlier row is unknown", async () => {
    const nobody = await campaign.sim("events", { type: "send" });
    const unknown = await campaign.sim("events", { type: "bounce", of: "S-99" });

    expect([nobody.status, unknown.status]).toEqual([400, 400]);
    expect([nobody.text.includes("externalId or email"), unknown.text.includes("S-99")]).toEqual([true, true]);
  });

  it("come from a delivery to everybody who may be written to, the same for the same seed", async () => {
    const records = Array.from({ length: 200 }, (_, index) => ({
      externalId: `k${index}`,
      email: `p${index}@example.com`,
      blackListEmail: index % 10 === 0,
    }));
    await campaign.sim("seed", { resource: "profile", records });

    const { body } = await campaign.sim("deliver", { opened: 0.5, clicked: 0.2, hardBounced: 0.1, softBounced: 0.1 });

    const counts = body as unknown as Record<string, number>;
    expect(counts.excluded).toBe(20);
    expect(Number(counts.send) + Number(counts.bounce)).toBe(180);
    expect(Math.min(Number(counts.open), Number(counts.click), Number(counts.bounce))).toBeGreaterThan(5);
    expect((await campaign.get(`${events}/_count`)).body).toEqual({
      count: Number(counts.send) + Number(counts.bounce) + Number(counts.open) + Number(counts.click),
    });
  });

  it("are not reachable as delivery or tracking logs", async () => {
    expect((await campaign.get("profileAndServicesExt/broadLogRcp")).status).toBe(404);
    expect((await campaign.get("profileAndServicesExt/trackingLogRcp")).status).toBe(404);
  });
});

describe("marketing history of a profile (facts/campaign.md §8.2)", () => {
  async function history(): Promise<{ PKey: string; answer: Answer }> {
    const { PKey } = (await campaign.post(profiles, { externalId: "k1", email: "a@example.com" })).body;
    await record(
      { type: "send", externalId: "k1", at: "2026-01-01T00:00:00Z" },
      { type: "send", externalId: "k1", at: "2026-01-02T00:00:00Z" },
      { type: "open", externalId: "k1", at: "2026-01-03T00:00:00Z" },
      { type: "send", externalId: "other" },
    );
    return { PKey, answer: await campaign.get(`profileAndServices/history/${PKey}`) };
  }

  it("counts sends, names the oldest, and leads to the events", async () => {
    const { answer } = await history();

    expect(answer.body).toMatchObject({
      countBroadLogEvents: 2,
      countSubHistoEvents: 0,
      minBroadLogEvents: "2026-01-01 00:00:00.000Z",
      events: { href: expect.stringContaining("/events/") },
    });
    expect(answer.body).not.toHaveProperty("subscriptions");
    expect(answer.body).not.toHaveProperty("postalAddress");
  });

  it("lists sends only, newest first, in the documented shape", async () => {
    const { answer } = await history();

    const { content } = (await campaign.get((answer.body.events as { href: string }).href)).body;

    expect(content.map((row) => row.date)).toEqual(["2026-01-02 00:00:00.000Z", "2026-01-01 00:00:00.000Z"]);
    expect(content[0]).toMatchObject({
      category: "email",
      label: "Send via email",
      metadata: "broadLog",
      type: "outbound",
      mirrorPage: { href: expect.stringMatching(/\/events\/@[^/]+\/mirrorPage\/$/) },
    });
  });

  it("pages the events by following next", async () => {
    const { answer } = await history();

    const first = (await campaign.get(`${(answer.body.events as { href: string }).href}?_lineCount=1`)).body;
    const second = (await campaign.get(first.next?.href ?? "")).body;

    expect([first.content.length, second.content.length, second.next]).toEqual([1, 1, undefined]);
    expect(first.content[0]?.PKey).not.toBe(second.content[0]?.PKey);
  });

  it("serves the mirror page of a send", async () => {
    const { answer } = await history();
    const { content } = (await campaign.get((answer.body.events as { href: string }).href)).body;
    const mirrorPage = content[0]?.mirrorPage as { href: string } | undefined;

    const page = await campaign.get(mirrorPage?.href ?? "");

    expect(page.status).toBe(200);
    expect(page.text).toContain("Spring delivery");
  });

  it("answers 500 XTK-170036 for a PKey that is none", async () => {
    expect((await campaign.get("profileAndServices/history/@none")).body.message).toContain("XTK-170036");
  });
});

describe("workflows over the API (facts/campaign.md §10)", () => {
  it("show their state and the address of their signal", async () => {
    const { body } = await campaign.get("workflow/execution/externalSignal");

    expect(body).toMatchObject({
      state: "started",
      activities: { activity: { signal: { trigger: { href: expect.stringContaining("/signal/trigger") } } } },
    });
  });

  it("take a signal at most once in ten minutes and answer plain text during the lock", async () => {
    await setClock(campaign, "2026-03-01T10:00:00Z");
    const trigger = `${campaign.url}/acme/campaign/workflow/execution/externalSignal/signal/trigger`;
    const body = { source: "API", parameters: { segment: "a" } };

    const first = await campaign.post(trigger, body);
    const second = await campaign.post(trigger, body);
    await setClock(campaign, "2026-03-01T10:10:01Z");
    const third = await campaign.post(trigger, body);

    expect([first.status, second.status, third.status]).toEqual([200, 500, 200]);
    expect(second.headers.get("content-type")).toContain("text/plain");
  });

  it("refuse an undeclared signal parameter with its text", async () => {
    const trigger = "workflow/execution/externalSignal/signal/trigger";

    const answer = await campaign.post(trigger, { source: "API", parameters: { contentURL: "x" } });

    expect(answer.status).toBe(500);
    expect(answer.body.message).toContain("'contentURL' parameter isn't defined in signal activity.");
  });

  it.each(["pause", "stop"])("take the command %s and start again", async (method) => {
    const path = "workflow/execution/stageEmailEvents";

    await campaign.post(`${path}/commands`, { method });
    const halted = (await campaign.get(path)).body.state;
    await campaign.post(`${path}/commands`, { method: "start" });

    expect([halted, (await campaign.get(path)).body.state]).toEqual([
      method === "pause" ? "paused" : "stopped",
      "started",
    ]);
  });

  it("answer 404 for an id there is not and 500 for a command there is not", async () => {
    expect((await campaign.get("workflow/execution/WKF999")).status).toBe(404);
    expect((await campaign.post("workflow/execution/externalSignal/commands", { method: "explode" })).status).toBe(500);
  });
});

describe("the daily opt-out file (unconfirmed shape, facts/campaign.md §9)", () => {
  let folder = "";

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function exported(): Promise<string[]> {
    const { body } = await campaign.sim("export-opt-outs", {});
    return readFileSync(String(body.file), "utf8").trimEnd().split("\r\n");
  }

  async function useFolder(): Promise<void> {
    folder = mkdtempSync(join(tmpdir(), "campaign-"));
    await campaign.sim("settings", { optOutFolder: folder });
  }

  it("holds key, opt-outs and their times of the profiles changed since the last one", async () => {
    await useFolder();
    await setClock(campaign, "2026-03-01T10:00:00Z");
    await campaign.post(profiles, { externalId: "k1", blackListEmail: true });
    await setClock(campaign, "2026-03-01T11:00:00Z");

    const first = await exported();
    await campaign.post(profiles, { externalId: "k2" });
    await setClock(campaign, "2026-03-01T12:00:00Z");
    const second = await exported();

    expect(first[0]).toMatch(/^externalId,blackList,blackListEmail,.*ccpaOptOut,.*LastModified,lastModified$/);
    expect(first[1]).toMatch(/^k1,false,true,/);
    expect(first).toHaveLength(2);
    expect(second.map((line) => line.split(",")[0])).toEqual(["externalId", "k2"]);
    expect(readdirSync(join(folder, "d365_loads", "exports"))).toEqual([
      expect.stringMatching(/^optout_20260301110\d{3}\.csv$/),
      expect.stringMatching(/^optout_20260301120\d{3}\.csv$/),
    ]);
  });

  it("is not written while its workflow is stopped", async () => {
    await useFolder();
    await campaign.post("workflow/execution/exportOptOuts/commands", { method: "stop" });

    const { body } = await campaign.sim("export-opt-outs", {});

    expect(body.file).toBeNull();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is written every day at 02:00 by itself", () => {
    folder = mkdtempSync(join(tmpdir(), "campaign-"));
    let now = Date.parse("2026-03-01T10:00:00Z");
    const timers: { at: number; run: () => void }[] = [];
    const world = {
      now: () => now,
      random: () => 0.5,
      later: (ms: number, run: () => void) => timers.push({ at: now + ms, run }),
      post: () => Promise.resolve(0),
    };
    makeCampaignCore(world, { settings: { optOutFolder: folder } });

    for (let day = 0; day < 2; day += 1) {
      const timer = timers.shift();
      now = timer?.at ?? now;
      timer?.run();
    }

    expect(readdirSync(join(folder, "d365_loads", "exports"))).toEqual([
      "optout_20260302020000.csv",
      "optout_20260303020000.csv",
    ]);
  });
});
