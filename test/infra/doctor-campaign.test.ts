import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { canaryEmail, canaryKey } from "../../infra/doctor/campaign/canary.js";
import { defaultInstance } from "../../infra/local/campaign/model/default-instance.js";
import { makeKeyPair } from "../../infra/local/sftp/keys.js";
import { startSftpServer } from "../../infra/local/sftp/start-sftp-server.js";
import { type Asked, type DoctorWorld, seenBy, startDoctorWorld, troubles } from "../support/doctor-world.js";
import { aField, aMappingDocument } from "../support/mappings.js";

let world: DoctorWorld;

beforeAll(async () => {
  world = await startDoctorWorld();
});
afterAll(() => world?.close());
afterEach(async () => {
  await world.sim("campaign", "reset", {});
  await world.sim("campaign", "settings", { extApiPublished: true, rateLimit: null });
});

const diagnose = (asked: Asked = {}, of = world) => of.diagnose({ only: "campaign", ...asked });
const plain = aField({ maxLength: 50, misfit: "truncate" });
const events = { EGRESS_TYPES: "send,open" };
const optOuts = { direction: "both", attributes: { email: "donotemail" } };
const columns = { contactid: "id", lastname: "string", donotemail: "boolean" };
const withOptOuts = () => world.files([aMappingDocument([plain], { columns, optOuts })]);

