// The generated role alone, against a simulator that enforces it: every call the app makes of Dynamics works, and each privilege is needed by the calls that
// infra/dataverse/README.md names for it.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { roleNamed } from "../../infra/dataverse/role.js";
import { privilegesFor } from "../../infra/dataverse/role-desired.js";
import { missingOfUser } from "../../infra/dataverse/role-found.js";
import { privilegeId } from "../../infra/local/dataverse/security/privileges-of.js";
import { makeActivitySink } from "../../shared/dataverse/activities.js";
import { activityTables } from "../../shared/dataverse/activity-tables.js";
import { makeRowCounter } from "../../shared/dataverse/count-rows.js";
import { makeMetadataSource } from "../../shared/dataverse/metadata.js";
import { makeDynamicsOptOuts } from "../../shared/dataverse/opt-outs.js";
import { makeDynamicsSource } from "../../shared/dataverse/source.js";
import { compileMapping } from "../../shared/mapping/compile.js";
import { activityIdOf, type EmailEvent, taskIdOf } from "../../shared/model/email-event.js";
import { parseRecordId, type RecordId } from "../../shared/model/ids.js";
import { systemClock } from "../../shared/services.js";
import { aField, aMappingDocument, validated } from "../support/mappings.js";
import { appUser, egressOf, type ProvisionedWorld, startProvisionedWorld } from "../support/provisioned-world.js";

/** A mapping and settings that need everything: opt-outs both ways, proven by the audit history; the name of a lookup; events, with tasks. */
const mapping = validated(
  aMappingDocument([aField(), aField({ source: { column: "parentcustomerid", as: "name" }, target: "cusCompany" })], {
    columns: {
      ...{ contactid: "id", lastname: "string", donotbulkemail: "boolean" },
      parentcustomerid: { type: "lookup", targets: ["account", "contact"] },
    },
    optOuts: { direction: "both", attributes: { email: "donotbulkemail" }, evidence: "audit" },
  }),
);
const settings = egressOf(["click"], ["click"]);
const required = privilegesFor([mapping], settings);
const compiled = compileMapping(mapping);
const role = roleNamed("acs-sync");

let world: ProvisionedWorld;
let contact: RecordId;

beforeEach(async () => {
  world = await startProvisionedWorld({ audit: "on", lookupNames: "readable" });
  await world.call("POST", "accounts", { accountid: "a0000000-0000-4000-8000-000000000001", name: "Contoso" });
  contact = parseRecordId("c0000000-0000-4000-8000-000000000001");
  await world.call("POST", "contacts", {
    contactid: contact,
    lastname: "Lee",
    donotbulkemail: true,
    "parentcustomerid_account@odata.bind": "/accounts(a0000000-0000-4000-8000-000000000001)",
  });
  await world.apply({ mappings: [mapping], settings, args: ["--app-user", appUser.clientId] });
  await world.takeAdministrator();
});

afterEach(() => world.close());

/** Every kind of call the app makes of Dynamics, by the words of the README. Each throws, or answers what shows that it worked. */
function calls(): Record<string, () => Promise<unknown>> {
  const { app } = world;
  const source = makeDynamicsSource(app);
  const optOuts = makeDynamicsOptOuts(app, { tag: "acs-sync" });
  const sink = makeActivitySink(app, activityTables(), { tag: "acs-sync", newId: () => "b1", clock: systemClock });
  const event: EmailEvent = {
    ...{ id: "C-1", type: "click", at: "2026-03-01T00:00:00.000Z", contactKey: contact, campaignName: "C" },
    ...{ deliveryName: "D", url: "https://example.com/", mirrorPageUrl: "", changedAt: "" },
  };
  const activity = { id: activityIdOf(event), event, contact };
  const rowOf = () => source.fetchRow(compiled, contact);
  return {
    "who am I": () => source.organizationId(),
    sweep: () => source.readChanges(compiled, undefined),
    load: () => source.readPage(compiled, undefined, 100),
    "fresh read": rowOf,
    "reads by ids": () => source.fetchRows(compiled, [contact]),
    "which are there": () => source.existing(compiled, [contact]),
    "name of a lookup": async () => {
      const { row } = await rowOf();
      if (row["parentcustomerid.name"] !== "Contoso") throw new Error("no name came");
    },
    "estimate of rows": async () => {
      if ((await makeRowCounter(app)(compiled)) !== 1) throw new Error("no estimate");
    },
    metadata: () => makeMetadataSource(app).tables(new Map([["contact", new Set(["lastname", "gendercode"])]])),
    "opt-out to Dynamics": async () => {
      const { version, row } = await rowOf();
      await optOuts.write(compiled, contact, { donotbulkemail: !row.donotbulkemail }, version);
    },
    "master of a merged row": () => optOuts.masterOf(compiled, contact),
    "audit history": async () => {
      await world.call("PATCH", `contacts(${contact})`, { donotbulkemail: true });
      await world.call("PATCH", `contacts(${contact})`, { donotbulkemail: false });
      const at = await optOuts.lastOptIn(compiled, contact, "donotbulkemail");
      if (at === undefined) throw new Error("no opt-in was found");
    },
    "contacts of events": () => sink.contacts([contact]),
    "events that are there": () => sink.existing("click", [activity.id]),
    activity: async () => {
      const [result] = await sink.write([activity]);
      if (result?.outcome !== "written") throw new Error(JSON.stringify(result));
    },
    "activity with task": async () => {
      const [result] = await sink.write([
        { ...activity, id: activityIdOf({ ...event, id: "C-2" }), task: { id: taskIdOf(event) } },
      ]);
      if (result?.outcome !== "written") throw new Error(JSON.stringify(result));
    },
  };
}

