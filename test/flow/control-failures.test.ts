import { beforeEach, describe, expect, it } from "vitest";
import { failureRetentionMs, purgeFailures } from "../../shared/control/purge-failures.js";
import { collectDeadLetter } from "../../shared/flows/collect-dead-letter.js";
import { handleChange } from "../../shared/flows/handle-change.js";
import { recordFailure } from "../../shared/flows/record-failure.js";
import { parseEnvelope } from "../../shared/model/envelope.js";
import type { RecordId } from "../../shared/model/ids.js";
import { all, type ControlWorld, makeControlWorld } from "../support/control-world.js";
import { aFailure, anEnvelope, recordId } from "../support/samples.js";

let own: ControlWorld;
beforeEach(async () => {
  own = await makeControlWorld();
});

type Json = Record<string, unknown>;
const refusal = { reason: "refused", code: "SOP-330011", message: "campaign refused profile" };

/** Contact `n` is in Dynamics and has failed. */
async function failed(n: number, reason = refusal): Promise<RecordId> {
  const id = recordId(n);
  own.world.dynamics.put(id, { lastname: `Lee ${n}` });
  await recordFailure(own.world.ports, anEnvelope({ id }), reason);
  return id;
}

async function unreadable(): Promise<Json> {
  await collectDeadLetter(own.world.ports, {
    body: "no envelope",
    messageId: "message-1",
    reason: "MaxDeliveryCountExceeded",
    enqueuedAt: "2026-03-01T00:00:00Z",
  });
  const { body } = await own.ask("GET", "/failures", { query: { table: "unreadable-message" } });
  return (body.failures as Json[])[0] ?? {};
}

async function list(query: Record<string, string> = {}): Promise<Json[]> {
  return (await own.ask("GET", "/failures", { query })).body.failures as Json[];
}

async function statusOf(n: number): Promise<unknown> {
  return (await own.ask("GET", `/failures/contact/${recordId(n)}`)).body.status;
}

describe("the list of failures", () => {
  it("is filtered by status, table and code", async () => {
    await failed(1);
    await failed(2, { ...refusal, code: "OTHER" });
    await own.ask("POST", `/failures/contact/${await failed(3)}/dismiss`);
    await own.world.failures.report(aFailure({ table: "account" }));

    const codes = async (query: Record<string, string>) =>
      (await list(query)).map(({ table, code, status }) => `${table} ${code} ${status}`).sort();

    expect(await codes({ status: "open", table: "contact" })).toEqual([
      "contact OTHER open",
      "contact SOP-330011 open",
    ]);
    expect(await codes({ errorCode: "OTHER" })).toEqual(["contact OTHER open"]);
    expect(await codes({ status: "dismissed" })).toEqual(["contact SOP-330011 dismissed"]);
    expect(await codes({ table: "account" })).toEqual(["account CAM-000001 open"]);
    expect(await codes({ table: "nothing" })).toEqual([]);
  });

  it("comes in pages that hold every failure once, though some are dismissed in between", async () => {
    for (let n = 1; n <= 7; n += 1) await failed(n);

    const ids: unknown[] = [];
    let continuation: unknown;
    do {
      const query = { status: "open", limit: "3", ...(typeof continuation === "string" && { continuation }) };
      const { body } = await own.ask("GET", "/failures", { query });
      const page = body.failures as Json[];
      ids.push(...page.map(({ id }) => id));
      await own.ask("POST", `/failures/contact/${page[0]?.id}/dismiss`);
      continuation = body.continuation;
    } while (continuation !== undefined);

    expect(ids.sort()).toEqual([1, 2, 3, 4, 5, 6, 7].map(recordId));
  });

  it("has no continuation when the last page is just full", async () => {
    for (let n = 1; n <= 3; n += 1) await failed(n);

    const { body } = await own.ask("GET", "/failures", { query: { limit: "3" } });

    expect(body.failures).toHaveLength(3);
    expect(body).not.toHaveProperty("continuation");
  });

  it.each(["x", "bm90aGluZw", Buffer.from('["ingress-\' or 1 eq 1","x"]').toString("base64url")])(
    "refuses a continuation that it did not give: %s",
    async (continuation) => {
      expect(await own.ask("GET", "/failures", { query: { continuation } })).toMatchObject({
        status: 400,
        body: { error: { problems: [{ path: "query.continuation" }] } },
      });
    },
  );
});

