// Security roles as Microsoft's references of role, privilege, AddPrivilegesRole, ReplacePrivilegesRole, RemovePrivilegeRole, RetrieveRolePrivilegesRole and
// RetrieveUserPrivileges describe them, and facts/dataverse.md §12 the refusals. What those leave open are switches.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WELL_KNOWN } from "../../../infra/local/dataverse/model/ids.js";
import type { DataverseOptions } from "../../../infra/local/dataverse/options.js";
import { type Answer, type Dataverse, startDataverse } from "./simulator.js";

let dataverse: Dataverse;
let roleId: string;
const user = WELL_KNOWN.integrationUser;
const ofUser = (roles = ""): string => `systemusers(${user})/systemuserroles_association${roles}`;

beforeEach(() => start());
afterEach(() => dataverse.close());

async function start(switches: DataverseOptions["switches"] = {}): Promise<void> {
  await dataverse?.close();
  dataverse = await startDataverse({ switches });
  const unit = { "businessunitid@odata.bind": `/businessunits(${WELL_KNOWN.businessUnit})` };
  roleId = await dataverse.create("roles", { name: "Reader", ...unit });
}

/** As somebody who is System Administrator whatever becomes of the integration's user. */
async function admin(method: string, path: string, body?: unknown): Promise<Answer> {
  return dataverse.call(method, path, body, { authorization: `Bearer ${await dataverse.tokenOf("editor")}` });
}

async function idOf(name: string): Promise<string> {
  const { json } = await admin("GET", `privileges?$select=name&$filter=name eq '${name}'`);
  return String(json.value[0]?.privilegeid);
}

async function change(action: string, given: Record<string, string>): Promise<Answer> {
  const Privileges = await Promise.all(
    Object.entries(given).map(async ([name, Depth]) => ({ PrivilegeId: await idOf(name), Depth })),
  );
  return admin("POST", `roles(${roleId})/Microsoft.Dynamics.CRM.${action}`, { Privileges });
}

async function held(path = `RetrieveRolePrivilegesRole(RoleId=${roleId})`): Promise<Record<string, string>> {
  const { json } = await admin("GET", path);
  const all = json.RolePrivileges as { PrivilegeName: string; Depth: string }[];
  return Object.fromEntries(all.map(({ PrivilegeName, Depth }) => [PrivilegeName, Depth]));
}

/** The integration's user has this role and no other from now on. */
async function onlyReader(): Promise<void> {
  await admin("POST", `${ofUser()}/$ref`, { "@odata.id": `${dataverse.api}/roles(${roleId})` });
  await admin("DELETE", `${ofUser(`(${WELL_KNOWN.administratorRole})`)}/$ref`);
}

describe("privileges", () => {
  it("are eight for a table whose rows belong to users, found by name in any case, and told by the table's definition", async () => {
    const { json } = await admin("GET", "EntityDefinitions(LogicalName='contact')?$select=Privileges");
    const byName = await admin(
      "GET",
      "privileges?$select=name,canbebasic,canbeglobal&$filter=name eq 'PRVREADCONTACT'",
    );
    const privileges = json.Privileges as { Name: string; PrivilegeType: string; PrivilegeId: string }[];

    expect(privileges.map(({ PrivilegeType }) => PrivilegeType).sort()).toEqual(
      ["Append", "AppendTo", "Assign", "Create", "Delete", "Read", "Share", "Write"].sort(),
    );
    expect(byName.json.value).toEqual([
      {
        ...{ name: "prvReadContact", canbebasic: true, canbeglobal: true },
        privilegeid: privileges.find(({ Name }) => Name === "prvReadContact")?.PrivilegeId,
      },
    ]);
  });

  it.each([
    ["shared", "prvReadActivity"],
    ["own", "prvReadTask"],
  ] as const)("of activity tables are %s, as the switch says", async (activityPrivileges, name) => {
    await start({ activityPrivileges });

    const { json } = await admin("GET", "EntityDefinitions(LogicalName='task')?$select=Privileges");

    expect((json.Privileges as { Name: string }[]).map((one) => one.Name)).toContain(name);
  });
});

