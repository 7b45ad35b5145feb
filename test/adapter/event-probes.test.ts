import { describe, expect, it } from "vitest";
import { judgeEvents } from "../../shared/campaign/event-checks.js";
import { makeEventProbes } from "../../shared/campaign/event-probes.js";
import { defaultEventFields } from "../../shared/campaign/event-row.js";
import { makeEventSource } from "../../shared/campaign/event-source.js";
import { TableError } from "../../shared/errors.js";
import { type CampaignEvents, makeCampaignEvents } from "../support/campaign-events.js";

const probesOf = ({ client, clock }: CampaignEvents) => makeEventProbes(client, clock, 4_000);
const sourceOf = ({ client, clock }: CampaignEvents) =>
  makeEventSource({
    client,
    clock,
    callMs: 4_000,
    resource: {
      api: "profileAndServicesExt",
      name: "cusEmailEvent",
      order: "lastModified",
      filter: { name: "ModifiedSince", parameter: "since", format: "space" },
    },
    row: { fields: defaultEventFields },
  });

function seedProfiles(world: CampaignEvents, count: number): void {
  const records = Array.from({ length: count }, (_, index) => ({
    externalId: `c-${index}`,
    email: `c-${index}@example.com`,
  }));
  world.core.command?.("seed", { resource: "profile", records });
}
async function command(world: CampaignEvents, method: string): Promise<void> {
  const path = "workflow/execution/stageEmailEvents/commands";
  await world.client.call({ operation: "command", method: "POST", path, body: { method }, deadline: Number.MAX_VALUE });
}

describe("makeEventProbes", () => {
  it("tells what state a workflow is in, and which one is not there", async () => {
    const world = makeCampaignEvents();
    const before = await probesOf(world).workflows(["stageEmailEvents", "elsewhere"]);
    await command(world, "stop");

    const after = await probesOf(world).workflows(["stageEmailEvents"]);

    expect(before).toEqual([
      { id: "stageEmailEvents", state: "started" },
      { id: "elsewhere", missing: true },
    ]);
    expect(after).toEqual([{ id: "stageEmailEvents", state: "stopped" }]);
  });

  it("tells when the latest e-mail went to the profiles it looks at, with two calls for each", async () => {
    const world = makeCampaignEvents();
    seedProfiles(world, 5);
    world.clock.advance(60_000);
    world.happen({ externalId: "c-1" });
    world.clock.advance(60_000);
    const latest = world.at();
    world.happen({ externalId: "c-2" });
    world.clock.advance(60_000);
    world.happen({ type: "open", externalId: "c-3" });

    expect(await probesOf(world).lastSend(5)).toBe(latest);
    expect(world.calls).toHaveLength(11);
  });

  it("tells of no e-mail when none was sent, and on an instance without marketing history", async () => {
    const quiet = makeCampaignEvents();
    seedProfiles(quiet, 2);
    const v8 = makeCampaignEvents({ version: "v8" });
    seedProfiles(v8, 2);

    expect(await probesOf(quiet).lastSend(5)).toBeUndefined();
    expect(await probesOf(v8).lastSend(5)).toBeUndefined();
  });
});

describe("the checks on an instance", () => {
  it("notice that the staging workflow stands while e-mails are sent", async () => {
    const world = makeCampaignEvents({ stagingMinutes: 15 });
    seedProfiles(world, 3);
    world.happen({ externalId: "c-1" });
    world.clock.advance(60 * 60_000);
    await command(world, "stop");
    world.core.command?.("deliver", { hardBounced: 0, softBounced: 0 });
    world.clock.advance(2 * 60 * 60_000);
    const [source, probes] = [sourceOf(world), probesOf(world)];

    const lastSend = await probes.lastSend(3);
    const newestChange = await source.newestChange();
    const findings = judgeEvents({
      now: world.at(),
      workflows: await probes.workflows(["stageEmailEvents"]),
      ...(lastSend !== undefined && { lastSend }),
      ...(newestChange !== undefined && { newestChange }),
    });

    expect(findings.map(({ code }) => code)).toEqual(["staging-stopped", "no-events-while-delivering"]);
  });

  it("name the piece that is missing when reading was refused", async () => {
    const world = makeCampaignEvents({ extApiPublished: false });

    const refused = await sourceOf(world)
      .probe()
      .catch((error: unknown) => error);

    expect(refused).toBeInstanceOf(TableError);
    const { code, message } = refused as TableError;
    const [finding] = judgeEvents({ now: world.at(), workflows: [], refused: { code, message } });
    expect(finding).toMatchObject({ code: "resource-missing", fix: expect.stringContaining("steps 1 and 2") });
  });

  it("notice rows that were purged while nobody read", async () => {
    const world = makeCampaignEvents();
    const lost = world.happen();
    const since = await sourceOf(world).oldestChange();
    if (since === undefined) throw new Error("the row was not staged");
    world.clock.advance(30 * 86_400_000);
    world.core.command?.("remove", { resource: "cusEmailEvent", key: lost });
    const oldest = world.at();
    world.happen();

    const oldestChange = await sourceOf(world).oldestChange();

    expect(oldestChange).toBe(oldest);
    const findings = judgeEvents({ now: world.at(), since, workflows: [], ...(oldestChange && { oldestChange }) });
    expect(findings).toMatchObject([{ code: "purged-before-read", lost: { from: since, to: oldest } }]);
  });
});
