import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { busNameOf } from "../../infra/dataverse/desired.js";
import { applyRegistration, planRegistration } from "../../infra/dataverse/provision.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { eventually } from "../../infra/local/people.js";
import { defineAcmeTables } from "../../infra/local/scenarios/acme/dynamics-tables.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { acmeDocuments } from "../support/acme-tables.js";
import {
  type Asked,
  type DoctorWorld,
  seenBy,
  soundWebhook,
  startDoctorWorld,
  troubles,
} from "../support/doctor-world.js";
import { startHttpServer } from "../support/http-server.js";
import { aField, aMappingDocument } from "../support/mappings.js";

let world: DoctorWorld;

beforeAll(async () => {
  world = await startDoctorWorld();
});
afterAll(() => world?.close());
beforeEach(() => world.provision());
afterEach(() => world.sim("dataverse", "reset", {}));

const { url } = soundWebhook;
const diagnose = (asked: Asked = {}) => world.diagnose({ only: "dynamics", ...asked });
const change = (method: "POST" | "PATCH" | "DELETE", path: string, body?: Record<string, unknown>) =>
  world.administrator.call({ operation: "change by hand", method, path, ...(body && { body }) });
async function rows(path: string): Promise<Record<string, unknown>[]> {
  return ((await world.administrator.json({ operation: "look", path })) as { value: Record<string, unknown>[] }).value;
}
async function theStep(message: string): Promise<Record<string, unknown>> {
  const [step] = await rows(`sdkmessageprocessingsteps?$filter=name eq 'acs-sync: ${message} of contact'`);
  return step ?? {};
}
const addressOf = ({ sdkmessageprocessingstepid: id }: Record<string, unknown>) => `sdkmessageprocessingsteps(${id})`;

describe("the doctor in Dynamics", () => {
  it("finds nothing wrong with a sound environment", async () => {
    const found = await diagnose();

    expect(troubles(found)).toEqual([]);
    expect(seenBy(found, "dynamics: registration")).toContain(`ok: webhook acs-sync to ${url}`);
    expect(seenBy(found, "dynamics: steps")).toBe("ok: 4 steps are at work");
  });

  it("only reads", async () => {
    await world.forgetRequests("dataverse");

    await diagnose();

    expect(await world.writes("dataverse")).toEqual([]);
  });

  it("names the settings of the sign-in when the secret is wrong, and asks nothing more", async () => {
    const found = await diagnose({ settings: { DYNAMICS_CLIENT_SECRET: "old" } });

    expect(troubles(found)).toEqual([expect.stringMatching(/^fail: entra refused .*DYNAMICS_CLIENT_SECRET/)]);
    expect(seenBy(found, "dynamics: tables")).toBe("skipped: not asked: sign-in comes first");
  });

  it("names every setting that is missing for signing in, and no setting of the app or of Campaign", async () => {
    const found = await diagnose({ settings: { DYNAMICS_URL: "", DYNAMICS_CLIENT_ID: "", CAMPAIGN_TENANT: "" } });

    expect(troubles(found)).toHaveLength(2);
    expect(troubles(found).join()).toMatch(/DYNAMICS_URL is \w+.*DYNAMICS_CLIENT_ID is \w+/);
  });

  it("says what a user lacks that no application user belongs to", async () => {
    const stranger = {
      DYNAMICS_CLIENT_ID: "00000000-0000-4000-a000-000000000003",
      DYNAMICS_CLIENT_SECRET: "local-stranger-secret",
    };

    const found = await diagnose({ settings: stranger });

    expect(troubles(found)).toEqual([expect.stringMatching(/^fail: .*0x80072560.*application user/)]);
  });

  it("goes on with the other checks when one cannot be asked, and skips what the system does not do", async () => {
    await world.sim("dataverse", "faults", [
      { on: "GET **/organizations", answer: { status: 500, body: "" } },
      {
        on: "GET **/asyncoperations",
        answer: { status: 501, body: { error: { code: "", message: "not done here" } } },
      },
    ]);

    const found = await diagnose();

    expect(troubles(found)).toEqual([expect.stringMatching(/^fail: Dataverse answered 500 .*read the organisation/)]);
    expect(seenBy(found, "dynamics: system-jobs")).toMatch(/^skipped: cannot be asked here.*not done here/);
    expect(seenBy(found, "dynamics: audit")).toMatch(/^skipped: no mapping/);
  });

  it("notices a clock that is minutes off", async () => {
    const headers = { date: new Date(Date.now() - 3 * 60_000).toUTCString() };
    const body = { UserId: "u", OrganizationId: "o" };
    await world.sim("dataverse", "faults", { on: "GET **/WhoAmI", answer: { status: 200, headers, body } });

    const found = await diagnose();

    expect(troubles(found, "dynamics: clock")).toEqual([
      expect.stringMatching(/^warn: this clock and that of Dynamics are 1[78]\d s apart/),
    ]);
  });

  it("names columns and tables that a mapping has and Dynamics has not", async () => {
    const fields = [aField({ source: { column: "shoesize" }, target: "lastName" })];
    const [contact, other] = [
      aMappingDocument(fields, { columns: { contactid: "id", shoesize: "string" } }),
      { ...acmeDocuments()[0] },
    ];

    const found = await diagnose({ mappings: world.files([contact, other]) });

    const said = troubles(found, "dynamics: tables").join("\n");
    expect(said).toMatch(/fail: \[0\]\.columns\.shoesize is not a column of contact/);
    expect(said).toMatch(/fail: \[1\]\.table\.name Dynamics has no table acme_dealer/);
    expect(seenBy(found, "dynamics: registration")).toMatch(/^skipped: the mappings have problems/);
  });

  it("names a mapped table whose change tracking is off", async () => {
    await defineAcmeTables((method, path, body) => change(method, path, body).then(() => {}), []);

    const found = await diagnose({ mappings: world.files(acmeDocuments().slice(0, 1)) });

    expect(troubles(found, "dynamics: change-tracking")).toEqual([
      expect.stringMatching(/^fail: change tracking of acme_dealer is off: .*dataverse:apply/),
    ]);
  });
});