describe("the doctor in Campaign", () => {
  it("finds nothing wrong with a sound instance, and asks all that is in use", async () => {
    await world.sim("campaign", "seed", {
      resource: "profile",
      records: [{ externalId: "c-1", lastName: "Abendrot" }],
    });

    const found = await diagnose({ settings: events, mappings: withOptOuts(), canary: true });

    expect(troubles(found)).toEqual([]);
    expect([...found].filter(([, { verdict }]) => verdict === "skipped").map(([name]) => name)).toEqual([
      "campaign: sftp",
    ]);
  });

  it("only reads without --canary", async () => {
    await world.forgetRequests("campaign");

    const found = await diagnose({ settings: events });

    expect(await world.writes("campaign")).toEqual([]);
    expect(seenBy(found, "campaign: unique-key")).toMatch(/^skipped: .*--canary/);
  });

  it("names the settings of the sign-in when the secret is wrong", async () => {
    const found = await diagnose({ settings: { CAMPAIGN_CLIENT_SECRET: "old" } });

    expect(troubles(found)).toEqual([expect.stringMatching(/^fail: ims refused .*CAMPAIGN_CLIENT_SECRET/)]);
  });

  it("warns of scopes that are not asked for", async () => {
    const found = await diagnose({ settings: { CAMPAIGN_SCOPES: "openid,AdobeID" } });

    expect(troubles(found)).toEqual([expect.stringMatching(/^warn: not asked for: campaign_sdk/)]);
  });

  it.each([
    ["globex", /403023.*product profile/],
    ["initech", /CAMPAIGN_TENANT \(initech\)/],
    ["umbrella", /CAMPAIGN_TENANT \(umbrella\)/],
  ])("says what to do when the gateway does not let us into %s, and asks nothing more", async (tenant, said) => {
    const found = await diagnose({ settings: { CAMPAIGN_TENANT: tenant, CAMPAIGN_CALL_SECONDS: "1" } });

    expect(troubles(found)).toEqual([expect.stringMatching(said)]);
    expect(seenBy(found, "campaign: resources")).toBe("skipped: not asked: api-access comes first");
  });

  it("says how to publish the Ext API when it was never made", async () => {
    await world.sim("campaign", "settings", { extApiPublished: false });

    const found = await diagnose();

    expect(troubles(found, "campaign: ext-api")).toEqual([
      expect.stringMatching(
        /^fail: the API profileAndServicesExt does not answer → .*Create the Profiles & Services Ext API/,
      ),
    ]);
  });

  it("names resources, keys and fields that are missing or read-only, and warns of a length that differs", async () => {
    const fields = [
      aField({ maxLength: 80, misfit: "truncate" }),
      aField({ source: { column: "firstname" }, target: "cusShoe" }),
      aField({ source: { column: "gendercode" }, target: "age", type: "integer" }),
    ];
    const contact = aMappingDocument(fields, { key: { field: "cusId", address: { by: "uri" } } });
    const account = aMappingDocument([aField({ source: { column: "name" }, target: "name" })], {
      ...{ table: { name: "account", set: "accounts", id: "accountid" } },
      ...{ resource: { api: "customResources", name: "cusCompany" }, columns: { accountid: "id", name: "string" } },
    });

    const found = await diagnose({ mappings: world.files([contact, account]) });

    expect(troubles(found, "campaign: resources")).toEqual([
      expect.stringMatching(/^fail: key.field: .*no field cusId/),
      expect.stringMatching(/^warn: fields\[0\].maxLength: .*50 characters/),
      expect.stringMatching(/^fail: fields\[1\].target: .*no field cusShoe/),
      expect.stringMatching(/^fail: fields\[2\].target: age is read-only/),
      expect.stringMatching(/^fail: resource.name: Campaign has no resource cusCompany under customResources/),
    ]);
    expect(troubles(found, "campaign: ext-api")).toEqual([expect.stringMatching(/customResources does not answer/)]);
  });

  it.each([
    ["a filter that is not there", { by: "filter", filter: "Key", parameter: "externalId" }, /byKey|404/],
    ["a parameter of another name", { by: "filter", filter: "ExternalId", parameter: "id" }, /parameter id/],
  ])("names %s as the way to a record", async (_what, address, said) => {
    const mappings = world.files([aMappingDocument([plain], { key: { field: "externalId", address } })]);

    const found = await diagnose({ mappings });

    expect(troubles(found, "campaign: key-address")).toEqual([expect.stringMatching(said)]);
  });

  it("names a filter that finds somebody for a key that nobody has", async () => {
    const address = { by: "filter", filter: "ExternalId", parameter: "id" };
    const mappings = world.files([aMappingDocument([plain], { key: { field: "externalId", address } })]);
    await world.sim("campaign", "settings", { missingParameter: "ignore" });
    await world.sim("campaign", "seed", { resource: "profile", records: [{ externalId: "c-1" }] });

    const found = await diagnose({ mappings });
    await world.sim("campaign", "settings", { missingParameter: "refuse" });

    expect(troubles(found)).toEqual([
      expect.stringMatching(/^fail: profile by filter .*another.* → Its rule must be externalId/),
    ]);
  });

  it("notices times that are not UTC", async () => {
    await world.sim("campaign", "clock", { skewMs: 2 * 3_600_000 });
    await world.sim("campaign", "seed", { resource: "profile", records: [{ externalId: "c-1" }] });
    await world.sim("campaign", "clock", { skewMs: 0 });

    expect(troubles(await diagnose())).toEqual([
      expect.stringMatching(/^fail: the profile that changed last did so at .*1(19|20) minutes from now/),
    ]);
  });

  it("warns when Campaign lets us wait for a single call", async () => {
    await world.sim("campaign", "faults", {
      on: "GET **/resourceType/profile",
      after: 3,
      times: 1,
      answer: { status: 429 },
    });

    const found = await diagnose();

    expect(troubles(found)).toEqual([expect.stringMatching(/^warn: Campaign let us wait.*CAMPAIGN_RATE_CALLS/)]);
  });
});

