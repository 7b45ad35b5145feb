import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeCampaignCore } from "../../../infra/local/campaign/core.js";
import { type CampaignEvents, makeCampaignEvents } from "../../support/campaign-events.js";

const minute = 60_000;
let folder: string;
let campaign: CampaignEvents;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "campaign-events-"));
  campaign = makeCampaignEvents({ eventFolder: folder });
});
afterEach(() => rmSync(folder, { recursive: true }));

const extract = () => campaign.core.command?.("extract-events", {}) as { files: { file: string; rows: number }[] };
const linesOf = (file = ""): string[] => readFileSync(join(folder, file), "utf8").split("\n");

describe("files of e-mail events (facts/campaign.md §8.3)", () => {
  it("hold the delivery and the tracking log apart, with the date in their names, texts in quotes and times in UTC", () => {
    campaign.happen({ type: "send" });
    campaign.happen({ type: "bounce", externalId: "c-2" });
    campaign.happen({ type: "click", url: 'https://www.example.com/?a=1,"2"' });

    const { files } = extract();

    expect(files).toEqual([
      { file: "d365_loads/events/delivery_logs_20260301000000.csv", rows: 2 },
      { file: "d365_loads/events/tracking_logs_20260301000000.csv", rows: 1 },
    ]);
    expect(linesOf(files[0]?.file)).toEqual([
      "eventId,eventType,eventDate,externalId,campaignName,deliveryName,failureType",
      '"S-1","send",2026-03-01 00:00:00,"c-1","2026SpringCamp","DM1",""',
      '"B-2","bounce",2026-03-01 00:00:00,"c-2","2026SpringCamp","DM1","hard"',
      "",
    ]);
    expect(linesOf(files[1]?.file)[1]).toContain('"https://www.example.com/?a=1,""2"""');
  });

  it("hold what was logged since the last run, what came at its very moment once more, and are not written without rows", () => {
    campaign.happen();
    extract();
    campaign.happen();
    campaign.clock.advance(minute);

    const again = extract();
    campaign.happen({ lateMs: 2 * minute });
    campaign.clock.advance(minute);
    const none = extract();
    campaign.clock.advance(minute);
    const late = extract();

    expect(again.files.map(({ rows }) => rows)).toEqual([2]);
    expect(none.files).toEqual([]);
    expect(late.files.map(({ rows }) => rows)).toEqual([1]);
  });

  it("leave out people without a key, and take the separator that was chosen", () => {
    campaign.core.command?.("settings", { eventFileSeparator: ";" });
    campaign.core.command?.("events", { type: "send", email: "nobody@example.com" });
    campaign.happen();

    const { files } = extract();

    expect(linesOf(files[0]?.file)[1]).toBe('"S-2";"send";2026-03-01 00:00:00;"c-1";"2026SpringCamp";"DM1";""');
  });

  it("appear by themselves every so many minutes", () => {
    let now = Date.parse("2026-03-01T00:00:00Z");
    const timers: { at: number; run: () => void }[] = [];
    const world = {
      now: () => now,
      random: () => 0.5,
      later: (ms: number, run: () => void) => timers.push({ at: now + ms, run }),
      post: async () => 0,
    };
    const core = makeCampaignCore(world, { settings: { eventFolder: folder, eventFileMinutes: 10 } });

    for (let run = 0; run < 2; run += 1) {
      core.command?.("events", { type: "send", externalId: "c-1" });
      const timer = timers.shift();
      now = timer?.at ?? now;
      timer?.run();
    }

    expect(readdirSync(join(folder, "d365_loads", "events"))).toEqual([
      "delivery_logs_20260301001000.csv",
      "delivery_logs_20260301002000.csv",
    ]);
  });
});
