import { describe, expect, it } from "vitest";
import { SettingsError } from "../../../shared/errors.js";
import { loadSettings } from "../../../shared/settings/load.js";
import { type SettingDefinition, settingDefinitions } from "../../../shared/settings/schema.js";

const local: Record<string, string> = Object.fromEntries(
  Object.entries<SettingDefinition>(settingDefinitions).map(([name, { sample }]) => [name, sample]),
);
const azure: Record<string, string> = {
  DYNAMICS_URL: "https://contoso.crm4.dynamics.com",
  CAMPAIGN_TENANT: "contoso-mkt-stage1",
  CAMPAIGN_CLIENT_ID: "client",
  CAMPAIGN_CLIENT_SECRET: "planted-secret-value",
  SERVICEBUS__fullyQualifiedNamespace: "contoso.servicebus.windows.net",
  TABLES__tableServiceUri: "https://contoso.table.core.windows.net",
  FINGERPRINT_KEY: "0123456789abcdef",
};

const files: Record<string, string> = {
  EVENTS_SOURCE: "files",
  CAMPAIGN_SFTP_HOST: "contoso.campaign.adobe.com:2022",
  CAMPAIGN_SFTP_USER: "integration",
  CAMPAIGN_SFTP_KEY: "planted\\nsecret",
  CAMPAIGN_SFTP_HOST_KEY: `SHA256:${"A".repeat(43)}`,
};

