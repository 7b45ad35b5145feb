// facts/dataverse.md §2, §1.1, §1.7: service endpoints that post to a Service Bus, received with the unmodified client.
import { ServiceBusClient, type ServiceBusReceivedMessage } from "@azure/service-bus";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Broker, startBroker } from "../../../infra/local/bus/broker.js";
import { WELL_KNOWN } from "../../../infra/local/dataverse/model/ids.js";
import { makeRealWorld } from "../../../infra/local/sim/real-world.js";
import { type ContextJson, type Dataverse, register, startDataverse, startReceiver } from "./simulator.js";

const CLAIMS = "http://schemas.microsoft.com/xrm/2011/Claims";
const QUEUE = "dataverse-notices";

let broker: Broker;
let client: ServiceBusClient;
let dataverse: Dataverse;
beforeEach(async () => {
  broker = await startBroker({ port: 0, queues: [{ name: QUEUE }] });
  client = new ServiceBusClient(broker.connectionString);
  dataverse = await startDataverse({ switches: { busRetryAfterMs: [] } });
});
afterEach(async () => {
  await dataverse.close();
  await client.close();
  await broker.close();
});

const endpoint = (change: object = {}) => ({
  ...{ name: "bus", contract: 6, authtype: 2, messageformat: 2, namespaceformat: 2, solutionnamespace: "local" },
  ...{ namespaceaddress: `sb://127.0.0.1:${broker.port}/`, path: QUEUE, saskeyname: "send", saskey: "bG9jYWw=" },
  ...change,
});

const receive = async (count: number, skipParsingBodyAsJson = false): Promise<ServiceBusReceivedMessage[]> => {
  const receiver = client.createReceiver(QUEUE, { receiveMode: "receiveAndDelete", skipParsingBodyAsJson });
  const messages: ServiceBusReceivedMessage[] = [];
  while (messages.length < count) {
    const more = await receiver.receiveMessages(count - messages.length, { maxWaitTimeInMs: 3000 });
    if (more.length === 0) throw new Error(`${messages.length} of ${count} messages came`);
    messages.push(...more);
  }
  await receiver.close();
  return messages;
};
const contextOf = (message: ServiceBusReceivedMessage | undefined) => message?.body as ContextJson;
const bus = async () => (await dataverse.sim("state/bus")) as Record<string, number>;
const until = async (condition: (statistics: Record<string, number>) => boolean): Promise<Record<string, number>> => {
  for (let round = 0; round < 600; round += 1) {
    const statistics = await bus();
    if (condition(statistics)) return statistics;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`never came to be: ${condition} in ${JSON.stringify(await bus())}`);
};
const settled = () => until(({ pending }) => pending === 0);
const jobs = async () => (await dataverse.get("asyncoperations")).json.value;

describe("registering a Service Bus endpoint (§1.1, §2)", () => {
  it("keeps the SAS key to itself and only tells that there is one", async () => {
    const id = await dataverse.create("serviceendpoints", endpoint());

    const { json, text } = await dataverse.get(`serviceendpoints(${id})`);
    const selected = await dataverse.get(`serviceendpoints(${id})?$select=saskey`);
    const inspected = await dataverse.sim("state/serviceendpoints");

    expect(json).toMatchObject({ contract: 6, path: QUEUE, saskeyname: "send", issaskeyset: true });
    expect(text).not.toContain("bG9jYWw=");
    expect(selected.status).toBe(400);
    expect(JSON.stringify(inspected)).not.toContain("bG9jYWw=");
  });

  it("takes a topic, and a namespace by its name", async () => {
    const topic = await dataverse.call("POST", "serviceendpoints", endpoint({ contract: 5 }));
    const named = { namespaceformat: 1, solutionnamespace: "contoso", namespaceaddress: null };
    const byName = await dataverse.call("POST", "serviceendpoints", endpoint(named));

    expect([topic.status, byName.status]).toEqual([204, 204]);
  });

  it.each([
    [{ contract: 1 }, 501, "contract 1"],
    [{ contract: 2 }, 501, "use 6"],
    [{ contract: 3 }, 501, "contract 3"],
    [{ contract: 4 }, 501, "contract 4"],
    [{ contract: 7 }, 501, "Event Hub"],
    [{ contract: 9 }, 501, "Event Grid"],
    [{ contract: 10 }, 501, "Managed Data Lake"],
    [{ messageformat: 1 }, 501, "messageformat"],
    [{ messageformat: 3 }, 501, "messageformat"],
    [{ messageformat: undefined }, 501, "Binary XML) is the default"],
    [{ authtype: 3, sastoken: "t" }, 501, "authtype"],
    [{ authtype: 4, authvalue: "x" }, 400, "webhook"],
    [{ authtype: undefined }, 400, "authtype"],
    [{ path: undefined }, 400, "path"],
    [{ solutionnamespace: undefined }, 400, "solutionnamespace"],
    [{ namespaceaddress: undefined }, 400, "namespaceaddress"],
    [{ namespaceaddress: "https://contoso.example.com/" }, 400, "sb://"],
    [{ namespaceformat: undefined }, 400, "namespaceformat"],
    [{ namespaceformat: 1, solutionnamespace: "a/b" }, 400, "solutionnamespace"],
    [{ saskeyname: undefined }, 400, "saskeyname"],
    [{ saskey: undefined }, 400, "saskey"],
    [{ saskey: "a;EntityPath=other" }, 400, "saskey"],
  ])("is refused with %j (%i), saying why", async (change, status, reason) => {
    const answer = await dataverse.call("POST", "serviceendpoints", endpoint(change));

    expect(answer.status).toBe(status);
    expect(answer.json.error.message).toContain(reason);
  });

  it("refuses synchronous steps, also when a webhook that has one is made a bus endpoint", async () => {
    const sync = { message: "Create" as const, step: { mode: 0 } };
    await expect(register(dataverse, endpoint(), [sync])).rejects.toThrow("asynchronous");
    const { endpointId } = await register(dataverse, "http://127.0.0.1:9/x", [sync]);

    const changed = await dataverse.call("PATCH", `serviceendpoints(${endpointId})`, endpoint());

    expect(changed.status).toBe(400);
    expect(changed.json.error.message).toContain("asynchronous");
  });

  it("is refused with 501 in a world that has no bus", async () => {
    const world = makeRealWorld();
    const { sendToBus: _none, ...busless } = world;
    const alone = await startDataverse({}, busless);

    const answer = await alone.call("POST", "serviceendpoints", endpoint());
    await alone.close();
    await world.close();

    expect(answer.status).toBe(501);
  });
});

