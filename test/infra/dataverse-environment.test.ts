// plan, apply, apply, remove of all that Dynamics needs, over HTTP against the simulator: what is created, mended, left and not touched.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { applyEnvironment } from "../../infra/dataverse/environment.js";
import { roleNamed } from "../../infra/dataverse/role.js";
import { privilegeId } from "../../infra/local/dataverse/security/privileges-of.js";
import { aField, aMappingDocument, validated } from "../support/mappings.js";
import {
  appUser,
  clicks,
  egressOf,
  Killed,
  optionsOf,
  type ProvisionedWorld,
  startProvisionedWorld,
} from "../support/provisioned-world.js";

const role = roleNamed("acs-sync");
const contacts = validated(aMappingDocument());
const tasks = validated(
  aMappingDocument([aField({ source: { column: "subject" }, target: "name" })], {
    table: { name: "task", set: "tasks", id: "activityid" },
    resource: { api: "profileAndServicesExt", name: "cusTask" },
    columns: { activityid: "id", subject: "string" },
  }),
);
let world: ProvisionedWorld;

beforeEach(async () => {
  world = await startProvisionedWorld();
});

afterEach(() => world.close());

async function actions(...[options]: Parameters<ProvisionedWorld["plan"]>): Promise<string[]> {
  return (await world.plan(options)).flatMap((part) => part.actions.map(({ what }) => what));
}

/** Everything that provisioning may make or change, of everybody. */
async function everythingOfOthers(): Promise<string> {
  const sets = ["serviceendpoints", "sdkmessageprocessingsteps", "sdkmessageprocessingstepimages", "roles"];
  const rows = await Promise.all(
    [...sets, "publishers", "solutions", "systemusers"].map((set) => world.rows(`${set}?$orderby=createdon`)),
  );
  return JSON.stringify(rows);
}

async function privilegesOf(roleId: string): Promise<Record<string, string>> {
  const answer = await world.administrator.json({
    operation: "look",
    path: `RetrieveRolePrivilegesRole(RoleId=${roleId})`,
  });
  const { RolePrivileges } = answer as { RolePrivileges: { PrivilegeName: string; Depth: string }[] };
  return Object.fromEntries(RolePrivileges.map(({ PrivilegeName, Depth }) => [PrivilegeName, Depth]));
}

/** Somebody else's endpoint with a step and its image, and a role. */
async function somethingOfOthers(): Promise<void> {
  const other = await startOther();
  await world.call("POST", "roles", {
    name: "Sales of somebody else",
    "businessunitid@odata.bind": `/businessunits(${other.unit})`,
  });
  const [theirs] = await world.rows("roles?$filter=name eq 'Sales of somebody else'");
  const body = { Privileges: [{ PrivilegeId: privilegeId("prvReadContact"), Depth: "Local" }] };
  await world.call("POST", `roles(${theirs?.roleid})/Microsoft.Dynamics.CRM.AddPrivilegesRole`, body);
}

async function startOther(): Promise<{ unit: string }> {
  await world.apply({
    args: ["--name", "other-app", "--url", "https://other.example.com/api/notices"],
    settings: egressOf(),
  });
  const [unit] = await world.rows("businessunits?$select=businessunitid");
  return { unit: String(unit?.businessunitid) };
}

const stepOf = async (name: string): Promise<string> => {
  const [step] = await world.rows(`sdkmessageprocessingsteps?$filter=name eq '${name}'`);
  return `sdkmessageprocessingsteps(${step?.sdkmessageprocessingstepid})`;
};
const imageOf = async (name: string): Promise<string> => {
  const id = /\((.*)\)/.exec(await stepOf(name))?.[1];
  const [image] = await world.rows(`sdkmessageprocessingstepimages?$filter=_sdkmessageprocessingstepid_value eq ${id}`);
  return `sdkmessageprocessingstepimages(${image?.sdkmessageprocessingstepimageid})`;
};
const roleAction = (action: string): string => `roles(${role.id})/Microsoft.Dynamics.CRM.${action}`;