describe("what a role holds", () => {
  it("are the five that every role gets, or nothing, when it is made", async () => {
    const defaults = await held();
    await start({ newRoleGets: "nothing" });

    expect(Object.keys(defaults)).toHaveLength(5);
    expect(await held()).toEqual({});
  });

  it("is exactly what it is replaced with; adding leaves depths that are there, unless the switch says otherwise", async () => {
    await change("ReplacePrivilegesRole", { prvReadContact: "Basic" });
    await change("AddPrivilegesRole", { prvReadContact: "Global", prvWriteContact: "Local" });
    const kept = await held();
    await dataverse.sim("switches", { addPrivilegesDeepens: true });
    await change("AddPrivilegesRole", { prvReadContact: "Global" });

    expect(kept).toEqual({ prvReadContact: "Basic", prvWriteContact: "Local" });
    expect(await held()).toEqual({ prvReadContact: "Global", prvWriteContact: "Local" });
  });

  it("loses one privilege at a time", async () => {
    await change("ReplacePrivilegesRole", { prvReadContact: "Basic", prvWriteContact: "Basic" });

    const path = `roles(${roleId})/Microsoft.Dynamics.CRM.RemovePrivilegeRole`;
    const answer = await admin("POST", path, { PrivilegeId: await idOf("prvReadContact") });

    expect(answer.status).toBe(204);
    expect(await held()).toEqual({ prvWriteContact: "Basic" });
  });

  it("takes no unknown privilege, no unknown depth, and none that the privilege cannot have", async () => {
    const path = `roles(${roleId})/Microsoft.Dynamics.CRM.ReplacePrivilegesRole`;
    const nowhere = "00000000-0000-4000-8000-000000000000";
    const unknown = await admin("POST", path, { Privileges: [{ PrivilegeId: nowhere, Depth: "Global" }] });
    const depth = await change("ReplacePrivilegesRole", { prvReadContact: "Everything" });
    const impossible = await change("ReplacePrivilegesRole", { prvReadBusinessUnit: "Basic" });
    const missing = await admin("POST", path, {});

    expect([unknown.status, depth.status, impossible.status, missing.status]).toEqual([404, 400, 400, 400]);
    expect(Object.keys(await held())).toHaveLength(5);
  });

  it("is all of everything for System Administrator, which cannot be changed or deleted", async () => {
    const all = await held(`RetrieveRolePrivilegesRole(RoleId=@r)?@r=${WELL_KNOWN.administratorRole}`);
    const path = `roles(${WELL_KNOWN.administratorRole})`;
    const emptied = await admin("POST", `${path}/Microsoft.Dynamics.CRM.ReplacePrivilegesRole`, { Privileges: [] });

    expect(all).toMatchObject({ prvDeleteContact: "Global", prvReadEntity: "Global" });
    expect([emptied.status, (await admin("DELETE", path)).status]).toEqual([400, 405]);
  });
});

describe("who has a role", () => {
  it("is told from either side, changes by $ref, and is refused twice", async () => {
    const body = { "@odata.id": `${dataverse.api}/roles(${roleId})` };
    const given = await admin("POST", `${ofUser()}/$ref`, body);
    const twice = await admin("POST", `${ofUser()}/$ref`, body);
    const roles = await admin("GET", `${ofUser()}?$select=name`);
    const users = await admin("GET", `roles(${roleId})/systemuserroles_association?$select=systemuserid`);
    const taken = await admin("DELETE", `${ofUser(`(${roleId})`)}/$ref`);
    const takenTwice = await admin("DELETE", `${ofUser(`(${roleId})`)}/$ref`);

    expect([given.status, twice.status, taken.status, takenTwice.status]).toEqual([204, 412, 204, 404]);
    expect(roles.json.value.map(({ name }) => name)).toEqual(["System Administrator", "Reader"]);
    expect(users.json.value.map(({ systemuserid }) => systemuserid)).toEqual([user]);
  });

  it("loses it when the role is deleted", async () => {
    await admin("POST", `${ofUser()}/$ref`, { "@odata.id": `roles(${roleId})` });

    await admin("DELETE", `roles(${roleId})`);

    expect((await admin("GET", ofUser())).json.value.map(({ name }) => name)).toEqual(["System Administrator"]);
  });
});