describe("the doctor on events and opt-outs", () => {
  it("names a workflow that stopped, one that is not there, and a filter that is not there", async () => {
    const { access_token } = (await (
      await fetch(`${world.environment.CAMPAIGN_URL}/ims/token/v3`, {
        method: "POST",
        body: new URLSearchParams({
          ...{ grant_type: "client_credentials", client_id: "local-client", client_secret: "local-secret" },
          scope: "openid",
        }),
      })
    ).json()) as { access_token: string };
    await fetch(`${world.environment.CAMPAIGN_URL}/acme/campaign/workflow/execution/stageEmailEvents/commands`, {
      method: "POST",
      headers: { authorization: `Bearer ${access_token}`, "x-api-key": "local-client" },
      body: JSON.stringify({ method: "stop" }),
    });
    const settings = { ...events, EVENTS_WORKFLOWS: "stageEmailEvents,WKF7", EVENTS_FILTER: "ChangedSince" };
    await world.sim("campaign", "events", [{ type: "send", externalId: "c-1" }]);

    const found = await diagnose({ settings });

    const said = troubles(found, "campaign: events").join("\n");
    expect(said).toMatch(/fail: staging-stopped: the workflow stageEmailEvents is stopped/);
    expect(said).toMatch(/fail: workflow-missing: .*WKF7/);
  });

  it("names a filter of events that is not there", async () => {
    await world.sim("campaign", "events", [{ type: "send", externalId: "c-1" }]);

    const found = await diagnose({ settings: { ...events, EVENTS_FILTER: "ChangedSince" } });

    expect(troubles(found)).toEqual([expect.stringMatching(/^fail: filter-missing: .*egress, step 3/)]);
  });

  it("warns when nobody would notice that the workflows stop", async () => {
    const found = await diagnose({ settings: { ...events, EVENTS_WORKFLOWS: "" } });

    expect(troubles(found)).toEqual([expect.stringMatching(/^warn: nobody notices .*EVENTS_WORKFLOWS/)]);
  });

  it("names columns that the staged events lack, and a resource that is not there", async () => {
    const columns = await diagnose({ settings: { ...events, EVENTS_FIELDS: '{"contactKey":"crmId"}' } });
    const resource = await diagnose({ settings: { ...events, EVENTS_RESOURCE: "cusMailEvent" } });

    expect(troubles(columns, "campaign: event-columns")).toEqual([
      expect.stringMatching(/^fail: cusEmailEvent has no crmId/),
    ]);
    expect(troubles(resource, "campaign: event-columns")).toEqual([
      expect.stringMatching(/^fail: Campaign has no resource cusMailEvent under profileAndServicesExt/),
    ]);
  });

  it("names an opt-out attribute that the resource does not show, and a filter for them that is not there", async () => {
    const resource = { api: "profileAndServicesExt", name: "cusEmailEvent" };
    const key = { field: "eventId", address: { by: "uri" } };
    const fields = [aField({ target: "campaignName" })];
    const elsewhere = world.files([aMappingDocument(fields, { columns, optOuts, resource, key })]);

    const attribute = await diagnose({ mappings: elsewhere });
    const filter = await diagnose({ mappings: withOptOuts(), settings: { OPTOUT_FILTER: "OptOuts" } });

    expect(troubles(attribute, "campaign: opt-out-attributes")).toEqual([
      expect.stringMatching(/^fail: optOuts.attributes.email: .*no opt-out email/),
    ]);
    expect(troubles(filter)).toEqual([expect.stringMatching(/^fail: .*OptOuts.*opt-outs, step 1/)]);
  });
});

