// facts/dataverse.md §1.8: Associate and Disassociate, raised by explicit $ref calls. Which events those raise, and what the
// context calls the table, is unconfirmed: all positions of the switches.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Dataverse, type Hook, startDataverse, startReceiver } from "./simulator.js";

let dataverse: Dataverse;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let accountId: string;
let contactId: string;
beforeEach(async () => {
  dataverse = await startDataverse();
  receiver = await startReceiver();
  accountId = await dataverse.create("accounts", { name: "Firm" });
  contactId = await dataverse.create("contacts", { lastname: "Lee" });
});
afterEach(async () => {
  await dataverse.close();
  await receiver.close();
});

const CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts";
const reference = (table: string, id: string) => ({
  ...{ __type: `EntityReference:${CONTRACTS}`, Id: id, KeyAttributes: [] },
  ...{ LogicalName: table, Name: null, RowVersion: null },
});
/** Steps on messages as the facts say: without a filter, that is without a primary entity. */
const listen = async (...messages: string[]): Promise<string[]> => {
  const endpointId = await dataverse.create("serviceendpoints", {
    ...{ name: "receiver", url: receiver.url, contract: 8, authtype: 4, authvalue: "k" },
  });
  const ids: string[] = [];
  for (const message of messages) {
    const found = await dataverse.get(`sdkmessages?$select=sdkmessageid&$filter=name eq '${message}'`);
    ids.push(
      await dataverse.create("sdkmessageprocessingsteps", {
        ...{ name: message, stage: 40, mode: 1, rank: 1, asyncautodelete: true },
        "eventhandler_serviceendpoint@odata.bind": `/serviceendpoints(${endpointId})`,
        "sdkmessageid@odata.bind": `/sdkmessages(${found.json.value[0]?.sdkmessageid})`,
      }),
    );
  }
  return ids;
};
const addToCollection = () =>
  dataverse.call("POST", `accounts(${accountId})/contact_customer_accounts/$ref`, {
    "@odata.id": `${dataverse.api}/contacts(${contactId})`,
  });
const setLookup = () =>
  dataverse.call("PUT", `contacts(${contactId})/parentcustomerid_account/$ref`, {
    "@odata.id": `${dataverse.api}/accounts(${accountId})`,
  });
const clearLookup = () => dataverse.call("DELETE", `contacts(${contactId})/parentcustomerid_account/$ref`);
const settled = () => expect.poll(() => dataverse.sim("state/webhooks")).toMatchObject({ pending: 0 });
const messages = (hooks: readonly Hook[]) => hooks.map(({ body }) => body.MessageName).sort();

describe("Associate and Disassociate (§1.8)", () => {
  it("say who is tied to whom: Target, Relationship and RelatedEntities, no images", async () => {
    await listen("Associate");
    const answer = await addToCollection();

    const [hook] = await receiver.wait(1);

    expect(answer.status).toBe(204);
    expect(hook?.headers).toMatchObject({ "x-ms-dynamics-request-name": "Associate" });
    expect(hook?.body.InputParameters).toEqual([
      { key: "Target", value: reference("account", accountId) },
      {
        key: "Relationship",
        value: {
          ...{ __type: `Relationship:${CONTRACTS}`, PrimaryEntityRole: null },
          SchemaName: "contact_customer_accounts",
        },
      },
      { key: "RelatedEntities", value: [reference("contact", contactId)] },
    ]);
    expect(hook?.body).toMatchObject({ OutputParameters: [], PreEntityImages: [], PostEntityImages: [] });
  });

  it("see the tie from the row that the request names, whichever end it is", async () => {
    await listen("Associate", "Disassociate");
    await setLookup();
    await receiver.wait(1);
    await clearLookup();

    const hooks = await receiver.wait(2);

    expect(messages(hooks)).toEqual(["Associate", "Disassociate"]);
    for (const { body } of hooks) {
      expect(body.InputParameters[0]?.value).toEqual(reference("contact", contactId));
      expect(body.InputParameters[2]?.value).toEqual([reference("account", accountId)]);
    }
  });

  it.each([
    ["none", "none"],
    ["target", "account"],
  ])("call the table %s as associateEntityName says", async (associateEntityName, name) => {
    await dataverse.sim("switches", { associateEntityName });
    await listen("Associate");
    await addToCollection();

    const [hook] = await receiver.wait(1);

    expect(hook?.body.PrimaryEntityName).toBe(name);
    expect(hook?.headers["x-ms-dynamics-entity-name"]).toBe(name);
  });

  it.each([
    ["associate", ["Associate"]],
    ["update", ["Update"]],
    ["both", ["Associate", "Update"]],
  ])("come alone, not at all, or beside Update, as referenceRaises says (%s)", async (referenceRaises, expected) => {
    await dataverse.sim("switches", { referenceRaises });
    await listen("Associate", "Update");
    await setLookup();

    await receiver.wait(expected.length);
    await settled();

    expect(messages(receiver.hooks)).toEqual(expected);
    expect((await dataverse.get(`contacts(${contactId})`)).json._parentcustomerid_value).toBe(accountId);
  });

  it("do not come for a lookup set or emptied in a body, nor for one that was empty already", async () => {
    await listen("Associate", "Disassociate");
    await clearLookup();
    await dataverse.call("PATCH", `contacts(${contactId})`, {
      "parentcustomerid_account@odata.bind": `/accounts(${accountId})`,
    });
    await dataverse.call("PATCH", `contacts(${contactId})`, { parentcustomerid_account: null });

    await settled();

    expect(receiver.hooks).toEqual([]);
  });

  it("take no images", async () => {
    const [stepId] = await listen("Associate");

    const answer = await dataverse.call("POST", "sdkmessageprocessingstepimages", {
      ...{ name: "pre", entityalias: "pre", imagetype: 0, messagepropertyname: "Target" },
      "sdkmessageprocessingstepid@odata.bind": `/sdkmessageprocessingsteps(${stepId})`,
    });

    expect(answer.status).toBe(400);
    expect(answer.json.error.message).toContain("images");
  });
});