describe("the doctor on the app's user", () => {
  it("names a privilege that its role lacks", async () => {
    const [role] = await rows("roles?$filter=startswith(name,'Campaign sync')&$select=roleid");
    const [contact] = await rows("privileges?$filter=name eq 'prvReadContact'&$select=privilegeid,name");
    const body = { PrivilegeId: contact?.privilegeid };
    await change("POST", `roles(${role?.roleid})/Microsoft.Dynamics.CRM.RemovePrivilegeRole`, body);

    expect(troubles(await diagnose())).toEqual([
      expect.stringMatching(/^fail: the user lacks prvReadContact, depth Global \(.*sweep.*dataverse:apply/),
    ]);
  });

  it("names what events will need that the role does not hold yet", async () => {
    const found = await diagnose({ settings: { EGRESS_TYPES: "send" } });

    expect(troubles(found, "dynamics: privileges").join()).toMatch(
      /fail: the user lacks prvCreateActivity, depth Basic/,
    );
  });

  it("warns when it is System Administrator", async () => {
    const found = await diagnose({ clientId: LOCAL_APPS.editor.clientId });

    expect(troubles(found)).toEqual([expect.stringMatching(/^warn: the user is System Administrator/)]);
  });

  it("fails when there is no such application user", async () => {
    const found = await diagnose({ clientId: "00000000-0000-4000-a000-00000000000f" });

    expect(troubles(found, "dynamics: privileges")).toEqual([expect.stringMatching(/^fail: no application user has/)]);
  });

  it("skips, signed in as the app itself, what the app's role may not look at, and says so", async () => {
    const { clientId, clientSecret } = LOCAL_APPS.integration;

    const found = await diagnose({
      clientId: undefined,
      settings: { DYNAMICS_CLIENT_ID: clientId, DYNAMICS_CLIENT_SECRET: clientSecret },
    });

    expect(troubles(found)).toEqual([]);
    expect(seenBy(found, "dynamics: registration")).toMatch(
      /^skipped: whoever is signed in may not ask this.*administrator/,
    );
    expect(seenBy(found, "dynamics: tables")).toMatch(/^ok: contact/);
  });
});

describe("the doctor on the registration", () => {
  it("skips it while nothing is registered, and misses it once the app is there", async () => {
    const none = { name: "nobody" };

    expect(seenBy(await diagnose(none), "dynamics: registration")).toMatch(/^skipped: nothing is registered/);
    const found = await diagnose({ ...none, url: "https://app.example.com/api" });
    expect(troubles(found, "dynamics: registration")).toEqual([
      expect.stringContaining("dataverse:apply -- --url https://app.example.com/api/ingress-webhook"),
    ]);
  });

  it("names a step that is missing, columns that a step does not listen to, and an image that lacks some", async () => {
    await change("DELETE", addressOf(await theStep("Delete")));
    const update = await theStep("Update");
    await change("PATCH", addressOf(update), { filteringattributes: "lastname" });
    const [image] = await rows(
      `sdkmessageprocessingstepimages?$filter=_sdkmessageprocessingstepid_value eq ${update.sdkmessageprocessingstepid}`,
    );
    await change("PATCH", `sdkmessageprocessingstepimages(${image?.sdkmessageprocessingstepimageid})`, {
      attributes: "lastname",
    });

    const found = await diagnose();

    expect(troubles(found)).toEqual([
      expect.stringMatching(/^fail: .*change the filtering attributes of step acs-sync: Update of contact/),
      expect.stringMatching(/^fail: .*change the image of step acs-sync: Update of contact/),
      expect.stringMatching(/^fail: .*create step acs-sync: Delete of contact.*dataverse:apply/),
    ]);
  });

  it("names a webhook that leads to another app than the one at --url", async () => {
    const found = await diagnose({ url: "https://new.example.com/api" });

    expect(troubles(found)).toEqual([
      expect.stringMatching(/^fail: webhook acs-sync posts to https:\/\/app.* the app is at https:\/\/new.example.com/),
    ]);
  });

  it("names a webhook without a key", async () => {
    const [endpoint] = await rows("serviceendpoints?$filter=name eq 'acs-sync'");
    await change("PATCH", `serviceendpoints(${endpoint?.serviceendpointid})`, { authvalue: null });

    expect(troubles(await diagnose())).toEqual([expect.stringMatching(/^fail: webhook acs-sync holds no key/)]);
  });

  it("names another endpoint that posts to the same address, though its URL is spelled otherwise (B34)", async () => {
    await world.provision({ url: url.toUpperCase().replace("HTTPS", "https"), key: "key", name: "old-sync" });

    expect(troubles(await diagnose())).toEqual([
      expect.stringMatching(/^fail: endpoint old-sync \(.+\) posts to https:.* as well: changes come twice/),
    ]);
  });

  it("names a step that is there twice (B34)", async () => {
    const step = await theStep("Update");
    await change("POST", "sdkmessageprocessingsteps", {
      ...{ name: step.name, stage: 40, mode: 1, rank: 1, filteringattributes: step.filteringattributes },
      "eventhandler_serviceendpoint@odata.bind": `/serviceendpoints(${step._eventhandler_value})`,
      "sdkmessageid@odata.bind": `/sdkmessages(${step._sdkmessageid_value})`,
      "sdkmessagefilterid@odata.bind": `/sdkmessagefilters(${step._sdkmessagefilterid_value})`,
    });

    const found = await diagnose();

    expect(troubles(found, "dynamics: doubled-registrations")).toEqual([
      expect.stringMatching(/^fail: step acs-sync: Update of contact is there twice/),
    ]);
  });

  it("warns when changes come through both doors", async () => {
    const bus = {
      ...{ namespace: "sb://contoso.servicebus.windows.net/", queue: "dataverse-notices" },
      ...{ sasName: "dynamics", sasKey: "bG9jYWw=", name: busNameOf("acs-sync") },
    };
    const options = { client: world.administrator, bus, mappings: shippedMappings() };
    await applyRegistration(await planRegistration(options), () => {});

    const found = await diagnose();

    expect(troubles(found)).toEqual([
      expect.stringMatching(/^warn: changes come through the webhook and through the bus/),
    ]);
    expect(seenBy(found, "dynamics: registration")).toContain("sb://contoso.servicebus.windows.net/dataverse-notices");
  });

  it("names a step that is disabled, and one that makes people wait", async () => {
    await change("PATCH", addressOf(await theStep("Delete")), { statecode: 1, statuscode: 2 });
    await change("PATCH", addressOf(await theStep("Create")), { mode: 0 });

    expect(troubles(await diagnose(), "dynamics: steps").sort()).toEqual([
      expect.stringMatching(/^fail: step acs-sync: Create of contact runs inside the user's own transaction/),
      expect.stringMatching(/^fail: step acs-sync: Delete of contact is disabled/),
    ]);
  });

  it("counts notices that failed, with the latest error and what it means", async () => {
    const app = await startHttpServer((response) => response.writeHead(401).end());
    await world.provision({ ...soundWebhook, url: `${app.url}api/ingress-webhook` });
    await change("POST", "contacts", { lastname: "Abendrot" });
    await eventually(
      "a failed notice",
      async () => (((await world.state("dataverse", "webhooks")) as { failed: number }).failed > 0 ? true : undefined),
      { withinMs: 15_000, everyMs: 50 },
    );

    const found = await diagnose();
    await app.close();

    expect(troubles(found)).toEqual([
      expect.stringMatching(
        /^fail: 1 notices failed, the latest at .*0x80050201.* → The app answered with an error.*WEBHOOK_KEY/,
      ),
    ]);
  });
});

describe("the doctor on what is kept", () => {
  const keep = async (days: number) => {
    const [organization] = await rows("organizations?$select=organizationid");
    await change("PATCH", `organizations(${organization?.organizationid})`, { expirechangetrackingindays: days });
  };

  it("fails a sweep that pauses for as long as tokens live", async () => {
    const found = await diagnose({ settings: { SWEEP_SCHEDULE: "0 0 3 * * 1" } });

    expect(troubles(found)).toEqual([
      expect.stringMatching(/^fail: tokens end after 7 days, and SWEEP_SCHEDULE pauses for 7 days/),
    ]);
  });

  it("warns when a stop over a long week-end would cost full reads", async () => {
    await keep(2);

    expect(troubles(await diagnose())).toEqual([expect.stringMatching(/^warn: tokens end after 2 days/)]);
  });

  it("asks for auditing only where a mapping takes it as evidence, and names environment, table and columns where it is off", async () => {
    const optOuts = { direction: "both", attributes: { email: "donotemail", phone: "donotphone" }, evidence: "audit" };
    const columns = { contactid: "id", lastname: "string", donotemail: "boolean", donotphone: "boolean" };
    const mappings = world.files([aMappingDocument([aField()], { columns, optOuts })]);
    const flag = (Value: boolean) => ({
      Value,
      CanBeChanged: true,
      ManagedPropertyLogicalName: "canmodifyauditsettings",
    });
    // Bodies as Microsoft's page "Configure auditing" has them; the simulator does not imitate these settings.
    const answer = (body: unknown) => ({ status: 200, body });
    await world.sim("dataverse", "faults", [
      {
        on: "GET **/organizations?*isaudit*",
        answer: answer({ value: [{ isauditenabled: true, auditretentionperiodv2: 7 }] }),
      },
      {
        on: "GET **/EntityDefinitions(LogicalName='contact')?*IsAudit*",
        answer: answer({ IsAuditEnabled: flag(false) }),
      },
      {
        on: "GET **/Attributes?*IsAudit*",
        answer: answer({
          value: [
            { LogicalName: "donotemail", IsAuditEnabled: flag(true) },
            { LogicalName: "donotphone", IsAuditEnabled: flag(false) },
          ],
        }),
      },
    ]);

    const found = await diagnose({ mappings });

    expect(troubles(found, "dynamics: audit")).toEqual([
      expect.stringMatching(/^warn: audit history is kept for 7 days/),
      expect.stringMatching(/^fail: auditing is off for the table contact/),
      expect.stringMatching(/^fail: auditing is off for contact.donotphone/),
    ]);
  });

  it("names the activity tables that are missing once events are wanted", async () => {
    const found = await diagnose({ settings: { EGRESS_TYPES: "send" } });

    expect(troubles(found, "dynamics: activity-tables")[0]).toMatch(
      /^fail: table acs_emailsend for events of type send is not there.*dataverse:plan -- --activities/,
    );
  });
});