describe("one failure", () => {
  it("is shown whole, and one that is not there is not found", async () => {
    const id = await failed(1);

    expect(await own.ask("GET", `/failures/contact/${id.toUpperCase()}`)).toMatchObject({
      status: 200,
      body: { ...refusal, table: "contact", id, status: "open", canRedrive: true },
    });
    for (const [method, path] of [
      ["GET", ""],
      ["POST", "/redrive"],
      ["POST", "/dismiss"],
      ["POST", "/reopen"],
    ] as const) {
      expect(await own.ask(method, `/failures/contact/${recordId(9)}${path}`)).toMatchObject({ status: 404 });
    }
  });
});

describe("a redrive", () => {
  it("ends like a clean first pass: the record as it is now is in Campaign by one call, and the failure is resolved", async () => {
    const id = await failed(1);
    own.world.dynamics.put(id, { lastname: "Corrected" });

    const { status, body } = await own.ask("POST", `/failures/contact/${id}/redrive`, {
      headers: { "x-operator": "ada" },
    });
    const meanwhile = await statusOf(1);
    await own.world.drain();

    expect(status).toBe(202);
    expect(body).toMatchObject({
      queued: true,
      failure: { status: "open", redrivenAt: "2026-03-01T00:00:00.000Z", by: "ada" },
    });
    expect(meanwhile).toBe("open");
    expect(own.world.profiles()).toMatchObject([{ lastName: "Corrected" }]);
    expect(own.world.campaignCalls()).toBe(1);
    expect(own.world.reads()).toBe(1);
    expect(await statusOf(1)).toBe("resolved");
    const state = (await own.world.ports.states.read("contact", id))?.state;
    expect(state).toMatchObject({ present: true });
    expect(state?.failing).toBeUndefined();
  });

  it("made twice writes once, and a third one after the success leaves the record alone", async () => {
    const id = await failed(1);

    await own.ask("POST", `/failures/contact/${id}/redrive`);
    own.world.clock.advance(5);
    await own.ask("POST", `/failures/contact/${id}/redrive`);
    await own.world.drain();
    const third = await own.ask("POST", `/failures/contact/${id}/redrive`);

    expect(own.world.campaignCalls()).toBe(1);
    expect(await statusOf(1)).toBe("resolved");
    expect(third).toMatchObject({ status: 202, body: { queued: false, skipped: "resolved" } });
    expect(await own.world.queue.depths(10)).toEqual(new Map());
  });

  it("resolves the failure of a record that turns out to be deleted", async () => {
    const id = await failed(1);
    own.world.dynamics.remove(id);

    await own.ask("POST", `/failures/contact/${id}/redrive`);
    await own.world.drain();

    expect(own.world.profiles()).toEqual([]);
    expect(await statusOf(1)).toBe("resolved");
  });

  it("that fails again leaves the failure open, with what went wrong now and when it was redriven", async () => {
    const id = await failed(1, { ...refusal, code: "OLD" });
    own.world.refuseNext("'nonsense' property is not valid for the 'profile' resource.");

    await own.ask("POST", `/failures/contact/${id}/redrive`);
    await own.world.drain();
    const [failure] = await list();

    expect(failure).toMatchObject({ status: "open", reports: 2, redrivenAt: "2026-03-01T00:00:00.000Z" });
    expect(failure?.code).not.toBe("OLD");
  });

  it.each(["before", "after"] as const)(
    "killed %s any of its calls took effect, and made again, ends in one profile and no open failure",
    async (when) => {
      for (let call = 1; ; call += 1) {
        own = await makeControlWorld();
        const id = recordId(1);
        own.world.dynamics.put(id, { lastname: "Lee" });
        await own.world.failures.report(aFailure());
        own.world.killAt({ call, when });
        const died = await own.ask("POST", `/failures/contact/${id}/redrive`).then(
          () => false,
          () => true,
        );
        own.world.restart();
        await own.world.drain();

        await own.ask("POST", `/failures/contact/${id}/redrive`);
        await own.world.drain();

        expect(own.world.profiles()).toHaveLength(1);
        expect(own.world.campaignCalls()).toBe(1);
        expect(await statusOf(1)).toBe("resolved");
        if (died) continue;
        expect(call).toBeGreaterThan(5);
        break;
      }
    },
  );

  it("sees to it that the success will resolve the failure, though the mark in the record's state was lost", async () => {
    const id = recordId(1);
    own.world.dynamics.put(id, { lastname: "Lee" });
    await own.world.failures.report(aFailure());

    await own.ask("POST", `/failures/contact/${id}/redrive`);
    await own.world.drain();

    expect(await statusOf(1)).toBe("resolved");
  });

  it("of a message that nobody could read is refused, and says that it can only be dismissed", async () => {
    const { id, canRedrive } = await unreadable();

    const redriven = await own.ask("POST", `/failures/unreadable-message/${id}/redrive`);
    const dismissed = await own.ask("POST", `/failures/unreadable-message/${id}/dismiss`);

    expect(canRedrive).toBe(false);
    expect(redriven).toMatchObject({
      status: 409,
      body: { error: { code: "unreadable", message: expect.stringContaining("only be dismissed") } },
    });
    expect(dismissed).toMatchObject({ status: 200, body: { status: "dismissed" } });
  });

  it("is refused while the table is parked, not mapped, or the failure dismissed", async () => {
    const id = await failed(1);
    await own.world.failures.report(aFailure({ table: "account" }));
    await own.control.setAside("contact", "moving", "ada");
    const parked = await own.ask("POST", `/failures/contact/${id}/redrive`);
    await own.control.takeUp("contact");
    await own.ask("POST", `/failures/contact/${id}/dismiss`);

    const dismissed = await own.ask("POST", `/failures/contact/${id}/redrive`);
    const unmapped = await own.ask("POST", `/failures/account/${recordId(1)}/redrive`);

    expect([parked, dismissed, unmapped].map(({ status, body }) => `${status} ${(body.error as Json).code}`)).toEqual([
      "409 parked",
      "409 dismissed",
      "409 not-mapped",
    ]);
    expect(await own.world.queue.depths(10)).toEqual(new Map());
  });
});

