import { beforeEach, describe, expect, it } from "vitest";
import { defaultEventFields } from "../../shared/campaign/event-row.js";
import { makeEventSource, type RestEventSource } from "../../shared/campaign/event-source.js";
import { countPeriod } from "../../shared/flows/backfill-count.js";
import { backfillSlice } from "../../shared/flows/backfill-events.js";
import { orderBackfill, type Period, readBackfill } from "../../shared/flows/backfill-order.js";
import { type CampaignEvents, makeCampaignEvents } from "../support/campaign-events.js";
import { type EgressWorld, makeEgressWorld } from "../support/egress-world.js";

const start = "2026-03-01T00:00:00.000Z";
const day = 86_400_000;
const pace = { pageSize: 5, lateMs: 1_800_000, retryMs: 60_000 };

let campaign: CampaignEvents;
let egress: EgressWorld;
beforeEach(() => use({}));

function use(switches: Record<string, unknown>): void {
  campaign = makeCampaignEvents(switches);
  egress = makeEgressWorld(campaign.clock);
}
function makeSource(filter = true): RestEventSource {
  const resource = {
    api: "profileAndServicesExt",
    name: "cusEmailEvent",
    order: "lastModified",
    filter: filter ? { name: "ModifiedSince", parameter: "since", format: "space" as const } : undefined,
  };
  const { client, clock } = campaign;
  return makeEventSource({ client, clock, callMs: 4_000, resource, row: { fields: defaultEventFields } });
}
/** Twenty days, an event a day, twelve at once on the tenth; now is a day later. */
function history(): string[] {
  const ids = Array.from({ length: 20 }, (_, n) => {
    const crowd = Array.from({ length: n === 10 ? 12 : 1 }, () => campaign.happen());
    campaign.clock.advance(day);
    return crowd;
  });
  return ids.flat();
}
const whole = (): Period => ({ from: start, to: campaign.at() });
async function bring(period: Period, source: () => RestEventSource, budgetMs: number): Promise<void> {
  const ports = () => ({ ...egress.history, source: source() });
  const order = { ...period, types: ["send" as const], expected: 0, by: "ada" };
  await orderBackfill(egress.ports, order);
  for (let state = ""; state !== "done"; ) {
    state = (await backfillSlice(ports(), pace, campaign.clock.now() + budgetMs)).state;
    // Until the end of the period has settled.
    if (state === "idle") campaign.clock.advance(pace.lateMs);
  }
}

describe("a back-fill from Campaign", () => {
  it.each([
    ["page by page in other processes", true, 0, {}],
    ["page by page in other processes, with links that count rows", true, 0, { paging: "offset" }],
    ["without a filter", false, day, {}],
  ])("brings every event of the period once, %s", async (_how, filter, budgetMs, switches) => {
    use(switches);
    const ids = history();
    const period = { from: new Date(Date.parse(start) + 2 * day).toISOString(), to: campaign.at() };

    await bring(period, () => makeSource(filter), budgetMs);

    expect(egress.placed()).toEqual(ids.slice(2).sort());
  });

  it("brings an event that changed while its page was on the way, before or after", async () => {
    const ids = history();
    const period = whole();
    campaign.meanwhile = (call) => {
      if (call % 2 === 0) campaign.change(ids[call] ?? "");
    };
    const moved = ids.filter((_, index) => index % 2 === 0);

    await bring(period, makeSource, day);

    // What moved out of the period is fresh: the pull finds it by its new change.
    const still = ids.filter((id) => !moved.includes(id));
    expect(egress.placed()).toEqual(expect.arrayContaining(still));
    expect(new Set(egress.placed()).size).toBe(egress.placed().length);
  });

  it("accounts for the rows that are no events", async () => {
    history();
    campaign.happen({ externalId: "", email: "nobody@example.com" });
    campaign.happen({ type: "bounce", failure: "soft" });
    campaign.happen({ type: "open" });
    campaign.clock.advance(day);
    const to = campaign.at();
    campaign.clock.advance(day);

    await bring({ from: start, to }, makeSource, day);

    const found = await readBackfill(egress.ports.checkpoints);
    expect(found?.skipped).toEqual({ "no-key": 1, "soft-bounce": 1 });
    expect(found?.sums).toMatchObject({ rows: 34, written: 31, known: 0, off: 1 });
  });

  it("is counted by Campaign: of a whole past and of a part of it", async () => {
    history();
    const source = makeSource();
    const part = { from: new Date(Date.parse(start) + 10 * day).toISOString(), to: whole().to };
    campaign.calls.length = 0;

    const counts = [
      await source.countSince(start),
      await source.countSince(part.from),
      await source.countSince(part.to),
    ];
    const { rows, by, split } = await countPeriod(source, part);

    expect(counts).toEqual([31, 21, 0]);
    expect({ rows, by }).toEqual({ rows: 21, by: "count" });
    expect(split).toEqual({ exact: true, types: { send: 21, open: 0, click: 0, bounce: 0 }, skipped: {} });
  });

  it("is read to be counted where there is no filter, or Campaign's counts lead nowhere", async () => {
    history();
    const period = whole();
    campaign.tamper = (_path, list) => void delete (list as { count?: unknown }).count;

    const counts = [await countPeriod(makeSource(false), period), await countPeriod(makeSource(), period)];

    expect(counts.map(({ rows, orMore, by }) => ({ rows, orMore, by }))).toEqual(
      Array(2).fill({ rows: 31, orMore: false, by: "reading" }),
    );
  });
});