describe("provisioning Dynamics", () => {
  it("plans all of it with reasons, and changes nothing by planning", async () => {
    const first = await world.lines();
    await world.forgetRequests();
    const second = await world.lines();

    expect(first).toEqual(second);
    expect((await world.requests()).filter((request) => !request.startsWith("GET"))).toEqual([]);
    expect(first).toEqual(
      expect.arrayContaining([
        "  + create webhook acs-sync to https://app.example.com/api/ingress-webhook",
        "  + create step acs-sync-bus: Update of contact",
        "  + create activity table acs_emailclick",
        "  + create role Campaign sync (acs-sync) in the root business unit",
        "      + prvReadContact (organization): the sweep, loads and fresh reads of a mapped table; the contact of an event is looked up, and the one it was merged into",
        `  ~ give role Campaign sync (acs-sync) to the application user ${appUser.clientId}`,
      ]),
    );
    expect(first.some((line) => line.startsWith("warning: the application user has other roles too"))).toBe(true);
  });

  it("makes all of it, has nothing left to do then, and writes nothing when it is applied again", async () => {
    await world.apply();
    await world.forgetRequests();

    await world.apply();

    expect(await actions()).toEqual([]);
    expect((await world.requests()).filter((request) => !request.startsWith("GET"))).toEqual([]);
    expect((await world.lines()).find((line) => line.startsWith("nothing to do"))).toMatch(
      /to create: 0, to change: 0/,
    );
  });

  it.each<[string, () => Promise<void>, RegExp]>([
    [
      "a step's filter was changed",
      async () => world.call("PATCH", await stepOf("acs-sync: Update of contact"), { filteringattributes: "fax" }),
      /^change the filtering attributes of step acs-sync: Update/,
    ],
    [
      "a step was disabled",
      async () => world.call("PATCH", await stepOf("acs-sync: Delete of contact"), { statecode: 1, statuscode: 2 }),
      /^enable step acs-sync: Delete/,
    ],
    [
      "a step leaves its jobs lying about",
      async () => world.call("PATCH", await stepOf("acs-sync: Create of contact"), { asyncautodelete: false }),
      /^change rank and clean-up of step acs-sync: Create/,
    ],
    [
      "a step listens to another table",
      async () => {
        const named = "sdkmessageid/name eq 'Delete' and primaryobjecttypecode eq 'account'";
        const [other] = await world.rows(`sdkmessagefilters?$filter=${named}`);
        const filter = { "sdkmessagefilterid@odata.bind": `/sdkmessagefilters(${other?.sdkmessagefilterid})` };
        await world.call("PATCH", await stepOf("acs-sync: Delete of contact"), filter);
      },
      /^remove step acs-sync: Delete of contact, which is there twice or runs in the wrong place/,
    ],
    [
      "a step was deleted",
      async () => world.call("DELETE", await stepOf("acs-sync-bus: Create of contact")),
      /^create step acs-sync-bus: Create/,
    ],
    [
      "an image was deleted",
      async () => world.call("DELETE", await imageOf("acs-sync: Create of contact")),
      /^create the image of step acs-sync: Create/,
    ],
    [
      "an image has other columns",
      async () => world.call("PATCH", await imageOf("acs-sync: Update of contact"), { attributes: "fax" }),
      /^change the image of step acs-sync: Update/,
    ],
    [
      "an image was added",
      async () => {
        const id = await stepOf("acs-sync: Delete of contact");
        const image = {
          name: "mine",
          entityalias: "mine",
          imagetype: 0,
          messagepropertyname: "Target",
          attributes: "fax",
        };
        const bind = { "sdkmessageprocessingstepid@odata.bind": `/${id}` };
        await world.call("POST", "sdkmessageprocessingstepimages", { ...image, ...bind });
      },
      /^remove image mine of step acs-sync: Delete/,
    ],
    [
      "an endpoint posts elsewhere",
      async () => {
        const [endpoint] = await world.rows("serviceendpoints?$filter=name eq 'acs-sync'");
        await world.call("PATCH", `serviceendpoints(${endpoint?.serviceendpointid})`, {
          url: "https://x.example.com/",
        });
      },
      /^write the key of webhook acs-sync, and point it to/,
    ],
    [
      "a privilege was taken from the role",
      () => world.call("POST", roleAction("RemovePrivilegeRole"), { PrivilegeId: privilegeId("prvReadContact") }),
      /^give role Campaign sync \(acs-sync\) exactly its/,
    ],
    [
      "a privilege was added to the role",
      () =>
        world.call("POST", roleAction("AddPrivilegesRole"), {
          Privileges: [{ PrivilegeId: privilegeId("prvDeleteContact"), Depth: "Global" }],
        }),
      /^give role Campaign sync \(acs-sync\) exactly its/,
    ],
    [
      "a privilege of the role got another depth",
      async () => {
        await world.call("POST", roleAction("RemovePrivilegeRole"), { PrivilegeId: privilegeId("prvReadContact") });
        await world.call("POST", roleAction("AddPrivilegesRole"), {
          Privileges: [{ PrivilegeId: privilegeId("prvReadContact"), Depth: "Local" }],
        });
      },
      /^give role Campaign sync \(acs-sync\) exactly its/,
    ],
    [
      "the role was renamed",
      () => world.call("PATCH", `roles(${role.id})`, { name: "Something else" }),
      /^rename role Something else to Campaign sync/,
    ],
    [
      "the role was taken from the application user",
      () => world.call("DELETE", `systemusers(${appUser.userId})/systemuserroles_association(${role.id})/$ref`),
      /^give role Campaign sync \(acs-sync\) to the application user/,
    ],
    ["the role was deleted", () => world.call("DELETE", `roles(${role.id})`), /^create role Campaign sync/],
    [
      "a column of an activity table was deleted",
      () =>
        world.call(
          "DELETE",
          `EntityDefinitions(LogicalName='${clicks.name}')/Attributes(LogicalName='${clicks.columns.trackingUrl}')`,
        ),
      /^create column acs_trackingurl of acs_emailclick/,
    ],
    [
      "an activity table was deleted",
      () => world.call("DELETE", `EntityDefinitions(LogicalName='${clicks.name}')`),
      /^create activity table acs_emailclick/,
    ],
  ])("finds that %s, and mends it", async (_what, change, expected) => {
    await world.apply();

    await change();
    const planned = await actions();
    await world.apply();

    expect(planned).toContainEqual(expect.stringMatching(expected));
    expect(await actions()).toEqual([]);
  });

  it("switches change tracking on where it is off, and only there", async () => {
    const settings = egressOf();
    const before = await actions({ mappings: [contacts, tasks], settings, args: [] });
    await world.apply({ mappings: [contacts, tasks], settings, args: [] });

    expect(before).toEqual(["switch change tracking on for task (it cannot be switched off again)"]);
    expect(await actions({ mappings: [contacts, tasks], settings, args: [] })).toEqual([]);
  });

  it("touches nothing of others, neither when it makes nor when it takes away", async () => {
    await somethingOfOthers();
    const [before, theirs] = [await everythingOfOthers(), await world.rows("roles?$filter=ismanaged eq false")];
    const theirPrivileges = await privilegesOf(String(theirs[0]?.roleid));

    await world.apply({ settings: egressOf() });
    await world.remove();

    expect(await everythingOfOthers()).toBe(before);
    expect(await privilegesOf(String(theirs[0]?.roleid))).toEqual(theirPrivileges);
  });

  it("takes away one door, or the role, when only that is asked for, and deletes only the tables that are named", async () => {
    await world.apply();
    await world.remove("--only", "role");
    const withoutRole = await actions();
    await world.apply();
    await world.remove("--table", "acs_emailopen");

    const tables = await world.rows("EntityDefinitions?$select=LogicalName&$filter=IsCustomEntity eq true");

    expect(withoutRole).toEqual([
      expect.stringMatching(/^create role/),
      expect.stringMatching(/^give role .* exactly/),
      expect.stringMatching(/^give role .* to the application user/),
    ]);
    expect(tables.map(({ LogicalName }) => LogicalName)).not.toContain("acs_emailopen");
    expect(tables.map(({ LogicalName }) => LogicalName)).toContain("acs_emailclick");
    expect(await world.rows("serviceendpoints?$filter=startswith(name,'acs-sync')")).toEqual([]);
  });

  it("removes nothing the second time", async () => {
    await world.apply();
    await world.remove();
    await world.forgetRequests();

    await world.remove();

    expect((await world.requests()).filter((request) => !request.startsWith("GET"))).toEqual([]);
  });

  it("gives the role of its own business unit to a user below the root", async () => {
    const [root] = await world.rows("businessunits?$select=businessunitid");
    const bind = { "parentbusinessunitid@odata.bind": `/businessunits(${root?.businessunitid})` };
    await world.call("POST", "businessunits", { name: "Below", ...bind });
    const [below] = await world.rows("businessunits?$filter=name eq 'Below'");
    const move = { "businessunitid@odata.bind": `/businessunits(${below?.businessunitid})` };
    await world.call("PATCH", `systemusers(${appUser.userId})`, move);

    await world.apply();

    const roles = await world.rows(
      `systemusers(${appUser.userId})/systemuserroles_association?$select=roleid,_parentrootroleid_value`,
    );
    expect(roles.map(({ _parentrootroleid_value: id }) => id)).toContain(role.id);
    expect(roles.map(({ roleid }) => roleid)).not.toContain(role.id);
    expect(await actions()).toEqual([]);
    await world.remove();
    expect(await world.rows(`roles?$filter=name eq '${role.name}'`)).toEqual([]);
  });

  it("stops before it begins when there is no such application user, or a role of the name is not ours", async () => {
    const [unit] = await world.rows("businessunits?$select=businessunitid");
    const body = { name: role.name, "businessunitid@odata.bind": `/businessunits(${unit?.businessunitid})` };
    await world.call("POST", "roles", body);
    const parts = await world.plan({ args: ["--app-user", "11111111-2222-4333-8444-555555555555"] });
    await world.forgetRequests();

    const applying = applyEnvironment(parts, () => {});

    await expect(applying).rejects.toThrow(/no application user with client id 11111111/);
    await expect(applyEnvironment(parts, () => {})).rejects.toThrow(
      /role called Campaign sync \(acs-sync\) that is not ours/,
    );
    expect((await world.requests()).filter((request) => !request.startsWith("GET"))).toEqual([]);
  });

  it("leaves what it is not asked for, and says so", async () => {
    await world.apply();

    const lines = await world.lines({ args: [] });

    expect(lines.filter((line) => line.startsWith("warning:"))).toEqual([
      expect.stringMatching(/^warning: no door is asked for/),
      expect.stringMatching(/^warning: no role is asked for/),
    ]);
    expect(await actions({ args: [] })).toEqual([]);
  });

  it("leaves out of the role what no documentation confirms, when asked to", async () => {
    await world.apply({ args: ["--app-user", appUser.clientId, "--only-confirmed"] });

    expect(Object.keys(await privilegesOf(role.id)).sort()).toEqual([
      "prvAppendActivity",
      "prvAppendToContact",
      "prvCreateActivity",
      "prvReadActivity",
      "prvReadContact",
      "prvWriteActivity",
    ]);
  });

  it.each([
    [["--url"], /usage/],
    [["--bus-namespace", "sb://contoso.servicebus.windows.net/"], /usage/],
    [["--app-user", "my-app"], /--app-user takes the client id/],
    [["--only", "everything"], /usage/],
    [["--create-image", "Row"], /usage/],
    [["file.json"], /usage/],
  ])("refuses the options %j", (args, message) => {
    expect(() => optionsOf(...args)).toThrow(message);
  });

  it("makes no activity tables unless events are on or a flag asks", async () => {
    const made = async (args: string[]): Promise<boolean> =>
      (await actions({ args, settings: egressOf() })).some((what) => what.startsWith("create activity table"));

    expect([await made([]), await made(["--activities"])]).toEqual([false, true]);
  });
});