describe("redriving many", () => {
  it("brings over all that a filter finds, and leaves the others as they are", async () => {
    own.ports.maxDepth = 1_000;
    for (let n = 1; n <= 120; n += 1) await failed(n, n % 2 === 0 ? refusal : { ...refusal, code: "OTHER" });
    await unreadable();

    const { status, body } = await own.ask("POST", "/failures/redrive", { body: { filter: { errorCode: "OTHER" } } });
    await own.world.drain();

    expect(status).toBe(202);
    expect(body).toEqual({ queued: 60, skipped: { count: 0, first: [] } });
    expect(own.world.profiles()).toHaveLength(60);
    expect(await list({ status: "open", errorCode: "OTHER" })).toEqual([]);
    expect(await list({ status: "open", errorCode: "SOP-330011" })).toHaveLength(60);
  });

  it("keeps to the room on the queue, ends in time, and goes on with the continuation until all are through, each once", async () => {
    for (let n = 1; n <= 130; n += 1) await failed(n);
    own.ports.maxDepth = 40;

    const queued: number[] = [];
    let continuation: unknown;
    do {
      const started = own.world.clock.now();
      const { body } = await own.ask("POST", "/failures/redrive", { body: { filter: {}, continuation } });
      expect(own.world.clock.now() - started).toBeLessThan(20_000);
      queued.push(Number(body.queued));
      continuation = body.continuation;
      await own.world.drain();
    } while (continuation !== undefined);

    expect(queued).toEqual([50, 50, 30]);
    expect(own.world.profiles()).toHaveLength(130);
    expect(own.world.campaignCalls()).toBe(130);
    expect(await list({ status: "open" })).toEqual([]);
  });

  it("takes every failure up once, though all of them fail again", async () => {
    for (let n = 1; n <= 130; n += 1) await failed(n);
    own.ports.maxDepth = 40;
    const seen: string[] = [];
    const loseAll = (): void => {
      for (let ready = own.world.queue.readyLanes(); ready.length > 0; ready = own.world.queue.readyLanes()) {
        for (const lane of ready) {
          const delivery = own.world.queue.receive(lane);
          if (!delivery) continue;
          seen.push(parseEnvelope(delivery.body).id);
          own.world.queue.complete(delivery);
        }
      }
    };

    let continuation: unknown;
    do {
      const { body } = await own.ask("POST", "/failures/redrive", { body: { filter: {}, continuation } });
      continuation = body.continuation;
      loseAll();
    } while (continuation !== undefined && seen.length < 1_000);

    expect(seen).toHaveLength(130);
    expect(new Set(seen).size).toBe(130);
    expect(await list({ status: "open", limit: "500" })).toHaveLength(130);
  });

  it("counts what it leaves out once, though the queue had no room for that batch at first", async () => {
    await own.world.failures.report(aFailure({ table: "account" }));
    await failed(1);
    await own.world.queue.send(Array.from({ length: 10 }, (_, n) => anEnvelope({ id: recordId(n + 100) })));

    const first = await own.ask("POST", "/failures/redrive", { body: { filter: {} } });
    await own.world.drain();
    const { continuation } = first.body;
    const second = await own.ask("POST", "/failures/redrive", { body: { filter: {}, continuation } });

    expect(first.body).toMatchObject({ queued: 0, skipped: { count: 0 } });
    expect(second.body).toMatchObject({ queued: 1, skipped: { count: 1, first: [{ why: "not-mapped" }] } });
  });

  it("answers a continuation at the very start when the queue has no room at all", async () => {
    await failed(1);
    await own.world.queue.send(Array.from({ length: 10 }, (_, n) => anEnvelope({ id: recordId(n + 100) })));

    const first = await own.ask("POST", "/failures/redrive", { body: { filter: {} } });
    await own.world.drain();
    const { continuation } = first.body;
    const second = await own.ask("POST", "/failures/redrive", { body: { filter: {}, continuation } });

    expect(first.body).toMatchObject({ queued: 0, continuation: expect.any(String) });
    expect(second.body).toEqual({ queued: 1, skipped: { count: 0, first: [] } });
  });

  it("of named records says of each why it was left out", async () => {
    const id = await failed(1);
    const lost = await unreadable();
    await own.world.failures.report(aFailure({ table: "account" }));
    await own.ask("POST", `/failures/contact/${await failed(2)}/dismiss`);
    const records = [
      { table: "contact", id },
      { table: "contact", id },
      { table: "contact", id: recordId(2) },
      { table: "contact", id: recordId(3) },
      { table: "account", id: recordId(1) },
      { table: "unreadable-message", id: lost.id },
    ];

    const { body } = await own.ask("POST", "/failures/redrive", { body: { records } });

    expect(body.queued).toBe(1);
    const { count, first } = body.skipped as { count: number; first: Json[] };
    expect(count).toBe(4);
    expect(first.map(({ table, why }) => `${table} ${why}`).sort()).toEqual([
      "account not-mapped",
      "contact dismissed",
      "contact missing",
      "unreadable-message unreadable",
    ]);
  });

  it.each([
    [{}],
    [{ filter: {}, records: [{ table: "contact", id: recordId(1) }] }],
    [{ records: [{ table: "contact", id: recordId(1) }], continuation: "x" }],
    [{ records: [] }],
    [{ filter: { status: "open" } }],
    [{ filter: {}, continuation: "x" }],
  ])("refuses a selection that is none: %j", async (body) => {
    for (const act of ["redrive", "dismiss"]) {
      expect(await own.ask("POST", `/failures/${act}`, { body })).toMatchObject({ status: 400 });
    }
  });
});