/** Names of the calls that fail. */
async function failing(): Promise<string[]> {
  const failed: string[] = [];
  for (const [name, call] of Object.entries(calls())) await call().catch(() => failed.push(name));
  return failed;
}

const readsOfContacts = [
  ...["sweep", "load", "fresh read", "reads by ids", "which are there", "name of a lookup", "opt-out to Dynamics"],
  ...["master of a merged row", "contacts of events"],
];
const writesOfEvents = ["activity", "activity with task"];

/** What stands still without each privilege, as the README says it. */
const brokenWithout: Readonly<Record<string, readonly string[]>> = {
  prvReadContact: readsOfContacts,
  prvReadAccount: ["name of a lookup"],
  prvWriteContact: ["opt-out to Dynamics"],
  prvReadAuditSummary: ["audit history"],
  prvReadRecordAuditHistory: ["audit history"],
  prvReadAuditPartitions: ["audit history"],
  prvReadEntity: ["metadata"],
  prvReadAttribute: ["metadata"],
  prvReadOptionSet: ["metadata"],
  prvReadActivity: ["events that are there"],
  prvCreateActivity: writesOfEvents,
  prvWriteActivity: writesOfEvents,
  prvAppendActivity: writesOfEvents,
  prvAppendToContact: writesOfEvents,
};

describe("the generated role", () => {
  it("is enough for every call of the app", async () => {
    expect(await failing()).toEqual([]);
  });

  it("lets the app do nothing else: neither delete nor create contacts, nor read other tables, nor give itself roles", async () => {
    const attempt = (method: "GET" | "POST" | "DELETE", path: string, body?: object) =>
      world.app.call({ operation: "attempt", method, path, ...(body && { body }) });
    const self = `systemusers(${appUser.userId})/systemuserroles_association/$ref`;

    for (const forbidden of [
      attempt("DELETE", `contacts(${contact})`),
      attempt("POST", "contacts", { lastname: "x" }),
      attempt("GET", "systemusers?$select=fullname"),
      attempt("GET", "teams?$select=name"),
      attempt("POST", self, { "@odata.id": `roles(${role.id})` }),
      attempt("POST", "PublishAllXml", {}),
      attempt("POST", "EntityDefinitions", {}),
    ]) {
      await expect(forbidden).rejects.toMatchObject({ context: { status: 403, code: "0x80040220" } });
    }
  });

  it("says of every privilege what is broken without it", () => {
    expect(required.map(({ name }) => name)).toEqual(Object.keys(brokenWithout).sort());
    expect(required.every(({ reason }) => reason.length > 10)).toBe(true);
  });

  it.each(required.map(({ name }) => name))(
    "needs %s: without it just the calls stand still that it is for",
    async (name) => {
      const path = `roles(${role.id})/Microsoft.Dynamics.CRM.RemovePrivilegeRole`;
      await world.call("POST", path, { PrivilegeId: privilegeId(name) });

      const broken = await failing();
      const missing = await missingOfUser(world.administrator, String(appUser.userId), required);

      expect(broken.sort()).toEqual([...(brokenWithout[name] ?? [])].sort());
      expect(missing.map((one) => one.name)).toEqual([name]);
    },
  );

  it("reads contacts of the whole organization: at a narrower depth the sweep cannot follow changes", async () => {
    await world.call("POST", `roles(${role.id})/Microsoft.Dynamics.CRM.RemovePrivilegeRole`, {
      PrivilegeId: privilegeId("prvReadContact"),
    });
    await world.call("POST", `roles(${role.id})/Microsoft.Dynamics.CRM.AddPrivilegesRole`, {
      Privileges: [{ PrivilegeId: privilegeId("prvReadContact"), Depth: "Deep" }],
    });

    const missing = await missingOfUser(world.administrator, String(appUser.userId), required);

    await expect(calls().sweep?.()).rejects.toThrow(/prvReadContact/);
    expect(missing.map((one) => one.name)).toEqual(["prvReadContact"]);
  });

  it("is refused everything when it is the application user's no more", async () => {
    await world.remove("--only", "role");

    await expect(calls().sweep?.()).rejects.toThrow(/has not been assigned any roles/);
  });
});