describe("provisioning that is killed", () => {
  /** Runs it again and again, killed one request later each time, from the first write on, and then once more alive. */
  async function killedEverywhere(run: () => Promise<void>, fresh: () => Promise<void>, check: () => Promise<void>) {
    await fresh();
    await world.forgetRequests();
    await run();
    const asked = (await world.requests()).reverse();
    const firstWrite = asked.findIndex((request) => !request.startsWith("GET"));
    for (let count = firstWrite + 1; count <= asked.length; count += 1) {
      await fresh();
      world.killAfter(count);
      await expect(run(), `request ${count}`).rejects.toThrow(Killed);
      world.killAfter(undefined);

      await run();

      await check();
    }
    return asked.length - firstWrite;
  }

  it("ends right when it is run again, whichever request it was killed after", { timeout: 180_000 }, async () => {
    const fresh = () => world.sim("reset", {});

    const kills = await killedEverywhere(world.apply, fresh, async () => expect(await actions()).toEqual([]));

    expect(kills).toBeGreaterThan(60);
  });

  it("takes all away when removing is run again, whichever request it was killed after", {
    timeout: 60_000,
  }, async () => {
    const before = await everythingOfOthers();
    const gone = async () => expect(await everythingOfOthers()).toBe(before);
    const applied = () => world.apply({ settings: egressOf() });

    const kills = await killedEverywhere(() => world.remove(), applied, gone);

    expect(kills).toBeGreaterThan(3);
  });
});