function problemsOf(environment: Record<string, string>): readonly { setting: string; problem: string; fix: string }[] {
  try {
    loadSettings(environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe("loadSettings", () => {
  it("accepts the sample of the local runtime", () => {
    expect(loadSettings(local)).toMatchObject({ runtime: "local", lanes: 4, tables: { by: "connection-string" } });
  });

  it("accepts a deployment with identities and standard values", () => {
    expect(loadSettings(azure)).toMatchObject({
      runtime: "azure",
      dynamics: { auth: { by: "managed-identity" } },
      campaign: { callMs: 60_000 },
      serviceBus: { by: "identity", address: "contoso.servicebus.windows.net" },
    });
  });

  it("knows Campaign's rate only where it is set, per second unless a window is set", () => {
    const rateOf = (changes: Record<string, string>) => loadSettings({ ...azure, ...changes }).campaign.rate;

    expect(rateOf({})).toBeUndefined();
    expect(rateOf({ CAMPAIGN_RATE_CALLS: "5" })).toEqual({ calls: 5, windowMs: 1_000 });
    expect(rateOf({ CAMPAIGN_RATE_CALLS: "12", CAMPAIGN_RATE_SECONDS: "6" })).toEqual({ calls: 12, windowMs: 6_000 });
  });

  it("reads e-mail events over REST from the resource that the guide makes, unless told otherwise", () => {
    expect(loadSettings(azure).events).toEqual({
      from: {
        by: "rest",
        api: "profileAndServicesExt",
        resource: "cusEmailEvent",
        order: "lastModified",
        filter: { name: "ModifiedSince", parameter: "since", format: "space" },
      },
      fields: {},
      workflows: [],
    });
  });

  it("takes names of the events' resource, columns and workflows, and does without a filter", () => {
    const { events } = loadSettings({
      ...azure,
      EVENTS_API: "customResources",
      EVENTS_RESOURCE: "cusMailLog",
      EVENTS_FILTER: "none",
      EVENTS_FIELDS: '{"contactKey":"crmId","failureType":""}',
      EVENTS_WORKFLOWS: "WKF1, WKF2",
    });

    expect(events).toMatchObject({
      from: { api: "customResources", resource: "cusMailLog", filter: undefined },
      fields: { contactKey: "crmId", failureType: "" },
      workflows: ["WKF1", "WKF2"],
    });
  });

  it("reads events from files where it is told to, with a key written in one line", () => {
    const { events } = loadSettings({ ...azure, ...files });

    expect(events.from).toMatchObject({
      by: "files",
      folder: "d365_loads/events",
      settledMs: 120_000,
      account: { host: "contoso.campaign.adobe.com", port: 2022, key: "planted\nsecret" },
    });
    const names = events.from.by === "files" ? events.from.names : /never/;
    expect(["a.csv", "a.b.csv", "axcsv", "done/a.csv", "a.csv.part"].filter((name) => names.test(name))).toEqual([
      "a.csv",
      "a.b.csv",
    ]);
  });

  it("lets events be switched on where they are read from files", () => {
    expect(problemsOf({ ...azure, ...files, EGRESS_TYPES: "click" })).toEqual([]);
  });

  it("says which of the types of events it does not know", () => {
    const tables = { send: { name: "new_send", columns: { mirrorPageUrl: "" } } };
    expect(loadSettings({ ...azure, EGRESS_TABLES: JSON.stringify(tables) }).egress.tables).toEqual(tables);
    expect(problemsOf({ ...azure, EGRESS_TABLES: '{"send":{"name":"No Name"},"open":{"set":1}}' })).toMatchObject([
      { setting: "EGRESS_TABLES", problem: expect.stringMatching(/send\.name: must be a logical name.*; open\.set: /) },
    ]);
    expect(problemsOf({ ...azure, EGRESS_TYPES: "open, seen" })).toMatchObject([
      { setting: "EGRESS_TYPES", problem: expect.stringContaining("seen") },
    ]);
  });

  it("names everything that is missing of the SFTP account, only where files are read", () => {
    const missing = problemsOf({ ...azure, EVENTS_SOURCE: "files" }).map(({ setting }) => setting);

    expect(missing).toEqual([
      "CAMPAIGN_SFTP_HOST",
      "CAMPAIGN_SFTP_USER",
      "CAMPAIGN_SFTP_KEY",
      "CAMPAIGN_SFTP_HOST_KEY",
    ]);
  });

  it.each([
    ["EGRESS_TABLES", "send=new_send"],
    ["EGRESS_TABLES", '{"sent":{}}'],
    ["EGRESS_TABLES", '{"send":{"name":"New Send"}}'],
    ["EGRESS_TABLES", '{"send":{"columns":{"date":7}}}'],
    ["EGRESS_TABLES", '{"send":{"name":"acs_emailopen"}}'],
    ["EVENTS_FIELDS", "contactKey=crmId"],
    ["EVENTS_FIELDS", '{"key":"crmId"}'],
    ["EVENTS_FIELDS", '["crmId"]'],
    ["EVENTS_RESOURCE", "cusEmailEvent/../profile"],
    ["EVENTS_FILTER", "byModified?since"],
    ["EVENTS_SINCE_FORMAT", "epoch"],
    ["EVENTS_FILES", "d365_*/events/a.csv"],
    ["CAMPAIGN_SFTP_HOST_KEY", "MD5:00"],
    ["OPTOUT_SCHEDULE", "* * *"],
    ["OPTOUT_FILTER_ON", "created"],
    ["OPTOUT_SINCE_PARAMETER", "since&x"],
    ["OPTOUT_FILES", "d365_*/exports/a.csv"],
  ])("refuses %s = %s", (setting, value) => {
    expect(problemsOf({ ...azure, [setting]: value }).map((problem) => problem.setting)).toEqual([setting]);
  });

  it("finds changed opt-outs by the filter of the guide unless another one, or none, is named", () => {
    const filter = { name: "OptOutsSince", parameter: ["since"], format: "space" };
    const from = (more: Record<string, string>) => loadSettings({ ...azure, ...more }).optOuts.from;

    expect(from({})).toEqual({ by: "rest", filter, on: "times" });
    expect(from({ OPTOUT_SINCE_PARAMETER: "a, b" })).toMatchObject({ filter: { ...filter, parameter: ["a", "b"] } });
    expect(from({ OPTOUT_FILTER: "none" })).toMatchObject({ by: "rest", filter: undefined });
  });

  it.each([
    ["15 * * * * *", 60_000],
    ["*/5 * * * * *", 5_000],
    ["* * * * * *", 1_000],
    ["0 0 2 * * *", 60_000],
  ])("knows how soon the next pull of opt-outs comes with %s", (schedule, everyMs) => {
    expect(loadSettings({ ...azure, OPTOUT_SCHEDULE: schedule }).optOuts.everyMs).toBe(everyMs);
  });

  it("reads opt-outs and events from files or by the API, each by itself, on one account", () => {
    const { EVENTS_SOURCE: _events, ...account } = files;
    const both = loadSettings({ ...azure, ...files, OPTOUT_SOURCE: "files" });
    const optOuts = loadSettings({ ...azure, ...account, OPTOUT_SOURCE: "files", OPTOUT_FILES_KEY: "crmId" });
    const missing = problemsOf({ ...azure, OPTOUT_SOURCE: "files" });

    expect([both.events.from.by, both.optOuts.from.by]).toEqual(["files", "files"]);
    expect(optOuts.events.from.by).toBe("rest");
    expect(optOuts.optOuts.from).toMatchObject({ by: "files", folder: "d365_loads/exports", key: "crmId" });
    expect(missing.map(({ problem }) => problem)).toEqual(Array(4).fill("is missing though OPTOUT_SOURCE is files"));
  });

  it("reports every problem at once, by name and with a fix", () => {
    const problems = problemsOf({ ...azure, DYNAMICS_URL: "", LANES: "0", SWEEP_SCHEDULE: "* * *" });

    expect(problems.map(({ setting }) => setting).sort()).toEqual(["DYNAMICS_URL", "LANES", "SWEEP_SCHEDULE"]);
    expect(problems.every(({ fix }) => fix.length > 0)).toBe(true);
  });

  it.each([
    ["DYNAMICS_URL", "https://contoso.crm.dynamics.com.evil.test"],
    ["DYNAMICS_URL", "http://contoso.crm.dynamics.com"],
    ["DYNAMICS_URL", "https://user:word@contoso.crm.dynamics.com"],
    ["CAMPAIGN_URL", "https://mc.adobe.io.evil.test"],
    ["CAMPAIGN_TENANT", "../other"],
    ["TABLES__tableServiceUri", "https://contoso.blob.core.windows.net"],
  ])("refuses %s %s, since tokens would go there", (setting, value) => {
    expect(problemsOf({ ...azure, [setting]: value }).map((problem) => problem.setting)).toEqual([setting]);
  });

  it("refuses loopback addresses and connection strings in Azure", () => {
    const problems = problemsOf({
      ...azure,
      DYNAMICS_URL: "http://127.0.0.1:7081",
      TABLES: "UseDevelopmentStorage=true",
    });

    expect(problems.map(({ setting }) => setting).sort()).toEqual(["DYNAMICS_URL", "TABLES"]);
  });

  it("asks for the parts of a client secret where one is used", () => {
    const problems = problemsOf({ ...azure, DYNAMICS_AUTH: "client-secret", DYNAMICS_CLIENT_ID: "client" });

    expect(problems.map(({ setting }) => setting)).toEqual(["DYNAMICS_TENANT_ID", "DYNAMICS_CLIENT_SECRET"]);
  });

  it.each([
    [
      "a reference that nobody resolved",
      "@Microsoft.KeyVault(SecretUri=https://kv.example.com/secrets/x)",
      "not resolved",
    ],
    ["nothing", "", "is empty"],
    ["white space only", " \n", "is empty"],
    ["a line break at its end", "planted-secret-value\n", "line break"],
    ["a space at its beginning", " planted-secret-value", "white space"],
    ["quotes around it", '"planted-secret-value"', "quotes"],
    ["quotes and a line break", "'planted-secret-value'\n", "quotes"],
    ["a line break in the middle", "planted-secret\r\n-value", "in the middle"],
  ])("names a secret that came with %s, and its fix, without its value", (_, value, said) => {
    const problems = problemsOf({ ...azure, CAMPAIGN_CLIENT_SECRET: value });

    expect(problems).toMatchObject([{ setting: "CAMPAIGN_CLIENT_SECRET", problem: expect.stringContaining(said) }]);
    expect(JSON.stringify(problems)).not.toMatch(/planted|kv\.example/);
    expect(problems[0]?.fix.length).toBeGreaterThan(20);
  });

  it("names an unresolved reference of any setting, secret or not", () => {
    const problems = problemsOf({ ...azure, CAMPAIGN_TENANT: "@Microsoft.KeyVault(VaultName=kv;SecretName=x)" });

    expect(problems).toMatchObject([{ setting: "CAMPAIGN_TENANT", problem: expect.stringContaining("not resolved") }]);
  });

  it("takes a key file as it is, line breaks and all, and one in quotes not", () => {
    const key = ["-----BEGIN OPENSSH PRIVATE KEY-----", "planted", "-----END OPENSSH PRIVATE KEY-----", ""].join("\n");

    expect(problemsOf({ ...azure, ...files, CAMPAIGN_SFTP_KEY: key })).toEqual([]);
    expect(problemsOf({ ...azure, ...files, CAMPAIGN_SFTP_KEY: `"${key}"` })).toMatchObject([
      { setting: "CAMPAIGN_SFTP_KEY", problem: "stands in quotes" },
    ]);
  });

  it("knows when secrets end where it is told, by date or instant, and only of secrets that there are", () => {
    const { secrets } = loadSettings({
      ...azure,
      CAMPAIGN_CLIENT_SECRET_EXPIRES: "2030-01-31",
      DYNAMICS_CLIENT_SECRET_EXPIRES: "2030-01-31T10:00:00+02:00",
      CAMPAIGN_SFTP_KEY_EXPIRES: "",
    });

    expect(loadSettings(azure).secrets).toEqual([]);
    expect(secrets).toEqual([{ setting: "CAMPAIGN_CLIENT_SECRET", at: Date.parse("2030-01-31T00:00:00Z") }]);
  });

  it.each(["31.1.2030", "2030-02-40", "soon", "2030"])("refuses %s as the date of a secret's end", (value) => {
    expect(problemsOf({ ...azure, CAMPAIGN_CLIENT_SECRET_EXPIRES: value })).toMatchObject([
      { setting: "CAMPAIGN_CLIENT_SECRET_EXPIRES", problem: expect.stringContaining("date") },
    ]);
  });

  it("shows no secret in a problem", () => {
    const problems = problemsOf({ ...azure, FINGERPRINT_KEY: "planted-key", CAMPAIGN_URL: "nonsense" });

    expect(problems).toHaveLength(2);
    expect(JSON.stringify(problems)).not.toContain("planted");
  });
});
