import { beforeEach, describe, expect, it } from "vitest";
import { reconcileSlice } from "../../shared/flows/reconcile-opt-outs.js";
import { wordsSlice } from "../../shared/flows/reconcile-words.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import { shippedDocuments } from "../../shared/mapping/shipped.js";
import type { Row } from "../../shared/model/row.js";
import { type ControlWorld, makeControlWorld } from "../support/control-world.js";
import { aMappingDocument, compiled } from "../support/mappings.js";
import { makePublishWorld } from "../support/publish-world.js";
import { recordId } from "../support/samples.js";

const minute = 60_000;
const path = "/opt-outs/reconciliation";

let own: ControlWorld;

beforeEach(async () => {
  own = await makeControlWorld({ mapping: mappingOf("toDynamics") });
});

function documentOf(direction: string): Record<string, unknown> {
  const columns = { contactid: "id", lastname: "string", donotemail: "boolean", donotfax: "boolean" };
  const optOuts = { direction, attributes: { email: "donotemail", fax: "donotfax" } };
  return aMappingDocument(undefined, { columns, optOuts });
}

function mappingOf(direction: string): CompiledMapping {
  return compiled(documentOf(direction));
}

async function person(n: number, row: Row, values: Record<string, unknown> = {}): Promise<void> {
  const { world } = own;
  const id = recordId(n);
  world.dynamics.put(id, { lastname: "Lee", donotemail: false, donotfax: false, ...row });
  world.campaignCommand("seed", { resource: "profile", records: [{ externalId: id, lastName: "Lee" }] });
  world.clock.advance(1_000);
  if (Object.keys(values).length > 0) world.campaignCommand("edit", { resource: "profile", key: id, values });
  await world.ports.states.save("contact", id, { settings: 1, epoch: 1, present: true }, undefined);
}

/** 1 to 3 ask for a word about e-mail, 3 about fax, too; 4 is out in Campaign; 5 agrees. */
async function people(): Promise<void> {
  await person(1, { donotemail: true });
  await person(2, { donotemail: true });
  await person(3, { donotemail: true, donotfax: true });
  await person(4, {}, { blackListEmail: true });
  await person(5, {});
}

async function slices(): Promise<void> {
  const { ports, pace } = own.ports.reconciling;
  await reconcileSlice(ports, pace, own.world.clock.now() + minute);
  await wordsSlice(ports, { maxDepth: 100, pollMs: 50, retryMs: minute }, own.world.clock.now() + minute);
}

async function listed(): Promise<number> {
  const { status, body } = await own.ask("POST", path, { headers: { "x-operator": "ada" } });
  expect(status).toBe(202);
  await slices();
  return Number(body.number);
}

const confirm = (body: unknown, headers: Record<string, string> = { "x-operator": "ada" }) =>
  own.ask("POST", `${path}/confirm`, { body, headers });
const problem = (body: Record<string, unknown>): unknown => (body.error as { code: string }).code;
const optedOut = (): number[] =>
  [...own.world.dynamics.rows().values()].flatMap(({ id, row }) =>
    row.donotemail === true || row.donotfax === true ? [Number(id.slice(-3))] : [],
  );

describe("the order of a reconciliation", () => {
  it("says what it would take, and who ordered it, and is refused while one is under way", async () => {
    await people();
    own.ports.countRows = async () => 1_001;

    const first = await own.ask("POST", path, { headers: { "x-operator": "ada" } });
    const second = await own.ask("POST", path);

    expect(first).toMatchObject({
      status: 202,
      body: {
        number: 1,
        phase: "clearing",
        isDraft: false,
        by: "ada",
        direction: "toDynamics",
        attributes: [
          { attribute: "email", column: "donotemail" },
          { attribute: "fax", column: "donotfax" },
        ],
        estimate: { contacts: 1_001, campaignCalls: 502, dynamicsCalls: 501 + 101 },
      },
    });
    expect(second).toMatchObject({ status: 409, body: { error: { code: "conflict" } } });
  });

  it("goes by a draft before a direction is switched on, and by nothing else", async () => {
    own = await makeControlWorld({ mapping: mappingOf("disabled") });
    own.ports.publishing = (await makePublishWorld()).process().ports;
    await people();
    const { optOuts, columns } = documentOf("toCampaign");
    const [contact] = shippedDocuments;
    const draft = { ...contact, optOuts, columns: { ...contact?.columns, ...(columns as object) } };

    const without = await own.ask("POST", path);
    const wrong = await own.ask("POST", path, { body: { documents: [{ v: 1 }] } });
    const ordered = await own.ask("POST", path, { body: { documents: [draft] } });
    await slices();
    const { body } = await own.ask("GET", path);
    const said = await confirm({ run: 1, all: { count: 1 } });

    expect([without.status, problem(without.body)]).toEqual([409, "no-direction"]);
    expect([wrong.status, problem(wrong.body)]).toEqual([400, "not-publishable"]);
    expect(ordered.body).toMatchObject({ isDraft: true, direction: "toCampaign", by: "function-key" });
    expect(body.reconciliation).toMatchObject({
      phase: "done",
      differences: [
        { kind: "opts-out", attribute: "email", count: 3 },
        { kind: "opts-out", attribute: "fax", count: 1 },
        { kind: "needs-word", attribute: "email", count: 1 },
      ],
    });
    // The lane goes by the settings in force: the draft has to be published first.
    expect([said.status, problem(said.body)]).toEqual([409, "other-settings"]);
  });

  it("can be ended, and nothing be said to its list then", async () => {
    await people();
    await own.ask("POST", path);

    const ended = await own.ask("DELETE", path);
    const again = await own.ask("DELETE", path);
    const said = await confirm({ run: 1, all: { count: 1 } });

    expect([ended.body, again.body]).toEqual([
      { wasReading: true, wasQueueing: false },
      { wasReading: false, wasQueueing: false },
    ]);
    expect([said.status, problem(said.body)]).toEqual([409, "list-not-whole"]);
  });
});