describe("dismissing", () => {
  it("takes a failure out of sight, and reopening brings it back so that a success resolves it", async () => {
    const id = await failed(1);
    await own.ask("POST", `/failures/contact/${id}/dismiss`, { headers: { "x-operator": "ada" } });
    const dismissed = await list({ status: "dismissed" });
    // The record's success in between takes the mark away that makes a success resolve the failure.
    await handleChange(own.world.ports, parseEnvelope(anEnvelope({ id, cause: "redrive" })));
    const afterSuccess = await statusOf(1);

    const { body } = await own.ask("POST", `/failures/contact/${id}/reopen`);
    await own.ask("POST", `/failures/contact/${id}/redrive`);
    await own.world.drain();

    expect(dismissed).toMatchObject([{ dismissedAt: "2026-03-01T00:00:00.000Z", by: "ada" }]);
    expect(afterSuccess).toBe("dismissed");
    expect(body).toMatchObject({ status: "open" });
    expect(body).not.toHaveProperty("dismissedAt");
    expect(await statusOf(1)).toBe("resolved");
  });

  it("takes many out of sight at once", async () => {
    for (let n = 1; n <= 60; n += 1) await failed(n);
    await unreadable();

    const { body } = await own.ask("POST", "/failures/dismiss", { body: { filter: {} } });

    expect(body).toEqual({ dismissed: 61 });
    expect(await list({ status: "open" })).toEqual([]);
  });

  it("of what is resolved changes nothing, and reopening it is refused", async () => {
    const id = await failed(1);
    await own.world.failures.resolve("contact", id);

    const dismissed = await own.ask("POST", `/failures/contact/${id}/dismiss`);
    const reopened = await own.ask("POST", `/failures/contact/${id}/reopen`);

    expect(dismissed.body).toMatchObject({ status: "resolved" });
    expect(reopened).toMatchObject({ status: 409, body: { error: { code: "resolved" } } });
  });
});

