// facts/dataverse.md §1.2 to §1.7, §8: what a registered webhook receives, when, and what its answers do.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WELL_KNOWN } from "../../../infra/local/dataverse/model/ids.js";
import { type Dataverse, type Hook, type PairJson, register, startDataverse, startReceiver } from "./simulator.js";

let dataverse: Dataverse;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
beforeEach(async () => {
  dataverse = await startDataverse({ switches: { webhookRetryAfterMs: 20, webhookTimeoutMs: 300 } });
  receiver = await startReceiver();
});
afterEach(async () => {
  await dataverse.close();
  await receiver.close();
});

const CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts";
const valueAt = (pairs: readonly PairJson[] | undefined, key: string): unknown =>
  pairs?.find((pair) => pair.key === key)?.value;
const targetOf = (hook: Hook | undefined) =>
  valueAt(hook?.body.InputParameters, "Target") as {
    Attributes: { key: string; value: unknown }[];
    FormattedValues: { key: string; value: unknown }[];
  };
const attribute = (hook: Hook | undefined, key: string): unknown => valueAt(targetOf(hook).Attributes, key);
const settled = async (): Promise<Record<string, number>> => {
  for (let round = 0; round < 400; round += 1) {
    const statistics = (await dataverse.sim("state/webhooks")) as Record<string, number>;
    if (statistics.pending === 0) return statistics;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("deliveries stay pending");
};

describe("the call (§1.1, §1.2)", () => {
  it("has the key as ?code=, the headers of the platform, and members in alphabetical order", async () => {
    await register(dataverse, receiver.url, [{ message: "Create" }]);
    await dataverse.create("contacts", { lastname: "Lee" });

    const [hook] = await receiver.wait(1);

    expect(hook?.url).toBe("/api/dv?code=k%20y%2F1");
    expect(hook?.headers).toMatchObject({
      "content-type": "application/json; charset=utf-8",
      "x-ms-dynamics-organization": new URL(dataverse.url).host,
      "x-ms-dynamics-entity-name": "contact",
      "x-ms-dynamics-request-name": "Create",
      "x-ms-correlation-request-id": hook?.body.CorrelationId,
      "x-request-id": hook?.body.RequestId,
    });
    expect(hook?.headers).not.toHaveProperty("x-ms-dynamics-msg-size-exceeded");
    expect(Object.keys(hook?.body ?? {})).toEqual(Object.keys(hook?.body ?? {}).toSorted());
  });

  it.each([
    { authtype: 5, url: "/api/dv", header: "abc&d" },
    { authtype: 6, url: "/api/dv?x-secret=abc%26d", header: undefined },
  ])("with authtype $authtype carries the settings as pairs", async ({ authtype, url, header }) => {
    const { endpointId } = await register(dataverse, receiver.url, [{ message: "Create" }]);
    const authvalue = '<settings><setting name="x-secret" value="abc&amp;d"/></settings>';
    await dataverse.call("PATCH", `serviceendpoints(${endpointId})`, { authtype, authvalue });
    await dataverse.create("contacts", { lastname: "Lee" });

    const [hook] = await receiver.wait(1);

    expect(hook?.url).toBe(url);
    expect(hook?.headers["x-secret"]).toBe(header);
  });

  it("escapes slashes and control characters in the raw JSON as the platform does", async () => {
    await register(dataverse, receiver.url, [{ message: "Create" }]);
    await dataverse.create("contacts", { lastname: "a/b", description: 'one\ntwo\\n "q"' });

    const [hook] = await receiver.wait(1);

    expect(hook?.raw).toContain('"a\\/b"');
    expect(hook?.raw).toContain('"one\\u000atwo\\\\n \\"q\\""');
    expect(hook?.raw).toContain('"__type":"Entity:http:\\/\\/schemas.microsoft.com\\/xrm\\/2011\\/Contracts"');
    expect(hook?.raw).not.toMatch(/[^\\]\//);
    expect(attribute(hook, "description")).toBe('one\ntwo\\n "q"');
  });
});

describe("the context of a Create (§1.3, §1.5)", () => {
  it("has all columns in the Target, encoded by type, with labels, and the id among the outputs", async () => {
    await register(dataverse, receiver.url, [{ message: "Create" }]);
    const accountId = await dataverse.create("accounts", { name: "F" });
    const id = await dataverse.create("contacts", {
      ...{
        firstname: "Ann",
        lastname: "Lee",
        gendercode: 2,
        birthdate: "1990-05-03",
        creditlimit: 1500,
        jobtitle: null,
      },
      "parentcustomerid_account@odata.bind": `/accounts(${accountId})`,
    });

    const [hook] = await receiver.wait(1);
    const body = hook?.body;
    const type = (name: string) => `${name}:${CONTRACTS}`;

    expect(body).toMatchObject({
      ...{ MessageName: "Create", Mode: 1, Stage: 40, IsolationMode: 1, Depth: 1, IsInTransaction: false },
      ...{
        PrimaryEntityId: id,
        PrimaryEntityName: "contact",
        SecondaryEntityName: "none",
        OrganizationId: WELL_KNOWN.organization,
      },
      ...{
        UserId: WELL_KNOWN.integrationUser,
        InitiatingUserId: WELL_KNOWN.integrationUser,
        InitiatingUserAgent: "node",
      },
      OutputParameters: [{ key: "id", value: id }],
      PreEntityImages: [],
    });
    expect(body?.OperationCreatedOn).toMatch(/^\/Date\(\d+000\+0000\)\/$/);
    expect(Object.keys(targetOf(hook))[0]).toBe("__type");
    expect(attribute(hook, "contactid")).toBe(id);
    expect(attribute(hook, "gendercode")).toEqual({ __type: type("OptionSetValue"), Value: 2 });
    expect(attribute(hook, "creditlimit")).toEqual({ __type: type("Money"), Value: 1500 });
    expect(attribute(hook, "creditlimit_base")).toEqual({ __type: type("Money"), Value: 1500 });
    expect(attribute(hook, "birthdate")).toBe("/Date(641692800000)/");
    expect(attribute(hook, "createdon")).toMatch(/^\/Date\(\d+000\)\/$/);
    expect(attribute(hook, "donotbulkemail")).toBe(false);
    expect(attribute(hook, "statecode")).toEqual({ __type: type("OptionSetValue"), Value: 0 });
    expect(attribute(hook, "parentcustomerid")).toEqual({
      ...{
        __type: type("EntityReference"),
        Id: accountId,
        KeyAttributes: [],
        LogicalName: "account",
        Name: null,
        RowVersion: null,
      },
    });
    expect(attribute(hook, "jobtitle")).toBeNull();
    expect(attribute(hook, "modifiedonbehalfby")).toBeNull();
    expect(targetOf(hook).FormattedValues).toContainEqual({ key: "donotbulkemail", value: "Allow" });
    expect(body?.SharedVariables).toEqual([
      { key: "IsAutoTransact", value: true },
      { key: "DefaultsAddedFlag", value: true },
    ]);
  });

  it("has the automatic image with name and id, without __type, among the post-images", async () => {
    await register(dataverse, receiver.url, [{ message: "Create" }]);
    const id = await dataverse.create("contacts", { firstname: "Ann", lastname: "Lee" });

    const [hook] = await receiver.wait(1);

    expect(hook?.body.PostEntityImages).toEqual([
      {
        key: "AsynchronousStepPrimaryName",
        value: {
          Attributes: [
            { key: "fullname", value: "Ann Lee" },
            { key: "contactid", value: id },
          ],
          ...{
            EntityState: null,
            FormattedValues: [],
            Id: id,
            KeyAttributes: [],
            LogicalName: "contact",
            RelatedEntities: [],
            RowVersion: null,
          },
        },
      },
    ]);
  });

  it("has the outer request as parent, with what the client sent and no parent of its own", async () => {
    await register(dataverse, receiver.url, [{ message: "Create" }]);
    await dataverse.create("contacts", { lastname: "Lee" });

    const [hook] = await receiver.wait(1);
    const parent = hook?.body.ParentContext;

    expect(parent).toMatchObject({ Stage: 30, ParentContext: null, MessageName: "Create" });
    expect((valueAt(parent?.InputParameters, "Target") as { Attributes: unknown }).Attributes).toEqual([
      { key: "lastname", value: "Lee" },
    ]);
    expect(valueAt(parent?.InputParameters, "SuppressDuplicateDetection")).toBe(false);
  });
});

describe("the context of an Update (§1.3, §1.4)", () => {
  it("has the columns of the request, the computed names and the audit columns, and nothing unchanged", async () => {
    await register(dataverse, receiver.url, [{ message: "Update" }]);
    const id = await dataverse.create("contacts", {
      firstname: "Ann",
      lastname: "Lee",
      jobtitle: "Dev",
      emailaddress1: "a@example.com",
    });
    await dataverse.call("PATCH", `contacts(${id})`, { firstname: "Anna", emailaddress1: null });

    const [hook] = await receiver.wait(1);

    expect(
      targetOf(hook)
        .Attributes.map(({ key }) => key)
        .sort(),
    ).toEqual(
      [
        "contactid",
        "emailaddress1",
        "firstname",
        "fullname",
        "modifiedby",
        "modifiedon",
        "modifiedonbehalfby",
        "yomifullname",
      ].sort(),
    );
    expect(attribute(hook, "emailaddress1")).toBeNull();
    expect(targetOf(hook).FormattedValues).toEqual([]);
    expect(hook?.body.OutputParameters).toEqual([]);
  });

  it("has the registered images: pre as before, post as after with RowVersion, nulls left out", async () => {
    const images = [
      { alias: "pre", type: 0, attributes: "firstname,jobtitle" },
      { alias: "post", type: 1, attributes: "firstname,jobtitle,donotbulkemail" },
      { alias: "all", type: 2 },
    ];
    await register(dataverse, receiver.url, [{ message: "Update", images }]);
    const id = await dataverse.create("contacts", { firstname: "Ann", jobtitle: "Dev" });
    await dataverse.call("PATCH", `contacts(${id})`, { firstname: "Anna", jobtitle: null });
    const version = (await dataverse.get(`contacts(${id})?$select=versionnumber`)).json.versionnumber;

    const [hook] = await receiver.wait(1);
    const [pre, preAll] = hook?.body.PreEntityImages ?? [];
    const [, post, postAll] = hook?.body.PostEntityImages ?? [];

    expect(pre).toMatchObject({
      key: "pre",
      value: {
        Attributes: [
          { key: "firstname", value: "Ann" },
          { key: "jobtitle", value: "Dev" },
        ],
        RowVersion: null,
      },
    });
    expect(post).toMatchObject({
      key: "post",
      value: {
        Attributes: [
          { key: "firstname", value: "Anna" },
          { key: "donotbulkemail", value: false },
        ],
        FormattedValues: [{ key: "donotbulkemail", value: "Allow" }],
        RowVersion: String(version),
      },
    });
    expect([preAll?.key, postAll?.key]).toEqual(["all", "all"]);
    expect(postAll?.value.Attributes.length).toBeGreaterThan(40);
    expect(postAll?.value).not.toHaveProperty("__type");
  });

  it("comes only when the request names a filtering column, whether its value differs or not", async () => {
    await register(dataverse, receiver.url, [{ message: "Update", filteringattributes: "firstname, emailaddress1" }]);
    const id = await dataverse.create("contacts", { firstname: "Ann", lastname: "Lee" });
    await dataverse.call("PATCH", `contacts(${id})`, { lastname: "Other" });
    await dataverse.call("PATCH", `contacts(${id})`, { firstname: "Ann" });

    await receiver.wait(1);
    await settled();

    expect(receiver.hooks.map((hook) => attribute(hook, "firstname"))).toEqual(["Ann"]);
  });

  it.each([true, false])(
    "has address1_composite among the computed columns only with compositeInUpdateTarget (%s)",
    async (compositeInUpdateTarget) => {
      await dataverse.sim("switches", { compositeInUpdateTarget });
      await register(dataverse, receiver.url, [{ message: "Update" }]);
      const id = await dataverse.create("contacts", { lastname: "Lee" });
      await dataverse.call("PATCH", `contacts(${id})`, { address1_city: "Oslo" });

      const [hook] = await receiver.wait(1);

      expect(attribute(hook, "address1_composite")).toBe(compositeInUpdateTarget ? "Oslo" : undefined);
    },
  );
});

describe("the context of a Delete (§1.3, §1.5)", () => {
  it.each([
    ["none", ["pre"]],
    ["pre", ["AsynchronousStepPrimaryName", "pre"]],
  ])(
    "has a reference as Target and old values in pre-images only (deletePrimaryNameImage %s)",
    async (deletePrimaryNameImage, keys) => {
      await dataverse.sim("switches", { deletePrimaryNameImage });
      await register(dataverse, receiver.url, [
        { message: "Delete", images: [{ alias: "pre", type: 0, attributes: "emailaddress1,contactid" }] },
      ]);
      const id = await dataverse.create("contacts", { emailaddress1: "ann@example.com" });
      await dataverse.call("DELETE", `contacts(${id})`);

      const [hook] = await receiver.wait(1);

      expect(targetOf(hook)).toEqual({
        ...{
          __type: `EntityReference:${CONTRACTS}`,
          Id: id,
          KeyAttributes: [],
          LogicalName: "contact",
          Name: null,
          RowVersion: null,
        },
      });
      expect(hook?.body).toMatchObject({ PrimaryEntityId: id, PostEntityImages: [], OutputParameters: [] });
      expect(hook?.body.PreEntityImages.map(({ key }) => key)).toEqual(keys);
      expect(valueAt(hook?.body.PreEntityImages.at(-1)?.value.Attributes, "emailaddress1")).toBe("ann@example.com");
    },
  );
});

describe("parameters of the request (§8)", () => {
  it("copies ?tag= into the shared variables", async () => {
    await register(dataverse, receiver.url, [{ message: "Create" }, { message: "Update" }, { message: "Delete" }]);
    const id = await dataverse.create("contacts?tag=our%20own", { lastname: "Lee" });
    await dataverse.call("PATCH", `contacts(${id})?tag=our%20own`, { lastname: "Li" });
    await dataverse.call("DELETE", `contacts(${id})?tag=our%20own`);

    const hooks = await receiver.wait(3);

    expect(hooks.map((hook) => valueAt(hook.body.SharedVariables, "tag"))).toEqual(["our own", "our own", "our own"]);
  });

  it("leaves out steps that the bypass headers name, webhooks by kind only if bypassSkipsWebhooks says so", async () => {
    const { stepIds } = await register(dataverse, receiver.url, [{ message: "Create" }]);
    const create = (headers: Record<string, string>) => dataverse.create("contacts", { lastname: "Lee" }, headers);
    await create({ "mscrm.bypassbusinesslogicexecutionstepids": String(stepIds[0]) });
    await create({ "mscrm.bypassbusinesslogicexecution": "CustomAsync" });
    await create({ "mscrm.bypassbusinesslogicexecution": "CustomSync" });
    await dataverse.sim("switches", { bypassSkipsWebhooks: false });
    await create({ "mscrm.bypassbusinesslogicexecution": "CustomSync,CustomAsync" });

    await settled();

    expect(receiver.hooks.length).toBe(2);
  });

  it("tells the impersonated user from the one who called", async () => {
    await register(dataverse, receiver.url, [{ message: "Create" }]);
    const id = await dataverse.create("contacts", { lastname: "Lee" }, { mscrmcallerid: WELL_KNOWN.editorUser });

    const [hook] = await receiver.wait(1);
    const { json } = await dataverse.get(`contacts(${id})?$select=_createdby_value,_createdonbehalfby_value`);

    expect(hook?.body).toMatchObject({ UserId: WELL_KNOWN.editorUser, InitiatingUserId: WELL_KNOWN.integrationUser });
    expect(json).toMatchObject({
      _createdby_value: WELL_KNOWN.editorUser,
      _createdonbehalfby_value: WELL_KNOWN.integrationUser,
    });
  });
});

describe("the size rule (§1.6)", () => {
  // A text of 2,000 characters outside Latin, again and again in images, is what makes a payload large.
  const images = Array.from({ length: 60 }, (_, index) => ({
    alias: `post${index}`,
    type: 1,
    attributes: "description",
  }));

  it.each([
    { webhookTruncation: "absent", value: undefined },
    { webhookTruncation: "null", value: null },
  ])(
    "cuts a payload above 256 KB to what is needed to read the row again ($webhookTruncation)",
    async ({ webhookTruncation, value }) => {
      await dataverse.sim("switches", { webhookTruncation });
      await register(dataverse, receiver.url, [{ message: "Update", images }]);
      const id = await dataverse.create("contacts", { lastname: "Lee", description: "語".repeat(2000) });
      await dataverse.call("PATCH", `contacts(${id})?tag=t`, { firstname: "x" });

      const [hook] = await receiver.wait(1);

      expect(hook?.headers).toHaveProperty("x-ms-dynamics-msg-size-exceeded");
      for (const member of ["ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages"])
        expect(hook?.body[member]).toBe(value);
      expect(hook?.body).toMatchObject({
        PrimaryEntityId: id,
        PrimaryEntityName: "contact",
        MessageName: "Update",
        UserId: WELL_KNOWN.integrationUser,
      });
      expect(valueAt(hook?.body.SharedVariables, "tag")).toBe("t");
    },
  );

  it("does not send what is too large even so, and fails the job with 0x80050207", async () => {
    await dataverse.sim("switches", { webhookMaxBytes: 500 });
    await register(dataverse, receiver.url, [{ message: "Create" }]);
    await dataverse.create("contacts", { lastname: "Lee" });

    const statistics = await settled();

    expect(receiver.hooks.length).toBe(0);
    expect(statistics).toMatchObject({ attempts: 0, pending: 0 });
    expect((await dataverse.get("asyncoperations")).json.value).toMatchObject([
      { statuscode: 31, errorcode: 0x80050207 | 0 },
    ]);
  });
});

describe("what the receiver's answer does (§1.7)", () => {
  const failedJobs = async (stepId: string | undefined) =>
    (
      await dataverse.get(
        `asyncoperations?$filter=statuscode eq 31 and _owningextensionid_value eq ${stepId}&$select=name,friendlymessage,errorcode,message,completedon&$orderby=completedon desc`,
      )
    ).json.value;

  it.each([200, 202, 204])("ends the job on %i and removes it when asyncautodelete is set", async (status) => {
    receiver.state.answer = () => status;
    await register(dataverse, receiver.url, [{ message: "Create" }]);
    await dataverse.create("contacts", { lastname: "Lee" });

    const statistics = await settled();

    expect(statistics).toMatchObject({ delivered: 1, failed: 0 });
    expect((await dataverse.get("asyncoperations")).json.value).toEqual([]);
  });

  it("keeps the succeeded job without asyncautodelete", async () => {
    await register(dataverse, receiver.url, [{ message: "Create", step: { asyncautodelete: false } }]);
    await dataverse.create("contacts", { lastname: "Lee" });

    await settled();

    expect((await dataverse.get("asyncoperations")).json.value).toMatchObject([
      { statecode: 3, statuscode: 30, messagename: "Create" },
    ]);
  });

  it.each([400, 401, 408, 429, 500])("does not retry %i; the job fails with 0x80050201 and stays", async (status) => {
    receiver.state.answer = () => status;
    const { stepIds } = await register(dataverse, receiver.url, [{ message: "Create" }]);
    await dataverse.create("contacts", { lastname: "Lee" });

    await settled();
    const [job] = await failedJobs(stepIds[0]);

    expect(receiver.hooks.length).toBe(1);
    expect(job).toMatchObject({
      errorcode: 0x80050201 | 0,
      name: "Create of contact",
      completedon: expect.any(String),
    });
  });

  it.each([502, 503, 504])("retries %i exactly once", async (status) => {
    receiver.state.answer = () => status;
    const { stepIds } = await register(dataverse, receiver.url, [{ message: "Create" }]);
    await dataverse.create("contacts", { lastname: "Lee" });

    await settled();

    expect(receiver.hooks.length).toBe(2);
    expect(receiver.hooks[0]?.raw).toBe(receiver.hooks[1]?.raw);
    expect((await failedJobs(stepIds[0])).length).toBe(1);
  });

  it("succeeds when the retry does", async () => {
    receiver.state.answer = (_hook, count) => (count === 1 ? 503 : 200);
    await register(dataverse, receiver.url, [{ message: "Create" }]);
    await dataverse.create("contacts", { lastname: "Lee" });

    expect(await settled()).toMatchObject({ delivered: 1, failed: 0, attempts: 2 });
  });

  it("fails with 0x80050202 when no answer comes in time, and with 0x80050205 when nobody listens", async () => {
    receiver.state.answer = () => 0;
    const slow = await register(dataverse, receiver.url, [{ message: "Create" }]);
    const dead = await register(dataverse, "http://127.0.0.1:9/none", [{ message: "Create" }]);
    await dataverse.create("contacts", { lastname: "Lee" });

    await settled();

    expect(await failedJobs(slow.stepIds[0])).toMatchObject([{ errorcode: 0x80050202 | 0 }]);
    expect(await failedJobs(dead.stepIds[0])).toMatchObject([{ errorcode: 0x80050205 | 0 }]);
  });

  it("fails a synchronous step's request and rolls it back; on success the row is there", async () => {
    await register(dataverse, receiver.url, [{ message: "Create", step: { mode: 0 } }]);
    receiver.state.answer = (_hook, count) => (count === 1 ? 500 : 200);

    const failed = await dataverse.call("POST", "contacts", { lastname: "Lee" });
    const countAfterFailure = (await dataverse.get("contacts/$count")).text;
    const good = await dataverse.call("POST", "contacts", { lastname: "Lee" });

    expect(failed.status).toBe(400);
    expect(failed.json.error.code).toBe("0x80050201");
    expect(countAfterFailure).toBe("0");
    expect(good.status).toBe(204);
    expect(receiver.hooks[1]?.body).toMatchObject({ Mode: 0, Stage: 40, IsInTransaction: true });
  });

  it("sends nothing for a disabled step", async () => {
    const { stepIds } = await register(dataverse, receiver.url, [{ message: "Create" }]);
    await dataverse.call("PATCH", `sdkmessageprocessingsteps(${stepIds[0]})`, { statecode: 1, statuscode: 2 });
    await dataverse.create("contacts", { lastname: "Lee" });
    await dataverse.call("PATCH", `sdkmessageprocessingsteps(${stepIds[0]})`, { statecode: 0, statuscode: 1 });
    await dataverse.create("contacts", { lastname: "Li" });

    await receiver.wait(1);
    await settled();

    expect(receiver.hooks.map((hook) => attribute(hook, "lastname"))).toEqual(["Li"]);
  });

  it("sends nothing for a write that failed", async () => {
    await register(dataverse, receiver.url, [{ message: "Create" }]);
    const contactid = await dataverse.create("contacts", { lastname: "Lee" });
    await dataverse.call("POST", "contacts", { contactid, lastname: "Lee" });

    await settled();

    expect(receiver.hooks.length).toBe(1);
  });
});

describe("faults between Dataverse and the receiver (§15.12)", () => {
  const createMany = async (count: number) => {
    for (let index = 0; index < count; index += 1) await dataverse.create("contacts", { lastname: `L${index}` });
  };

  it("drop: nothing arrives and nobody is told", async () => {
    await register(dataverse, receiver.url, [{ message: "Create" }]);
    await dataverse.sim("faults", { on: "webhook", drop: true });
    await createMany(3);

    expect(await settled()).toMatchObject({ dropped: 3, delivered: 0, failed: 0 });
    expect(receiver.hooks.length).toBe(0);
  });

  it("double and shuffle: everything arrives twice, out of order", async () => {
    await register(dataverse, receiver.url, [{ message: "Create" }]);
    await dataverse.sim("faults", { on: "webhook", double: true, shuffleMs: 150 });
    await createMany(12);

    const hooks = await receiver.wait(24);
    const names = hooks.map((hook) => attribute(hook, "lastname"));

    expect(new Set(names).size).toBe(12);
    expect(names.filter((name) => name === "L3").length).toBe(2);
    expect(names).not.toEqual(names.toSorted());
  });

  it("delay: one message of one table arrives late", async () => {
    await register(dataverse, receiver.url, [{ message: "Create" }]);
    await dataverse.sim("faults", { on: "webhook", delayMs: 200, times: 1, table: "contact", message: "Create" });
    await createMany(2);

    const hooks = await receiver.wait(2);

    expect(hooks.map((hook) => attribute(hook, "lastname"))).toEqual(["L1", "L0"]);
  });

  it("are refused when they cannot mean anything", async () => {
    await expect(dataverse.sim("faults", { on: "webhook" })).rejects.toThrow("drop");
    await expect(dataverse.sim("faults", { on: "webhook", lose: true })).rejects.toThrow("lose");
  });
});