describe("the list of what differs", () => {
  it("is counted by kind and attribute, with everybody who is on one side only", async () => {
    await people();
    own.world.dynamics.put(recordId(6), { lastname: "Low", donotemail: true });
    await listed();

    const { body } = await own.ask("GET", path);

    expect(body.reconciliation).toMatchObject({
      number: 1,
      phase: "done",
      counts: { profiles: 5, compared: 5, withoutContact: 0, contacts: 6, withoutProfile: 1 },
      differences: [
        { kind: "opts-out", attribute: "email", count: 1 },
        { kind: "needs-word", attribute: "email", count: 3 },
        { kind: "needs-word", attribute: "fax", count: 1 },
      ],
    });
  });

  it("says of each difference what would become of it, in a sentence", async () => {
    await people();
    await listed();

    const { body } = await own.ask("GET", `${path}/differences`);
    const sentences = (body.differences as { explanation: string }[]).map(({ explanation }) => explanation);

    expect(sentences).toEqual([
      ...Array(3).fill(
        "Only Dynamics says opted out of e-mail, and nobody was seen to take that back in Campaign: both sides left as they are until an operator says which holds.",
      ),
      "Only Dynamics says opted out of fax, and nobody was seen to take that back in Campaign: both sides left as they are until an operator says which holds.",
      "Opted out of e-mail in Campaign on 2026-03-01 00:00:04 UTC, later than the last change of the record in Dynamics: opt-out would be written to Dynamics.",
    ]);
  });

  it("comes page by page, by kind and by attribute", async () => {
    await people();
    await listed();
    const seen: string[] = [];
    let continuation: string | undefined;
    do {
      const query = { kind: "needs-word", attribute: "email", limit: "2", ...(continuation && { continuation }) };
      const { body } = await own.ask("GET", `${path}/differences`, { query });
      seen.push(...(body.differences as { record: string }[]).map(({ record }) => record));
      continuation = body.continuation as string | undefined;
    } while (continuation !== undefined);

    expect(seen).toEqual([1, 2, 3].map(recordId));
  });

  it("can be had as a file, also that of an earlier run", async () => {
    await people();
    await listed();
    await listed();

    const { status, text, headers } = await own.ask("GET", `${path}/export`, { query: { run: "1", kind: "opts-out" } });
    const later = await own.ask("GET", `${path}/export`, { query: { run: "3" } });

    expect(status).toBe(200);
    expect(headers["content-disposition"]).toContain("opt-out-differences-1.csv");
    expect(text.split("\r\n")).toEqual([
      expect.stringMatching(/^"kind","table","record","attribute",/),
      expect.stringContaining(
        `"opts-out","contact","${recordId(4)}","email","donotemail","toDynamics","false","2026-03-01T00:00:03.000Z",`,
      ),
      "",
    ]);
    expect(later.status).toBe(404);
  });

  it.each([
    ["kind", "maybe"],
    ["attribute", "letters"],
    ["run", "0"],
    ["limit", "501"],
    ["continuation", "bm90IG91cnM"],
  ])("refuses a filter that makes no sense: %s=%s", async (name, value) => {
    const { status } = await own.ask("GET", `${path}/differences`, { query: { [name]: value } });

    expect(status).toBe(400);
  });

  it("is not there before the first run", async () => {
    const list = await own.ask("GET", `${path}/differences`);
    const said = await confirm({ run: 1, all: { count: 1 } });

    expect([list.status, said.status, (await own.ask("GET", path)).body]).toEqual([404, 404, {}]);
  });
});