describe("the doctor's canary", () => {
  const noKey = { ...defaultInstance, extend: { profile: { filters: defaultInstance.extend.profile?.filters ?? [] } } };
  const byFilter = { field: "externalId", address: { by: "filter", filter: "ExternalId", parameter: "externalId" } };
  const canary = { canary: true };

  it("shows that the key is unique, opted out of everything, and leaves nothing behind", async () => {
    await world.forgetRequests("campaign");

    const found = await diagnose(canary);

    expect(seenBy(found, "campaign: unique-key")).toBe(
      "ok: profile: a second record with the same externalId was refused",
    );
    expect(await world.state("campaign", "profile")).toEqual([]);
    expect((await world.writes("campaign")).map((write) => write.split(" ")[0])).toEqual(["POST", "POST", "DELETE"]);
  });

  it("is opted out of everything while it is there", async () => {
    await world.sim("campaign", "faults", { on: "DELETE **", answer: { status: 503 } });

    const found = await diagnose({ ...canary, settings: { CAMPAIGN_CALL_SECONDS: "1" } });

    const [left] = (await world.state("campaign", "profile")) as { record: Record<string, unknown> }[];
    const choices = Object.entries(left?.record ?? {}).filter(([, value]) => typeof value === "boolean");
    expect(choices.filter(([name]) => /^(blackList|ccpaOptOut)/.test(name)).map(([, value]) => value)).toEqual(
      Array.from({ length: 8 }, () => true),
    );
    expect(troubles(found, "campaign: unique-key")).toEqual([
      expect.stringMatching(new RegExp(`^fail: .*could not be removed.*delete profile with key ${canaryKey}`)),
    ]);
  });

  it("removes what a killed run left, and nobody else's profile", async () => {
    const records = [
      { externalId: canaryKey, email: canaryEmail },
      { externalId: "c-1", email: canaryEmail },
    ];
    await world.sim("campaign", "seed", { resource: "profile", records });

    const found = await diagnose(canary);

    expect(seenBy(found, "campaign: unique-key")).toMatch(/^ok/);
    expect(await world.state("campaign", "profile")).toEqual([expect.objectContaining({ key: "c-1" })]);
  });

  it("is removed though the answer to its second record is lost", async () => {
    await world.sim("campaign", "faults", { on: "POST **/profile", after: 1, lost: true });

    await diagnose({ ...canary, settings: { CAMPAIGN_CALL_SECONDS: "1" } });

    expect(await world.state("campaign", "profile")).toEqual([]);
  });

  it("shows a key that is not unique, and removes both records", async () => {
    const doubtful = await startDoctorWorld(noKey);

    const byKey = await diagnose(canary, doubtful);
    const throughFilter = await diagnose(
      { ...canary, mappings: doubtful.files([aMappingDocument([plain], { key: byFilter })]) },
      doubtful,
    );
    const left = await doubtful.state("campaign", "profile");
    await doubtful.close();

    expect(troubles(byKey, "campaign: unique-key")).toEqual([
      expect.stringMatching(
        /^fail: profile: a new record is not found by its key, externalId → Make an identification key/,
      ),
    ]);
    expect(troubles(throughFilter)).toEqual([
      expect.stringMatching(/^fail: profile took two records with the same externalId: the key is not unique/),
    ]);
    expect(left).toEqual([]);
  });

  it("tries the key of a custom resource, too", async () => {
    const document = aMappingDocument([aField({ target: "campaignName" })], {
      resource: { api: "profileAndServicesExt", name: "cusEmailEvent" },
      key: { field: "eventId", address: { by: "uri" } },
    });

    const found = await diagnose({ ...canary, mappings: world.files([document]) });

    expect(seenBy(found, "campaign: unique-key")).toBe(
      "ok: cusEmailEvent: a second record with the same eventId was refused",
    );
    expect(await world.state("campaign", "cusEmailEvent")).toEqual([]);
  });
});

describe("the doctor on files", () => {
  it("shows login, pinned host key and folder, and says what is wrong with each", async () => {
    const key = makeKeyPair();
    const root = mkdtempSync(join(tmpdir(), "doctor-sftp-"));
    mkdirSync(join(root, "d365_loads/events"), { recursive: true });
    writeFileSync(join(root, "d365_loads/events/delivery_logs_1.csv"), "eventId\n");
    const server = await startSftpServer({ port: 0, root, users: [{ name: "campaign", publicKey: key.public }] });
    const settings = {
      EVENTS_SOURCE: "files",
      CAMPAIGN_SFTP_HOST: `127.0.0.1:${server.port}`,
      CAMPAIGN_SFTP_USER: "campaign",
      CAMPAIGN_SFTP_KEY: key.private,
      CAMPAIGN_SFTP_HOST_KEY: server.hostKeyFingerprint,
    };
    const seen = async (changes: Record<string, string>) =>
      (await diagnose({ settings: { ...settings, ...changes } })).get("campaign: sftp")?.findings[0];

    const sound = await seen({});
    const wrong = [
      await seen({ CAMPAIGN_SFTP_USER: "nobody" }),
      await seen({ CAMPAIGN_SFTP_HOST_KEY: `SHA256:${"A".repeat(43)}` }),
      await seen({ EVENTS_FILES: "elsewhere/*.csv" }),
    ];
    await server.close();
    rmSync(root, { recursive: true });

    expect(sound).toEqual({ verdict: "ok", seen: "events: 127.0.0.1 lets us in, 1 files wait in d365_loads/events" });
    expect(wrong).toEqual([
      expect.objectContaining({ verdict: "fail", fix: expect.stringContaining("CAMPAIGN_SFTP_USER") }),
      expect.objectContaining({
        verdict: "fail",
        seen: expect.stringContaining("not the one in CAMPAIGN_SFTP_HOST_KEY"),
      }),
      expect.objectContaining({ verdict: "fail", fix: expect.stringContaining("folder that EVENTS_FILES names") }),
    ]);
  });
});
