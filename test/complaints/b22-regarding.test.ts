import { beforeEach, describe, expect, it } from "vitest";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { contactId } from "../../infra/local/scenarios/contacts.js";
import { eventTypes } from "../../shared/model/email-event.js";
import { type EventSystems, idsOf, makeEventSystems } from "./event-systems.js";

let systems: EventSystems;
beforeEach(async () => {
  systems = await makeEventSystems();
});

/** What stands on a contact's timeline, as Dynamics lists it. */
async function timeline(contact: string): Promise<string[]> {
  const filter = encodeURIComponent(`_regardingobjectid_value eq ${contact}`);
  const { value } = (await systems.person.json({
    operation: "look at a timeline",
    path: `activitypointers?$filter=${filter}&$select=activityid,activitytypecode`,
  })) as { value: { activitytypecode: string }[] };
  return value.map(({ activitytypecode }) => activitytypecode).sort();
}

describe("B22: owner and regarding of an activity cannot be set", () => {
  it("puts every kind of event, and its follow-up task, on the timeline of the contact it happened to, and on nobody else's", async () => {
    for (const type of eventTypes) systems.happen(type, [3]);

    await systems.pull();

    expect(await timeline(contactId(3))).toEqual([
      "acs_emailbounce",
      "acs_emailclick",
      "acs_emailopen",
      "acs_emailsend",
      "task",
      "task",
    ]);
    expect(await timeline(contactId(4))).toEqual([]);
  });

  it("says of what kind the regarding record is, and that the application user owns the activity", async () => {
    const [id] = systems.happen("open", [5]);

    await systems.pull();

    const row = await systems.person.json({
      operation: "read an activity",
      path: `acs_emailopens(${id})`,
      prefer: ['odata.include-annotations="*"'],
    });
    expect(row).toMatchObject({
      _regardingobjectid_value: contactId(5),
      "_regardingobjectid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "contact",
      _ownerid_value: WELL_KNOWN.integrationUser,
    });
  });

  it("gives the events of a contact that was merged to its master, and leaves one without contact out, saying so", async () => {
    const contact = (id: string) => ({ "@odata.type": "Microsoft.Dynamics.CRM.contact", contactid: id });
    const [winner, loser] = [contactId(1), contactId(2)];
    const body = { Target: contact(winner), Subordinate: contact(loser), PerformParentingChecks: false };
    await systems.person.call({ operation: "merge", method: "POST", path: "Merge", body });
    await systems.person.call({ operation: "delete", method: "DELETE", path: `contacts(${contactId(7)})` });
    const [ofMerged] = systems.happen("open", [2, 7]);

    const result = await systems.pull();

    expect(result).toMatchObject({ written: 1, noContact: 1 });
    expect(idsOf(systems.activities())).toEqual([ofMerged]);
    expect(await timeline(winner)).toEqual(["acs_emailopen"]);
  });
});