describe("an operator's word", () => {
  it("for all of an attribute goes with their exact number, and opts in those who are still as they were listed", async () => {
    await people();
    const run = await listed();
    const wrong = await confirm({ run, all: { attributes: ["email"], count: 4 } });
    own.world.dynamics.put(recordId(2), { lastname: "Low", donotemail: true, donotfax: false });

    const right = await confirm({ run, all: { attributes: ["email"], count: 3 } });
    await slices();
    await own.world.drain();

    expect([wrong.status, problem(wrong.body)]).toEqual([409, "count-differs"]);
    expect(JSON.stringify(wrong.body)).toContain("has 3 such differences, not 4");
    expect(right).toMatchObject({
      status: 202,
      body: { run, words: { action: "confirm", attributes: ["email"], by: "ada", phase: "queueing" } },
    });
    // 2 changed meanwhile, 3 is out of fax still.
    expect(optedOut()).toEqual([2, 3]);
    expect((await own.ask("GET", path)).body.words).toMatchObject({ phase: "done", queued: 3 });
  });

  it("for some of them names record and attribute, and the list shows whose word it was", async () => {
    await people();
    const run = await listed();

    const said = await confirm({
      run,
      records: [
        { record: recordId(3), attribute: "fax" },
        { record: recordId(3), attribute: "email" },
        { record: recordId(3), attribute: "email" },
      ],
    });
    await own.world.drain();
    const { body } = await own.ask("GET", `${path}/differences`, { query: { attribute: "fax" } });

    expect(said).toMatchObject({ status: 202, body: { run, queued: 1 } });
    expect(optedOut()).toEqual([1, 2]);
    expect(body.differences).toMatchObject([
      {
        record: recordId(3),
        confirmed: { by: "ada" },
        explanation: expect.stringContaining("Operator ada has confirmed the opt-in."),
      },
    ]);
    const { decisions } = (await own.ask("GET", "/opt-outs/decisions", { query: { rule: "opt-in-confirmed" } })).body;
    expect(decisions).toMatchObject([{ by: "ada" }, { by: "ada" }]);
  });

  it("for something that is not on the list is refused, with the others", async () => {
    await people();
    const run = await listed();

    const records = [1, 4, 5].map((n) => ({ record: recordId(n), attribute: "email" }));
    const { status, body } = await confirm({ run, records });
    await own.world.drain();

    expect([status, problem(body)]).toEqual([404, "not-listed"]);
    expect(JSON.stringify(body)).toMatch(/body\.records\[1\].*body\.records\[2\]/);
    expect(optedOut()).toEqual([1, 2, 3]);
  });

  it.each<[string, unknown, Record<string, string>]>([
    ["nobody's name", { run: 1, all: { count: 4 } }, {}],
    ["neither records nor all", { run: 1 }, { "x-operator": "ada" }],
    [
      "both",
      { run: 1, all: { count: 4 }, records: [{ record: recordId(1), attribute: "email" }] },
      { "x-operator": "ada" },
    ],
    ["no count", { run: 1, all: {} }, { "x-operator": "ada" }],
  ])("is refused with %s", async (_what, body, headers) => {
    await people();
    await listed();

    const { status } = await confirm(body, headers);

    expect(status).toBe(400);
    expect(own.world.queue.readyLanes()).toEqual([]);
  });

  it("is refused for a list that a newer one has replaced, and while opt-outs are stopped", async () => {
    await people();
    await listed();
    await listed();

    const older = await confirm({ run: 1, all: { count: 4 } });
    await own.control.stop(false, "ada", "optout");
    const stopped = await confirm({ run: 2, all: { count: 4 } });

    expect([older, stopped].map(({ status, body }) => [status, problem(body)])).toEqual([
      [409, "older-list"],
      [409, "stopped"],
    ]);
  });
});

describe("settling the opt-outs of a list now", () => {
  it("needs nobody's word and no count", async () => {
    await people();
    const run = await listed();

    const said = await own.ask("POST", `${path}/apply`, { body: { run } });
    const meanwhile = await own.ask("POST", path);
    await slices();
    await own.world.drain();

    expect(said).toMatchObject({
      status: 202,
      body: { words: { action: "apply", attributes: expect.arrayContaining(["email"]) } },
    });
    expect([meanwhile.status, problem(meanwhile.body)]).toEqual([409, "conflict"]);
    expect(optedOut()).toEqual([1, 2, 3, 4]);
  });
});
