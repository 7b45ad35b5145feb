import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dueAt } from "../../../shared/dataverse/activity-rows.js";
import { activityTableChangesSchema, activityTables } from "../../../shared/dataverse/activity-tables.js";

describe("when a follow-up task is due", () => {
  it.each([
    ["in UTC", "UTC", "2026-02-28T10:11:12.345Z", "2026-02-28T17:00:00Z"],
    ["east of it, where the day began earlier", "Australia/Sydney", "2026-02-28T20:00:00Z", "2026-03-01T06:00:00Z"],
    ["west of it, where the day ends later", "America/Los_Angeles", "2026-03-01T01:00:00Z", "2026-03-01T07:59:00Z"],
    ["after five, by the end of the day", "UTC", "2026-02-28T17:00:00Z", "2026-02-28T23:59:00Z"],
    ["on the day clocks go forward", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T15:00:00Z"],
    ["on the day clocks go back", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T16:00:00Z"],
    ["half an hour off", "Asia/Kolkata", "2026-02-28T10:00:00Z", "2026-02-28T11:30:00Z"],
  ])("is at five of the same day %s", (_where, zone, at, due) => {
    expect(dueAt(at, zone)).toBe(due);
  });

  it("is never before the event, more than a day after it, or on another day of the zone", () => {
    const zones = fc.constantFrom(
      "UTC",
      "America/St_Johns",
      "Pacific/Kiritimati",
      "Pacific/Pago_Pago",
      "Europe/Berlin",
    );
    const instants = fc.date({ min: new Date("2000-01-01"), max: new Date("2040-01-01"), noInvalidDate: true });
    fc.assert(
      fc.property(instants, zones, (at, zone) => {
        const due = new Date(dueAt(at.toISOString(), zone));

        const day = (date: Date) => date.toLocaleDateString("en-CA", { timeZone: zone });
        expect(day(due)).toBe(day(at));
        expect(due.getTime()).toBeGreaterThan(at.getTime() - 60_000);
      }),
    );
  });
});

describe("the names of activity tables", () => {
  it("follow the prefix, with columns for what each type of event says", () => {
    const { send, click } = activityTables("cont");

    expect(send).toMatchObject({ name: "cont_emailsend", set: "cont_emailsends" });
    expect([send.columns.date, send.columns.trackingUrl]).toEqual(["cont_datesent", ""]);
    expect([click.columns.date, click.columns.trackingUrl]).toEqual(["cont_dateclicked", "cont_trackingurl"]);
  });

  it("are replaced one by one; set and lookup follow a table's new name", () => {
    const changes = activityTableChangesSchema.parse({ click: { name: "new_click", columns: { date: "new_when" } } });

    const { send, click } = activityTables("acs", changes);

    expect(click).toMatchObject({ set: "new_clicks", regarding: "regardingobjectid_contact_new_click" });
    expect(click.columns).toMatchObject({ date: "new_when", campaignName: "acs_campaignname" });
    expect(send).toEqual(activityTables("acs").send);
  });

  it.each([
    { click: { set: "contacts?$filter=x" } },
    { click: { name: "Acs_Click" } },
    { click: { columns: { subject: "" } } },
    { click: { colums: {} } },
    { unsubscribe: {} },
    { click: { longest: { subject: 0 } } },
  ])("are refused when they are none: %j", (changes) => {
    expect(activityTableChangesSchema.safeParse(changes).success).toBe(false);
  });
});
