import { afterEach, describe, expect, it } from "vitest";
import { makeActivityTables } from "../../infra/local/events-job.js";
import { eventually } from "../../infra/local/people.js";
import { contactId } from "../../infra/local/scenarios/contacts.js";
import { activityIdOf } from "../../shared/model/email-event.js";
import { type SmallSystem, startSmallSystem } from "../support/small-system.js";

let system: SmallSystem | undefined;
afterEach(async () => {
  await system?.stop();
  system = undefined;
});

const contacts = 20;
const tables = ["acs_emailsends", "acs_emailopens", "acs_emailclicks", "acs_emailbounces"];

describe("e-mail events of Campaign", () => {
  it("stand on the timelines of Dynamics once, completed, though hosts are killed meanwhile", async () => {
    system = await startSmallSystem(contacts, {
      EGRESS_TYPES: "send,open,click,bounce",
      EGRESS_TASKS: "click",
      EGRESS_SCHEDULE: "*/1 * * * * *",
      CAMPAIGN_CALL_SECONDS: "2",
    });
    const { observer, state, runtime } = system;
    await makeActivityTables(runtime.settings);
    await system.startHost();
    await system.agree();
    await eventually("the first pull", () => state.checkpoints.read("egress", "events").catch(() => undefined));

    const delivery = { delivery: "DM1", opened: 0.6, clicked: 0.4, hardBounced: 0.1 };
    await observer.command("campaign", "deliver", delivery);
    const second = await system.startHost("host-2");
    await second.kill();
    await observer.command("campaign", "deliver", { ...delivery, delivery: "DM2" });
    await observer.command("campaign", "events", {
      type: "click",
      externalId: contactId(1),
      url: "https://example.com/",
    });
    const logged = (await observer.records("cusEmailEvent")).map(({ record }) => record).filter(isWanted);
    const rows = await eventually(
      `${logged.length} completed activities`,
      async () => {
        const found = (await Promise.all(tables.map((set) => observer.rows(set)))).flat();
        const done = found.every(({ statecode }) => statecode === 1);
        return done && found.length >= logged.length ? found : undefined;
      },
      { withinMs: 60_000 },
    );

    const ids = logged.map(({ eventId, eventType }) =>
      activityIdOf({ id: String(eventId), type: eventType as "send" | "open" | "click" | "bounce" }),
    );
    expect(rows.map(({ activityid }) => activityid).sort()).toEqual([...ids].sort());
    const clicks = logged.filter(({ eventType }) => eventType === "click");
    expect(await observer.rows("tasks")).toHaveLength(clicks.length);
    expect(clicks.length).toBeGreaterThan(0);
  }, 180_000);
});

/** Hard bounces only, and only of people that are contacts. */
function isWanted({ eventType, failureType, externalId }: Readonly<Record<string, unknown>>): boolean {
  return externalId !== "" && (eventType !== "bounce" || failureType === "hard");
}
