import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { eventFileSettings, listEventFiles } from "../../infra/local/event-files-job.js";
import { compareTimelines, makeActivityTables, wantedEvents } from "../../infra/local/events-job.js";
import { eventually } from "../../infra/local/people.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

let system: SmallSystem | undefined;
afterEach(async () => {
  await system?.stop();
  system = undefined;
});

const contacts = 60;

describe("e-mail events of Campaign by files on SFTP", () => {
  it("stand on the timelines once though the host dies while a file is read and the server is away, and a file of something else is put aside", async () => {
    system = await startSmallSystem(contacts, { ...eventFileSettings, EGRESS_TASKS: "click" });
    const { observer, state, runtime } = system;
    await makeActivityTables(runtime.settings);
    const first = await system.startHost();
    await system.agree();
    await eventually("the first pull", () => state.checkpoints.read("egress", "events").catch(() => undefined));
    const folder = join(dirname(runtime.logDirectory), "data", "campaign", "sftp", "d365_loads", "events");

    for (const delivery of ["DM1", "DM2", "DM3", "DM4"]) {
      await observer.command("campaign", "deliver", { delivery, opened: 0.9, clicked: 0.9, hardBounced: 0.1 });
    }
    const logged = await wantedEvents(observer);
    await observer.slow("dataverse", 300);
    await observer.command("campaign", "extract-events");
    writeFileSync(join(folder, "prices.csv"), "article;price\nshoe;10\n");
    const missing = async (): Promise<number> => (await compareTimelines(observer, logged)).length;
    await eventually("the first activity", async () => ((await missing()) < logged.length ? true : undefined));
    await first.kill();
    const leftByKill = await missing();
    await runtime.kill("campaign");
    await observer.slow("dataverse", 0);
    await system.startHost("host-2");
    await eventually("a pull without a server", async () =>
      system?.log("host-2.log").includes("CAMPAIGN_SFTP_HOST") ? true : undefined,
    );
    await runtime.restart("campaign");
    await eventually("every file to be put away", async () =>
      (await listEventFiles(runtime.settings)).left.length === 0 ? true : undefined,
    );

    expect(leftByKill).toBeGreaterThan(0);
    expect(await compareTimelines(observer, logged)).toEqual([]);
    const clicks = logged.filter(({ eventType }) => eventType === "click");
    expect(await observer.rows("tasks")).toHaveLength(clicks.length);
    expect((await listEventFiles(runtime.settings)).done).toHaveLength(2);
    expect(existsSync(join(folder, "rejected")) && readdirSync(join(folder, "rejected"))).toEqual(["prices.csv"]);
    // The file is put aside before its pull ends and says so.
    await eventually("word of the file that is none", async () =>
      system?.logs().includes("prices.csv has no column eventId") ? true : undefined,
    );
  }, 180_000);
});
