import { beforeEach, describe, expect, it } from "vitest";
import { planActivities } from "../../infra/dataverse/activities.js";
import { fitForms } from "../../infra/dataverse/activities-forms.js";
import { makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { AuthError } from "../../shared/errors.js";
import { makeDynamicsClient } from "../../shared/services.js";
import { coreHttp, coreWorld } from "../support/core-http.js";
import { fixedClock } from "../support/fixed-clock.js";

let client: DataverseClient;

beforeEach(async () => {
  const clock = fixedClock("2026-03-01T00:00:00Z");
  const core = makeDataverseCore(coreWorld(clock));
  const url = new URL("http://dataverse.test");
  const { clientId, clientSecret } = LOCAL_APPS.integration;
  const auth = { by: "client-secret" as const, authority: url, tenantId: WELL_KNOWN.tenant, clientId, clientSecret };
  client = makeDynamicsClient({ dynamics: { url, auth } }, coreHttp({ "dataverse.test": core }, clock), clock);
  for (const action of await planActivities({ client, clock, prefix: "acs", solution: "S" })) await action.run();
});

/** Dynamics with forms and views: kept as they are written. One main form for each table, as making a table leaves it. */
function withForms(formxml: string) {
  const forms = new Map<string, string>();
  const views: Record<string, unknown>[] = [];
  const tableIn = (path: string): string => /'(acs_\w+)'/.exec(path)?.[1] ?? "";
  const own: DataverseClient = {
    ...client,
    async json(call) {
      const path = String(call.path);
      const table = tableIn(path);
      if (path.startsWith("systemforms")) return { value: [{ formid: table, formxml: forms.get(table) ?? formxml }] };
      if (!path.startsWith("savedqueries")) return client.json(call);
      return {
        value: views.filter(({ returnedtypecode }) => returnedtypecode === table).map(() => ({ savedqueryid: "v" })),
      };
    },
    async call(call) {
      const path = String(call.path);
      const body = call.body as Record<string, unknown>;
      if (path.startsWith("systemforms")) forms.set(/\((.*)\)/.exec(path)?.[1] ?? "", String(body.formxml));
      else if (path.startsWith("savedqueries")) views.push(body);
      else return client.call(call);
      return { status: 204, headers: {}, text: "", attempts: 1, elapsedMs: 0, mayEcho: false };
    },
  };
  return { own, forms, views };
}

const plain =
  '<form><tabs><tab><columns><column><sections><section name="a"><rows/></section></sections></column></columns></tab></tabs></form>';

describe("forms and views of the activity tables", () => {
  it("say what could not be done, for each of them, where the Web API has no forms", async () => {
    const fitted = await fitForms(client, "acs");

    expect(fitted).toHaveLength(8);
    for (const { outcome, why } of fitted) {
      expect(outcome).toBe("by hand");
      expect(why).toMatch(/Dataverse/);
    }
  });

  it("show every column of ours once, beside what is on the form, and a view of all events", async () => {
    const { own, forms, views } = withForms(plain);

    const fitted = await fitForms(own, "acs");

    const form = forms.get("acs_emailclick") ?? "";
    expect(new Set(fitted.map(({ outcome }) => outcome))).toEqual(new Set(["done"]));
    expect([...form.matchAll(/datafieldname="(\w+)"/g)].map(([, name]) => name)).toEqual([
      "acs_campaignname",
      "acs_deliveryname",
      "acs_dateclicked",
      "acs_trackingurl",
      "acs_mirrorpageurl",
    ]);
    expect(form).toContain('<section name="a"><rows/></section><section name="campaign_event"');
    expect(views.map(({ name }) => name)).toEqual([
      "Adobe Campaign Email Sends",
      "Adobe Campaign Email Opens",
      "Adobe Campaign Email URL Clicks",
      "Adobe Campaign Email Bounces",
    ]);
    expect(String(views[2]?.layoutxml)).toContain('<cell name="acs_dateclicked"');
  });

  it("stay as they are when it is done again", async () => {
    const { own, forms, views } = withForms(plain);
    await fitForms(own, "acs");
    const before = [...forms];

    const fitted = await fitForms(own, "acs");

    expect(new Set(fitted.map(({ outcome }) => outcome))).toEqual(new Set(["there"]));
    expect([[...forms], views.length]).toEqual([before, 4]);
  });

  it("are left alone when a form has no place for columns", async () => {
    const { own, forms } = withForms("<form/>");

    const fitted = await fitForms(own, "acs");

    expect(fitted.filter(({ outcome }) => outcome === "by hand")).toHaveLength(4);
    expect(forms.size).toBe(0);
  });

  it("are not spoken of when we are not let in", async () => {
    const shut: DataverseClient = { ...client, json: () => Promise.reject(new AuthError("no")) };

    await expect(fitForms(shut, "acs")).rejects.toThrow(AuthError);
  });
});
