// facts/dataverse.md §1.1 and §11: registering endpoints, steps and images over the real tables.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Dataverse, register, startDataverse } from "./simulator.js";

let dataverse: Dataverse;
beforeAll(async () => {
  dataverse = await startDataverse();
});
afterAll(() => dataverse.close());

const ENDPOINT = {
  name: "e",
  url: "http://127.0.0.1:9/api",
  contract: 8,
  authtype: 4,
  authvalue: "secret",
  messageformat: 2,
};

describe("service endpoints (§1.1)", () => {
  it("keep the auth value to themselves and only tell that there is one", async () => {
    const id = await dataverse.create("serviceendpoints", ENDPOINT);

    const { json, text } = await dataverse.get(`serviceendpoints(${id})`);
    const selected = await dataverse.get(`serviceendpoints(${id})?$select=authvalue`);

    expect(json).toMatchObject({ contract: 8, authtype: 4, isauthvalueset: true });
    expect(text).not.toContain("secret");
    expect(selected.status).toBe(400);
  });

  it("are found by contract", async () => {
    const { json } = await dataverse.get(
      "serviceendpoints?$filter=contract eq 8&$select=serviceendpointid,name,authtype,url",
    );

    expect(json.value.length).toBeGreaterThan(0);
  });

  it.each([
    [{ url: "not a url" }, 400],
    [{ contract: 2 }, 501],
    [{ contract: 7 }, 501],
    [{ authtype: null }, 400],
    [{ authtype: 2 }, 400],
    [{ name: null }, 400],
  ])("are refused with %j (%i)", async (change, status) => {
    expect((await dataverse.call("POST", "serviceendpoints", { ...ENDPOINT, ...change })).status).toBe(status);
  });

  it.each([
    ["any", 204],
    ["80 and 443", 400],
  ])("may use another port than 80 and 443 when webhookPorts is %s (%i)", async (webhookPorts, status) => {
    await dataverse.sim("switches", { webhookPorts });

    const answer = await dataverse.call("POST", "serviceendpoints", ENDPOINT);
    await dataverse.sim("switches", { webhookPorts: "any" });

    expect(answer.status).toBe(status);
  });
});

describe("steps and images (§11)", () => {
  it("are registered with messages and filters found in one query, and read back from the endpoint", async () => {
    const { endpointId, stepIds } = await register(dataverse, ENDPOINT.url, [
      {
        message: "Update",
        filteringattributes: "firstname,lastname",
        images: [{ alias: "post", type: 1, attributes: "firstname" }],
      },
    ]);

    const steps = await dataverse.get(
      `serviceendpoints(${endpointId})/serviceendpoint_sdkmessageprocessingstep?$select=name,mode,stage,filteringattributes,asyncautodelete`,
    );
    const images = await dataverse.get(
      `sdkmessageprocessingstepimages?$filter=_sdkmessageprocessingstepid_value eq ${stepIds[0]}`,
    );

    expect(steps.json.value).toMatchObject([
      { mode: 1, stage: 40, filteringattributes: "firstname,lastname", asyncautodelete: true },
    ]);
    expect(images.json.value).toMatchObject([{ entityalias: "post", imagetype: 1, attributes: "firstname" }]);
  });

  it("know Create by its well-known id", async () => {
    const { json } = await dataverse.get("sdkmessages?$select=sdkmessageid&$filter=name eq 'Create'");

    expect(json.value).toMatchObject([{ sdkmessageid: "9ebdbb1b-ea3e-db11-86a7-000a3a5473e8" }]);
  });

  it("tell by the missing filter that contact has no UpsertMultiple", async () => {
    const { json } = await dataverse.get(
      "sdkmessagefilters?$select=sdkmessagefilterid&$filter=sdkmessageid/name eq @m and primaryobjecttypecode eq @t&@m='UpsertMultiple'&@t='contact'",
    );

    expect(json.value).toEqual([]);
  });

  it("disappear with their endpoint", async () => {
    const { endpointId, stepIds } = await register(dataverse, ENDPOINT.url, [
      { message: "Update", images: [{ alias: "pre", type: 0 }] },
    ]);

    await dataverse.call("DELETE", `serviceendpoints(${endpointId})`);

    expect((await dataverse.get(`sdkmessageprocessingsteps(${stepIds[0]})`)).status).toBe(404);
    expect(
      (await dataverse.get(`sdkmessageprocessingstepimages?$filter=_sdkmessageprocessingstepid_value eq ${stepIds[0]}`))
        .json.value,
    ).toEqual([]);
  });

  it.each([
    [{ message: "Update" as const, step: { stage: 20 } }, "asynchronous"],
    [{ message: "Create" as const, filteringattributes: "firstname" }, "Filtering attributes"],
    [{ message: "Create" as const, images: [{ alias: "pre", type: 0 }] }, "PreImage"],
    [{ message: "Delete" as const, images: [{ alias: "post", type: 1 }] }, "PostImage"],
    [{ message: "Update" as const, step: { stage: 30 } }, "outside the valid range"],
  ])("are refused where the platform cannot do it: %j", async (registration, message) => {
    await expect(register(dataverse, ENDPOINT.url, [registration])).rejects.toThrow(message);
  });

  it("go into the solution named by the header, which has to exist", async () => {
    const publisherId = await dataverse.create("publishers", {
      uniquename: "acs",
      friendlyname: "ACS",
      customizationprefix: "acs",
      customizationoptionvalueprefix: 72700,
    });
    const solutionId = await dataverse.create("solutions", {
      ...{ uniquename: "acs_sync", friendlyname: "Sync", version: "1.0.0.0" },
      "publisherid@odata.bind": `/publishers(${publisherId})`,
    });

    const id = await dataverse.create("serviceendpoints", ENDPOINT, { "mscrm.solutionuniquename": "acs_sync" });
    const wrong = await dataverse.call("POST", "serviceendpoints", ENDPOINT, { "mscrm.solutionuniquename": "nope" });
    const { json } = await dataverse.get(
      `solutioncomponents?$filter=_solutionid_value eq ${solutionId}&$select=objectid,componenttype`,
    );

    expect(json.value).toMatchObject([{ objectid: id, componenttype: 95 }]);
    expect(wrong.status).toBe(404);
  });
});
