import { beforeEach, describe, expect, it } from "vitest";
import { planActivities, planActivitiesRemoval } from "../../infra/dataverse/activities.js";
import { checkActivityTables } from "../../infra/dataverse/activities-found.js";
import { applyRegistration } from "../../infra/dataverse/provision.js";
import { makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { activityTables } from "../../shared/dataverse/activity-tables.js";
import type { DataverseCall, DataverseClient } from "../../shared/dataverse/client.js";
import { RefusedError, UnavailableError } from "../../shared/errors.js";
import { eventTypes } from "../../shared/model/email-event.js";
import { makeDynamicsClient } from "../../shared/services.js";
import { coreHttp, coreWorld } from "../support/core-http.js";
import { type FixedClock, fixedClock } from "../support/fixed-clock.js";

const names = ["acs_emailsend", "acs_emailopen", "acs_emailclick", "acs_emailbounce"];
const publish = "publish the activity tables";
let clock: FixedClock;
let client: DataverseClient;

beforeEach(fresh);

function fresh(): void {
  clock = fixedClock("2026-03-01T00:00:00Z");
  const core = makeDataverseCore(coreWorld(clock));
  const url = new URL("http://dataverse.test");
  const { clientId, clientSecret } = LOCAL_APPS.integration;
  const auth = { by: "client-secret" as const, authority: url, tenantId: WELL_KNOWN.tenant, clientId, clientSecret };
  client = makeDynamicsClient({ dynamics: { url, auth } }, coreHttp({ "dataverse.test": core }, clock), clock);
}

function planned(prefix = "acs", solution = "CampaignEvents") {
  return planActivities({ client, clock, prefix, solution });
}

async function plan(prefix?: string, solution?: string): Promise<string[]> {
  return (await planned(prefix, solution)).map(({ what }) => what);
}

async function apply(prefix?: string, solution?: string): Promise<void> {
  await applyRegistration(await planned(prefix, solution), () => {});
}

async function rows(path: string): Promise<Record<string, unknown>[]> {
  return ((await client.json({ operation: "look", path })) as { value: Record<string, unknown>[] }).value;
}

/** The client, but the first `times` definitions that are posted go to `disturb`. */
function disturbed(times: number, disturb: (call: DataverseCall) => Promise<never>): DataverseClient {
  const through = client;
  let left = times;
  return {
    ...through,
    call(call) {
      const isDefinition = call.method === "POST" && String(call.path).startsWith("EntityDefinitions");
      if (!isDefinition || left === 0) return through.call(call);
      left -= 1;
      return disturb(call);
    },
  };
}

describe("the activity tables in Dynamics", () => {
  it("plans publisher, solution, four tables and their columns on a fresh environment, and changes nothing by planning", async () => {
    const first = await plan();
    const second = await plan();

    expect(first).toEqual(second);
    expect(first.slice(0, 3)).toEqual([
      "create publisher with prefix acs",
      "create solution CampaignEvents",
      "create activity table acs_emailsend",
    ]);
    expect(first.filter((what) => what.startsWith("create activity table"))).toHaveLength(4);
    expect(first.filter((what) => what.startsWith("create column"))).toHaveLength(17);
    expect(first).toContain("create column acs_trackingurl of acs_emailclick");
    expect(first.slice(-2)).toEqual([publish, "note in solution CampaignEvents that it is published"]);
  });

  it("makes tables that fit what events are written as", async () => {
    const before = await checkActivityTables(client, activityTables());

    await apply();

    expect(before).toHaveLength(4);
    expect(await checkActivityTables(client, activityTables())).toEqual([]);
  });

  it("puts the tables and their columns into the solution, whose publisher has the prefix", async () => {
    await apply();

    const [solution] = await rows("solutions?$filter=uniquename eq 'CampaignEvents'&$expand=publisherid");
    const parts = await rows(`solutioncomponents?$filter=_solutionid_value eq ${solution?.solutionid}`);
    expect(solution).toMatchObject({ publisherid: { customizationprefix: "acs" } });
    expect(parts.map(({ componenttype }) => componenttype).sort()).toEqual([
      ...Array.from({ length: 4 }, () => 1),
      ...Array.from({ length: 17 }, () => 2),
    ]);
  });

  it("has nothing left to do after an apply, not even to publish", async () => {
    await apply();
    const once = await plan();
    await apply();

    expect(once).toEqual([]);
    expect(await plan()).toEqual([]);
    expect(await rows("publishers?$filter=customizationprefix eq 'acs'")).toHaveLength(1);
  });

  it("finishes what an apply that was killed after any action left undone", async () => {
    const { length } = await planned();

    for (let done = 0; done <= length; done += 1) {
      fresh();
      for (const action of (await planned()).slice(0, done)) await action.run();
      await apply();

      expect(await plan()).toEqual([]);
      expect(await checkActivityTables(client, activityTables())).toEqual([]);
    }
  });

  it("uses the publisher and the solution that are there", async () => {
    const publisher = { uniquename: "contoso", friendlyname: "Contoso", customizationprefix: "cont" };
    await client.call({ operation: "make publisher", method: "POST", path: "publishers", body: publisher });

    await apply("cont");

    expect(await rows("publishers?$filter=customizationprefix eq 'cont'")).toHaveLength(1);
    expect(await checkActivityTables(client, activityTables("cont"))).toEqual([]);
    await expect(plan("acs")).rejects.toThrow(/solution CampaignEvents has a publisher without prefix acs/);
  });

  it("lengthens a column that is too short, never shortens one, and leaves labels as people made them", async () => {
    await apply();
    const path = (column: string) =>
      `EntityDefinitions(LogicalName='acs_emailclick')/Attributes(LogicalName='${column}')`;
    const label = { LocalizedLabels: [{ Label: "Kampagne", LanguageCode: 1033 }] };
    const put = (column: string, body: Record<string, unknown>) =>
      client.call({ operation: "change by hand", method: "PUT", path: path(column), body });
    await put("acs_campaignname", { MaxLength: 50, DisplayName: label });
    await put("acs_deliveryname", { MaxLength: 1_000 });

    const first = await plan();
    await apply();

    const cast = "Microsoft.Dynamics.CRM.StringAttributeMetadata";
    const columns = await rows(`EntityDefinitions(LogicalName='acs_emailclick')/Attributes/${cast}`);
    const lengths = Object.fromEntries(columns.map(({ LogicalName, MaxLength }) => [LogicalName, MaxLength]));
    expect(first.slice(1, 3)).toEqual([
      "lengthen column acs_campaignname of acs_emailclick to 255 characters",
      publish,
    ]);
    expect(lengths).toMatchObject({ acs_campaignname: 255, acs_deliveryname: 1_000 });
    expect(columns.find(({ LogicalName }) => LogicalName === "acs_campaignname")).toMatchObject({ DisplayName: label });
  });

  it("adds a column that somebody removed", async () => {
    await apply();
    const path = "EntityDefinitions(LogicalName='acs_emailopen')/Attributes(LogicalName='acs_dateopened')";
    await client.call({ operation: "remove by hand", method: "DELETE", path });

    expect((await plan()).slice(1, 3)).toEqual(["create column acs_dateopened of acs_emailopen", publish]);
  });

  it("publishes what an apply that was killed had changed, in a solution of its own; in another's when asked", async () => {
    await apply();
    const path = "EntityDefinitions(LogicalName='acs_emailopen')/Attributes(LogicalName='acs_dateopened')";
    await client.call({ operation: "remove by hand", method: "DELETE", path });
    const killedBeforePublishing = (await planned()).slice(0, 2);
    for (const action of killedBeforePublishing) await action.run();
    const [solution] = await rows("solutions?$filter=uniquename eq 'CampaignEvents'");

    const own = await plan();
    const body = { description: "Everything of Contoso's marketing" };
    await client.call({
      operation: "change by hand",
      method: "PATCH",
      path: `solutions(${solution?.solutionid})`,
      body,
    });
    const another = await plan();
    const asked = await planActivities({ client, clock, prefix: "acs", solution: "CampaignEvents", publish: true });

    expect(own).toEqual([publish, "note in solution CampaignEvents that it is published"]);
    expect(another).toEqual([]);
    expect(asked.map(({ what }) => what)).toEqual([publish]);
  });

  it("refuses to go on when a column of a needed name holds something else", async () => {
    await apply();
    const attributes = "EntityDefinitions(LogicalName='acs_emailopen')/Attributes";
    const column = `${attributes}(LogicalName='acs_campaignname')`;
    await client.call({ operation: "remove by hand", method: "DELETE", path: column });
    const body = { "@odata.type": "Microsoft.Dynamics.CRM.IntegerAttributeMetadata", SchemaName: "acs_CampaignName" };
    await client.call({ operation: "add by hand", method: "POST", path: attributes, body });

    await expect(plan()).rejects.toThrow(/column acs_campaignname of acs_emailopen is there and is IntegerType/);
  });

  it.each(["a", "ACS", "mscrmx", "acs_", "toolongprefix", "1cs"])(
    "refuses the prefix %s before it asks anything",
    async (prefix) => {
      await expect(plan(prefix)).rejects.toThrow(/prefix/);
    },
  );

  it("waits while another customization is under way", async () => {
    const busy = new RefusedError("busy", "0x80071151");
    client = disturbed(3, () => Promise.reject(busy));

    await apply();

    expect(clock.slept.filter((ms) => ms === 15_000)).toHaveLength(3);
    expect(await plan()).toEqual([]);
  });

  it("takes a table for made when it is there although the answer was lost", async () => {
    const through = client;
    client = disturbed(2, async (call) => {
      await through.call(call);
      throw new UnavailableError("no answer", true);
    });

    await apply();

    expect(await plan()).toEqual([]);
  });

  it("removes only tables that are named, and only ours", async () => {
    await apply();

    const options = { client, prefix: "acs" };
    const removal = await planActivitiesRemoval(options, ["acs_emailopen", "acs_emailopen"]);
    await applyRegistration(removal, () => {});

    const there = await rows("EntityDefinitions?$select=LogicalName&$filter=IsActivity eq true");
    expect(there.map(({ LogicalName }) => LogicalName)).toEqual(
      expect.arrayContaining(names.filter((name) => name !== "acs_emailopen")),
    );
    expect(there.map(({ LogicalName }) => LogicalName)).not.toContain("acs_emailopen");
    expect(await planActivitiesRemoval(options, ["acs_emailopen"])).toEqual([]);
    expect(await planActivitiesRemoval(options, [])).toEqual([]);
    await expect(planActivitiesRemoval(options, ["contact"])).rejects.toThrow(/contact is none of our tables/);
  });
});

describe("tables that somebody else installed", () => {
  it("are told apart by what does not fit: set, columns, lengths, lookup, kind of table", async () => {
    await apply();
    const tables = activityTables("acs", {
      send: { name: "acs_emailsend", set: "acs_sends", columns: { campaignName: "new_campaign", deliveryName: "" } },
      open: { regarding: "regardingobjectid_contact_other", longest: { subject: 4_000 } },
      click: { columns: { date: "acs_trackingurl" } },
      bounce: { name: "account", set: "accounts" },
    });

    const problems = await checkActivityTables(client, tables);

    expect(problems.filter((problem) => !problem.includes("account"))).toEqual([
      "the set of table acs_emailsend is called acs_emailsends, not acs_sends: say so in the settings",
      'column new_campaign of table acs_emailsend is not there: name another one in the settings, or "" for none',
      "column subject of table acs_emailopen holds 400 characters, not 4000: say so in the settings, or run npm run dataverse:apply -- --activities",
      "the lookup of table acs_emailopen to its contact is called regardingobjectid_contact_acs_emailopen, not regardingobjectid_contact_other: say so in the settings",
      'column acs_trackingurl of table acs_emailclick is of StringType, not DateTimeType: name another one in the settings, or "" for none',
    ]);
    expect(problems).toContain("table account is no activity table: name another one in the settings");
    expect(problems).toContain("rows of table account cannot be set regarding a contact");
  });

  it("are neither made nor changed nor removed, nor do they need a publisher when they are all", async () => {
    const foreign = new Set(["send", "click"] as const);
    const options = { client, clock, prefix: "acs", solution: "CampaignEvents" };

    const actions = (await planActivities({ ...options, foreign })).map(({ what }) => what);
    const none = await planActivities({ ...options, foreign: new Set(eventTypes) });

    expect(actions.filter((what) => /acs_email(send|click)/.test(what))).toEqual([]);
    expect(actions.filter((what) => what.startsWith("create activity table"))).toHaveLength(2);
    expect(none).toEqual([]);
    await expect(planActivitiesRemoval({ client, prefix: "acs", foreign }, ["acs_emailsend"])).rejects.toThrow(
      /acs_emailsend is none of our tables/,
    );
  });
});
