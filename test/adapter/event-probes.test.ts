import { describe, expect, it } from "vitest";
import { makeEventProbes } from "../../shared/campaign/event-probes.js";
import { defaultEventFields } from "../../shared/campaign/event-row.js";
import { makeEventSource } from "../../shared/campaign/event-source.js";
import { checkEvents } from "../../shared/campaign/event-watch.js";
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

describe("checkEvents", () => {
  const watchOf = (world: CampaignEvents) => ({
    source: sourceOf(world),
    probes: probesOf(world),
    workflows: ["stageEmailEvents"],
    profiles: 3,
    clock: world.clock,
  });

  it("finds nothing on an instance where events come, and asks no profile for its history", async () => {
    const world = makeCampaignEvents();
    seedProfiles(world, 3);
    world.core.command?.("deliver", {});

    expect(await checkEvents(watchOf(world), {})).toEqual([]);
    expect(world.calls.filter((call) => call.startsWith("read history"))).toEqual([]);
    expect(world.calls).toHaveLength(5);
  });

  it("finds nothing on an instance that sends nothing", async () => {
    const world = makeCampaignEvents();
    seedProfiles(world, 3);

    expect(await checkEvents(watchOf(world), {})).toEqual([]);
  });

  it("notices that the staging workflow stands while e-mails are sent", async () => {
    const world = makeCampaignEvents({ stagingMinutes: 15 });
    seedProfiles(world, 3);
    world.happen({ externalId: "c-1" });
    world.clock.advance(60 * 60_000);
    await command(world, "stop");
    world.core.command?.("deliver", { hardBounced: 0, softBounced: 0 });
    world.clock.advance(2 * 60 * 60_000);

    const findings = await checkEvents(watchOf(world), {});

    expect(findings.map(({ code }) => code)).toEqual(["staging-stopped", "no-events-while-delivering"]);
  });

  it("takes the checkpoint for the newest row of a source that cannot tell", async () => {
    const world = makeCampaignEvents();
    seedProfiles(world, 3);
    const since = world.at();
    world.clock.advance(60_000);
    world.core.command?.("deliver", { hardBounced: 0, softBounced: 0 });
    world.clock.advance(2 * 60 * 60_000);
    const files = { readEvents: async () => ({ events: [], skipped: [] }), oldestChange: async () => undefined };

    const findings = await checkEvents({ ...watchOf(world), source: files }, { since });

    expect(findings.map(({ code }) => code)).toEqual(["no-events-while-delivering"]);
  });

  it("names the piece that is missing", async () => {
    const world = makeCampaignEvents({ extApiPublished: false });

    expect(await checkEvents(watchOf(world), {})).toMatchObject([
      { code: "resource-missing", fix: expect.stringContaining("steps 1 and 2") },
    ]);
  });

  it("notices rows that were purged while nobody read", async () => {
    const world = makeCampaignEvents();
    const lost = world.happen();
    const since = await sourceOf(world).oldestChange();
    if (since === undefined) throw new Error("the row was not staged");
    world.clock.advance(30 * 86_400_000);
    world.core.command?.("remove", { resource: "cusEmailEvent", key: lost });
    const oldest = world.at();
    world.happen();

    const findings = await checkEvents(watchOf(world), { since });

    expect(findings).toMatchObject([{ code: "purged-before-read", lost: { from: since, to: oldest } }]);
  });
});