describe("the export", () => {
  it("is CSV with one line a failure and a header", async () => {
    await failed(1, { ...refusal, message: '=he said "no"' });
    await failed(2);

    const { status, text, headers } = await own.ask("GET", "/failures/export", { query: { status: "open" } });
    const lines = text.split("\r\n");

    expect(status).toBe(200);
    expect(headers["content-disposition"]).toContain("failures.csv");
    expect(headers).not.toHaveProperty("x-continuation");
    expect(lines).toHaveLength(4);
    expect(lines[0]).toContain('"table","id","status"');
    expect(text).toContain(`"contact","${recordId(1)}","open","refused","SOP-330011","'=he said ""no"""`);
  });
});

describe("the purge", () => {
  const purge = () =>
    purgeFailures({ ...own.world, checkpoints: own.world.ports.checkpoints }, own.world.clock.now() + 60_000);

  it("removes what was resolved or dismissed more than 90 days ago, and nothing that is open or younger", async () => {
    for (let n = 1; n <= 4; n += 1) await failed(n);
    await own.world.failures.resolve("contact", recordId(1));
    await own.world.failures.dismiss("contact", recordId(2), "ada");
    own.world.clock.advance(1);
    await own.world.failures.resolve("contact", recordId(3));
    own.world.clock.advance(failureRetentionMs);

    const removed = await purge();

    expect(removed).toBe(2);
    expect((await all(own.world.failures.list())).map(({ id }) => id).sort()).toEqual([recordId(3), recordId(4)]);
  });

  it("runs once a day, and goes on soon when it ran out of time", async () => {
    await failed(1);
    await own.world.failures.resolve("contact", recordId(1));
    own.world.clock.advance(failureRetentionMs + 1);

    const tooLate = await purgeFailures(
      { ...own.world, checkpoints: own.world.ports.checkpoints },
      own.world.clock.now(),
    );
    const next = await purge();
    await failed(2);
    await own.world.failures.resolve("contact", recordId(2));
    const sameDay = await purge();

    expect([tooLate, next, sameDay]).toEqual([0, 1, 0]);
  });
});