describe("the message (§2)", () => {
  it("has the context of a webhook as JSON bytes, and the claims as properties under their full names", async () => {
    const images = [{ alias: "post", type: 1, attributes: "firstname" }];
    await register(dataverse, endpoint(), [{ message: "Update", images }]);
    const id = await dataverse.create("contacts", { lastname: "a/b" });
    await dataverse.call("PATCH", `contacts(${id})?tag=our%20own`, { firstname: "Ann" }, { "user-agent": "test/1.0" });

    const [message] = await receive(1);
    const context = contextOf(message);

    expect(message?.contentType).toBe("application/json");
    expect(message?.applicationProperties).toEqual({
      [`${CLAIMS}/Organization`]: new URL(dataverse.url).host,
      [`${CLAIMS}/User`]: WELL_KNOWN.integrationUser,
      [`${CLAIMS}/InitiatingUser`]: WELL_KNOWN.integrationUser,
      [`${CLAIMS}/EntityLogicalName`]: "contact",
      [`${CLAIMS}/RequestName`]: "Update",
      [`${CLAIMS}/InitiatingUserAgent`]: "test/1.0",
    });
    expect(message?.sessionId).toBeUndefined();
    expect(context).toMatchObject({ MessageName: "Update", Mode: 1, Stage: 40, PrimaryEntityId: id });
    expect(context.SharedVariables).toContainEqual({ key: "tag", value: "our own" });
    expect(context.PostEntityImages.map(({ key }) => key)).toEqual(["AsynchronousStepPrimaryName", "post"]);
    expect(Object.keys(context)).toEqual(Object.keys(context).toSorted());
  });

  it("is in the platform's own JSON dialect, byte for byte what the webhook of the same event gets", async () => {
    const receiver = await startReceiver();
    await register(dataverse, endpoint(), [{ message: "Create" }]);
    await register(dataverse, receiver.url, [{ message: "Create" }]);
    await dataverse.create("contacts", { lastname: "a/b", description: "one\ntwo" });

    const [hook] = await receiver.wait(1);
    const [message] = await receive(1, true);
    await receiver.close();
    const raw = String(message?.body);
    // Job and step are not the same ones.
    const masked = (text: string) => text.replace(/("OperationId":|"OwningExtension":\{"Id":)"[^"]*"/g, "$1");

    expect(raw).toContain('"a\\/b"');
    expect(masked(raw)).toBe(masked(hook?.raw ?? ""));
  });

  it("names the impersonated user as User and the caller as InitiatingUser", async () => {
    await register(dataverse, endpoint(), [{ message: "Create" }]);
    await dataverse.create("contacts", { lastname: "Lee" }, { mscrmcallerid: WELL_KNOWN.editorUser });

    const [message] = await receive(1);

    expect(message?.applicationProperties).toMatchObject({
      [`${CLAIMS}/User`]: WELL_KNOWN.editorUser,
      [`${CLAIMS}/InitiatingUser`]: WELL_KNOWN.integrationUser,
    });
  });

  it.each([
    ["none", false],
    ["operation", true],
  ])("carries ids of the operation only when busMessageIds says so (%s)", async (busMessageIds, there) => {
    await dataverse.sim("switches", { busMessageIds });
    await register(dataverse, endpoint(), [{ message: "Create" }]);
    await dataverse.create("contacts", { lastname: "Lee" });

    const [message] = await receive(1);
    const context = contextOf(message);

    expect(message?.messageId === context.OperationId).toBe(there);
    expect(message?.correlationId).toBe(there ? context.CorrelationId : undefined);
  });

  it("ends its system job: removed with asyncautodelete, succeeded without", async () => {
    await register(dataverse, endpoint(), [
      { message: "Create", step: { name: "goes", asyncautodelete: true } },
      { message: "Create", step: { name: "stays", asyncautodelete: false } },
    ]);
    await dataverse.create("contacts", { lastname: "Lee" });

    await receive(2);
    await settled();

    expect(await jobs()).toMatchObject([{ name: "stays", statecode: 3, statuscode: 30 }]);
  });
});

describe("the size rule (§2)", () => {
  const images = Array.from({ length: 36 }, (_, index) => ({
    ...{ alias: `post${index}`, type: 1, attributes: "description" },
  }));

  it("cuts a payload between 192 KB and 256 KB, which a webhook still takes whole, and adds MessageMaxSizeExceeded", async () => {
    const receiver = await startReceiver();
    await register(dataverse, endpoint(), [{ message: "Update", images }]);
    await register(dataverse, receiver.url, [{ message: "Update", images }]);
    const id = await dataverse.create("contacts", { lastname: "Lee", description: "語".repeat(2000) });
    await dataverse.call("PATCH", `contacts(${id})?tag=t`, { firstname: "x" });

    const [message] = await receive(1);
    const [hook] = await receiver.wait(1);
    await receiver.close();
    const context = contextOf(message);

    expect(Buffer.byteLength(hook?.raw ?? "")).toBeGreaterThan(192 * 1024);
    expect(message?.applicationProperties).toHaveProperty("MessageMaxSizeExceeded");
    expect(message?.applicationProperties).toHaveProperty([`${CLAIMS}/EntityLogicalName`], "contact");
    for (const member of ["ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages"])
      expect(context).not.toHaveProperty(member);
    expect(context).toMatchObject({ PrimaryEntityId: id, PrimaryEntityName: "contact", MessageName: "Update" });
    expect(context.SharedVariables).toContainEqual({ key: "tag", value: "t" });
  });

  it("does not send what is too large even so, and fails the job at once", async () => {
    await dataverse.sim("switches", { busMaxBytes: 500, busRetryAfterMs: [1] });
    await register(dataverse, endpoint(), [{ message: "Create" }]);
    await dataverse.create("contacts", { lastname: "Lee" });

    expect(await settled()).toMatchObject({ attempts: 0 });
    expect(await jobs()).toMatchObject([{ statecode: 3, statuscode: 31, message: expect.stringContaining("size") }]);
  });
});

describe("when the bus does not take it (§2)", () => {
  it.each([
    ["does not know the queue", () => endpoint({ path: "nowhere" }), "refused", "refused"],
    ["is not there", () => endpoint({ namespaceaddress: "sb://127.0.0.1:9/" }), "unreachable", "did not reach"],
  ])("because it %s, the job waits, and fails when given up", async (_why, target, status, text) => {
    await dataverse.sim("switches", { busRetryAfterMs: [400, 10] });
    const { stepIds } = await register(dataverse, target(), [{ message: "Create" }]);
    await dataverse.create("contacts", { lastname: "Lee" });

    await until(({ waiting }) => waiting === 1);
    const [waiting] = await jobs();
    const statistics = await settled();
    const failed = await dataverse.get(
      `asyncoperations?$filter=statuscode eq 31 and _owningextensionid_value eq ${stepIds[0]}&$select=name,friendlymessage,message,completedon,retrycount`,
    );

    expect(waiting).toMatchObject({ statecode: 1, statuscode: 10, retrycount: 1, completedon: null });
    expect(statistics).toMatchObject({ attempts: 3, failed: 1, delivered: 0, statuses: { [status]: 3 } });
    expect(failed.json.value).toMatchObject([
      { retrycount: 2, message: expect.stringContaining(text), completedon: expect.any(String) },
    ]);
  });

  it("waits longer from attempt to attempt, as busRetryAfterMs says, and stops at the first success", async () => {
    const times: number[] = [];
    const world = makeRealWorld();
    const slow = await startDataverse(
      { switches: { busRetryAfterMs: [40, 160, 5000] } },
      {
        ...world,
        async sendToBus() {
          times.push(performance.now());
          return times.length < 3 ? "unreachable" : "sent";
        },
      },
    );
    await register(slow, endpoint(), [{ message: "Create" }]);
    await slow.create("contacts", { lastname: "Lee" });

    await expect.poll(async () => ((await slow.sim("state/bus")) as { delivered: number }).delivered).toBe(1);
    await slow.close();
    await world.close();
    const [first = 0, second = 0, third = 0] = times;

    expect(times.length).toBe(3);
    expect(second - first).toBeGreaterThanOrEqual(35);
    expect(third - second).toBeGreaterThanOrEqual(150);
  });

  it("sends to the endpoint as it is by then: a corrected path helps what is waiting", async () => {
    await dataverse.sim("switches", { busRetryAfterMs: [300] });
    const { endpointId } = await register(dataverse, endpoint({ path: "nowhere" }), [{ message: "Create" }]);
    const id = await dataverse.create("contacts", { lastname: "Lee" });
    await until(({ waiting }) => waiting === 1);
    await dataverse.call("PATCH", `serviceendpoints(${endpointId})`, { path: QUEUE });

    const [message] = await receive(1);
    await settled();

    expect(contextOf(message).PrimaryEntityId).toBe(id);
    expect(await jobs()).toEqual([]);
  });

  it("sends nothing more once the waiting job is cancelled or removed", async () => {
    await dataverse.sim("switches", { busRetryAfterMs: [150] });
    await register(dataverse, endpoint({ path: "nowhere" }), [{ message: "Create" }]);
    await dataverse.create("contacts", { lastname: "Lee" });
    await dataverse.create("contacts", { lastname: "Li" });
    await until(({ waiting }) => waiting === 2);
    const [first, second] = await jobs();
    await dataverse.call("PATCH", `asyncoperations(${first?.asyncoperationid})`, { statecode: 3, statuscode: 32 });
    await dataverse.call("DELETE", `asyncoperations(${second?.asyncoperationid})`);

    const statistics = await settled();

    expect(statistics).toMatchObject({ attempts: 2, failed: 0 });
    expect(await jobs()).toMatchObject([{ statuscode: 32 }]);
  });

  it("does not hold up the write, and a write that fails sends nothing", async () => {
    await register(dataverse, endpoint(), [{ message: "Create" }]);
    const contactid = await dataverse.create("contacts", { lastname: "Lee" });
    const twice = await dataverse.call("POST", "contacts", { contactid, lastname: "Lee" });

    await receive(1);

    expect(twice.status).toBe(412);
    expect(await settled()).toMatchObject({ delivered: 1, attempts: 1 });
  });
});

describe("faults between Dataverse and the bus (§15.12)", () => {
  const createMany = async (count: number) => {
    for (let index = 0; index < count; index += 1) await dataverse.create("contacts", { lastname: `L${index}` });
  };
  const nameOf = (message: ServiceBusReceivedMessage) =>
    contextOf(message)
      .InputParameters.flatMap(({ value }) => (value as { Attributes: { key: string; value: unknown }[] }).Attributes)
      .find(({ key }) => key === "lastname")?.value;

  it("drop: nothing arrives and nobody is told", async () => {
    await register(dataverse, endpoint(), [{ message: "Create" }]);
    await dataverse.sim("faults", { on: "bus", drop: true });
    await createMany(2);

    expect(await settled()).toMatchObject({ dropped: 2, attempts: 0, failed: 0 });
    expect(await jobs()).toEqual([]);
  });

  it("double and shuffle: everything arrives twice, out of order; faults of webhooks do not count here", async () => {
    await register(dataverse, endpoint(), [{ message: "Create" }]);
    await dataverse.sim("faults", { on: "webhook", drop: true });
    await dataverse.sim("faults", { on: "bus", double: true, shuffleMs: 150 });
    await createMany(12);

    const names = (await receive(24)).map(nameOf);

    expect(new Set(names).size).toBe(12);
    expect(names.filter((name) => name === "L3").length).toBe(2);
    expect(names).not.toEqual(names.toSorted());
  });

  it("delay: one message arrives late", async () => {
    await register(dataverse, endpoint(), [{ message: "Create" }]);
    await dataverse.sim("faults", { on: "bus", delayMs: 200, times: 1 });
    await createMany(2);

    expect((await receive(2)).map(nameOf)).toEqual(["L1", "L0"]);
  });

  it("are refused when they cannot mean anything", async () => {
    await expect(dataverse.sim("faults", { on: "bus" })).rejects.toThrow("drop");
    await expect(dataverse.sim("faults", { on: "topic", drop: true })).rejects.toThrow("webhook");
  });
});