describe("a user with other roles than System Administrator", () => {
  it("is refused with 0x80040220 what its roles do not hold, by the name of the privilege, and has what they hold together", async () => {
    await change("ReplacePrivilegesRole", { prvReadContact: "Global" });
    await onlyReader();

    const read = await dataverse.get("contacts");
    const tracked = await dataverse.get("contacts?$select=lastname", { prefer: "odata.track-changes" });
    const created = await dataverse.call("POST", "contacts", { lastname: "x" });

    expect([read.status, tracked.status, created.status]).toEqual([200, 200, 403]);
    expect(created.json.error.code).toBe("0x80040220");
    expect(created.json.error.message).toMatch(
      /roleCount=1, privilegeCount=1, .*is missing prvCreateContact privilege \(Id=/,
    );
    expect(await held(`systemusers(${user})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()`)).toEqual({
      prvReadContact: "Global",
    });
  });

  it("is refused everything with 0x80042f09 when it has none", async () => {
    await admin("DELETE", `${ofUser(`(${WELL_KNOWN.administratorRole})`)}/$ref`);

    const answer = await dataverse.get("WhoAmI");

    expect(answer.status).toBe(403);
    expect(answer.json.error).toEqual({
      code: "0x80042f09",
      message: `The user (Id = ${user}) has not been assigned any roles.`,
    });
  });

  it("changes its own rows and not those of others when it may change its own", async () => {
    const { json } = await admin("POST", "tasks?$select=activityid", { subject: "theirs" });
    await change("ReplacePrivilegesRole", { prvCreateActivity: "Basic", prvWriteActivity: "Basic" });
    const theirs = (await admin("GET", "tasks?$select=activityid")).json.value[0]?.activityid;
    await onlyReader();

    const own = await dataverse.create("tasks", { subject: "mine" });
    const mine = await dataverse.call("PATCH", `tasks(${own})`, { subject: "mine again" });
    const others = await dataverse.call("PATCH", `tasks(${theirs})`, { subject: "mine now" });

    expect(json).toBeDefined();
    expect([mine.status, others.status, others.json.error?.code]).toEqual([204, 403, "0x80048405"]);
  });

  it("ties a row to others only with append on the one and append to on the others", async () => {
    const contact = String((await dataverse.create("contacts", { lastname: "Lee" })) ?? "");
    const task = { subject: "x", "regardingobjectid_contact_task@odata.bind": `/contacts(${contact})` };
    const attempts: number[] = [];
    await onlyReader();

    for (const more of [
      {},
      { prvAppendActivity: "Basic" },
      { prvAppendActivity: "Basic", prvAppendToContact: "Global" },
    ]) {
      await change("ReplacePrivilegesRole", { prvCreateActivity: "Basic", ...more });
      attempts.push((await dataverse.call("POST", "tasks", task)).status);
    }

    expect(attempts).toEqual([403, 403, 204]);
  });

  it("reads definitions with privileges of their own, unless the switch says that none are needed", async () => {
    await onlyReader();
    const path = "EntityDefinitions(LogicalName='contact')/Attributes?$select=LogicalName";

    const refused = await dataverse.get(path);
    await dataverse.sim("switches", { metadataPrivileges: "none" });
    const allowed = await dataverse.get(path);
    const written = await dataverse.call("DELETE", "EntityDefinitions(LogicalName='contact')");

    expect([refused.status, allowed.status, written.status]).toEqual([403, 200, 403]);
    expect(refused.json.error.message).toContain("prvReadEntity");
  });

  it("is refused as not imitated where rows of its business unit would have to be told from others", async () => {
    await change("ReplacePrivilegesRole", { prvReadContact: "Local" });
    await onlyReader();

    expect((await dataverse.get("contacts")).status).toBe(501);
    expect((await dataverse.get("contacts?$select=lastname", { prefer: "odata.track-changes" })).status).toBe(403);
  });

  it("has its roles still after a snapshot was restored", async () => {
    await change("ReplacePrivilegesRole", { prvReadContact: "Global" });
    await onlyReader();
    await dataverse.sim("snapshot", { name: "now" });
    await admin("DELETE", `roles(${roleId})`);

    await dataverse.sim("restore", { name: "now" });

    expect((await dataverse.get("contacts")).status).toBe(200);
    expect((await dataverse.call("POST", "contacts", { lastname: "x" })).status).toBe(403);
  });
});
