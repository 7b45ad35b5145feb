import { beforeEach, describe, expect, it } from "vitest";
import { planActivities } from "../../infra/dataverse/activities.js";
import { type DataverseCore, makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { inventContact } from "../../infra/local/scenarios/contacts.js";
import { type ActivitySinkOptions, makeActivitySink } from "../../shared/dataverse/activities.js";
import { type ActivityTables, activityTables } from "../../shared/dataverse/activity-tables.js";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { AuthError, TableError, ThrottledError, UnavailableError } from "../../shared/errors.js";
import type { ActivityResult, ActivitySink, NewActivity } from "../../shared/flows/egress-ports.js";
import { makeHttpClient, type Transport } from "../../shared/http/client.js";
import { activityIdOf, type EmailEvent, type EventType, eventTypes, taskIdOf } from "../../shared/model/email-event.js";
import { parseRecordId, type RecordId } from "../../shared/model/ids.js";
import { makeDynamicsClient } from "../../shared/services.js";
import { coreWorld, lowerCased, toSimRequest } from "../support/core-http.js";
import { type FixedClock, fixedClock } from "../support/fixed-clock.js";

type Sent = Parameters<Transport>[0];
type Came = Awaited<ReturnType<Transport>>;

const tables = activityTables();
const written: ActivityResult = { outcome: "written" };
const existed: ActivityResult = { outcome: "existed" };
let clock: FixedClock;
let core: DataverseCore;
let batches: string[];
/** What lies between us and Dynamics, for `$batch` only. */
let between: (request: Sent, pass: (request: Sent) => Promise<Came>) => Promise<Came>;

beforeEach(async () => {
  clock = fixedClock("2026-03-01T00:00:00Z");
  core = makeDataverseCore(coreWorld(clock));
  batches = [];
  between = (request, pass) => pass(request);
  await core.command?.("seed", { set: "contacts", rows: Array.from({ length: 12 }, (_, at) => inventContact(at)) });
  const client = clientOf();
  for (const action of await planActivities({ client, clock, prefix: "acs", solution: "CampaignEvents" }))
    await action.run();
});

/** A network of its own kind: the core behind it, its limits included; `$batch` through `between`. */
const transport: Transport = async (request) => {
  const pass = async (sent: Sent): Promise<Came> => {
    const asked = toSimRequest(sent);
    const entered = core.enter?.(asked);
    const answer = typeof entered === "object" ? entered : await core.handle(asked);
    if (typeof entered === "function") entered();
    return { status: answer.status, headers: lowerCased(answer.headers), text: answer.body };
  };
  if (!request.url.pathname.endsWith("/$batch")) return pass(request);
  batches.push(request.body ?? "");
  return between(request, pass);
};

function clientOf(): DataverseClient {
  const url = new URL("http://dataverse.test");
  const { clientId, clientSecret } = LOCAL_APPS.integration;
  const auth = { by: "client-secret" as const, authority: url, tenantId: WELL_KNOWN.tenant, clientId, clientSecret };
  const http = makeHttpClient({ clock, random: () => 0.5, transport });
  return makeDynamicsClient({ dynamics: { url, auth } }, http, clock);
}

function sinkOf(options: Partial<ActivitySinkOptions> = {}, own: ActivityTables = tables): ActivitySink {
  let count = 0;
  const newId = (): string => {
    count += 1;
    return `id${count}`;
  };
  return makeActivitySink(clientOf(), own, { tag: "acs-sync", newId, clock, ...options });
}

function contactOf(number: number): RecordId {
  return parseRecordId(inventContact(number).contactid);
}

function event(number: number, type: EventType = "click", changes: Partial<EmailEvent> = {}): EmailEvent {
  return {
    id: `E-${number}`,
    type,
    at: "2026-02-28T10:11:12.345Z",
    contactKey: contactOf(number % 12),
    campaignName: "2019LoyaltyCamp",
    deliveryName: "DM190",
    url: type === "click" ? "https://shop.example.com/?a=1&b='2'" : "",
    mirrorPageUrl: "https://mirror.example.com/1",
    changedAt: "2026-02-28T10:15:00Z",
    ...changes,
  };
}

function activity(number: number, type: EventType = "click", changes: Partial<NewActivity> = {}): NewActivity {
  const own = event(number, type);
  return { id: activityIdOf(own), event: own, contact: contactOf(number % 12), ...changes };
}

function withTask(number: number, type: EventType = "click"): NewActivity {
  return activity(number, type, { task: { id: taskIdOf(event(number, type)) } });
}

function rows(set: string): Record<string, unknown>[] {
  const found = core.state?.(set, new URLSearchParams()) as Iterable<Record<string, unknown>> | undefined;
  return [...(found ?? [])];
}

async function call(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<void> {
  await clientOf().call({ operation: "someone at work", method, path, ...(body !== undefined && { body }) });
}

async function merge(winner: RecordId, loser: RecordId): Promise<void> {
  const contact = (contactid: string) => ({ "@odata.type": "Microsoft.Dynamics.CRM.contact", contactid });
  await call("POST", "Merge", { Target: contact(winner), Subordinate: contact(loser), PerformParentingChecks: false });
}

describe("what became of contacts", () => {
  it("knows those that are here under any spelling of their id, those that are gone, and keys that are none", async () => {
    await call("DELETE", `contacts(${contactOf(3)})`);
    const upper = `{${contactOf(1).toUpperCase()}}`;

    const fates = await sinkOf().contacts([contactOf(1), upper, contactOf(3), "C-1001", ""]);

    expect([...fates]).toEqual([
      [contactOf(1), { state: "here", id: contactOf(1) }],
      [upper, { state: "here", id: contactOf(1) }],
      [contactOf(3), { state: "gone" }],
      ["C-1001", { state: "gone" }],
      ["", { state: "gone" }],
    ]);
  });

  it("follows masters of masters to the last one, and stays with a contact whose master was deleted", async () => {
    await merge(contactOf(2), contactOf(1));
    await merge(contactOf(3), contactOf(2));
    await merge(contactOf(6), contactOf(5));
    await call("DELETE", `contacts(${contactOf(6)})`);

    const fates = await sinkOf().contacts([1, 2, 3, 5].map(contactOf));

    expect([...fates.values()]).toEqual([
      { state: "merged", id: contactOf(3) },
      { state: "merged", id: contactOf(3) },
      { state: "here", id: contactOf(3) },
      { state: "here", id: contactOf(5) },
    ]);
  });

  it("takes somebody who was deactivated for here", async () => {
    await call("PATCH", `contacts(${contactOf(1)})`, { statecode: 1 });

    expect((await sinkOf().contacts([contactOf(1)])).get(contactOf(1))).toEqual({ state: "here", id: contactOf(1) });
  });

  it("asks for hundreds in one request each, and for nobody in none", async () => {
    const keys = Array.from({ length: 501 }, (_, at) => activityIdOf({ type: "send", id: String(at) }));
    const asked: string[] = [];
    const client = clientOf();
    const counting: DataverseClient = {
      ...client,
      call(one) {
        asked.push(String(one.path));
        return client.call(one);
      },
    };
    const sink = makeActivitySink(counting, tables, { tag: "t", newId: () => "b", clock });

    await sink.contacts([...keys, ...keys]);
    await sink.contacts([]);

    expect(asked).toHaveLength(3);
    expect(Math.max(...asked.map((path) => path.length))).toBeLessThan(32_000);
  });
});

describe("writing activities", () => {
  it.each(eventTypes)("makes a %s a completed activity regarding its contact, with every field (B22)", async (type) => {
    const results = await sinkOf().write([activity(1, type)]);

    const { set, columns } = tables[type];
    const [row, ...others] = rows(set);
    expect([results, others]).toEqual([[written], []]);
    expect(row).toMatchObject({
      activityid: activity(1, type).id,
      subject: "Campaign Name: 2019LoyaltyCamp; Delivery Name: DM190",
      acs_campaignname: "2019LoyaltyCamp",
      acs_deliveryname: "DM190",
      [columns.date]: "2026-02-28T10:11:12Z",
      acs_mirrorpageurl: "https://mirror.example.com/1",
      _regardingobjectid_value: contactOf(1),
      statecode: 1,
      statuscode: 2,
      actualend: "2026-02-28T10:11:12Z",
    });
    expect(row?.acs_trackingurl ?? null).toBe(type === "click" ? "https://shop.example.com/?a=1&b='2'" : null);
  });

  it("adds the follow-up task of a click and of a bounce, open, regarding the contact, due that day", async () => {
    await sinkOf({ zone: "America/New_York" }).write([withTask(1, "click"), withTask(2, "bounce"), activity(3)]);

    const tasks = rows("tasks").sort((one, other) => String(one.subject).localeCompare(String(other.subject)));
    expect(tasks).toHaveLength(2);
    expect(tasks).toMatchObject([
      { subject: "Fix the e-mail address", _regardingobjectid_value: contactOf(2), statecode: 0 },
      {
        subject: "Follow up on URL click",
        _regardingobjectid_value: contactOf(1),
        scheduledend: "2026-02-28T22:00:00Z",
      },
    ]);
  });

  it("answers in the order given, whatever the types, the sizes of batches and how many run at once", async () => {
    await call("DELETE", `contacts(${contactOf(5)})`);
    const activities = Array.from({ length: 40 }, (_, at) => withTask(at, eventTypes[at % 4]));
    await sinkOf().write(activities.slice(0, 3));

    const results = await sinkOf({ batchOperations: 7 }).write(activities);

    const outcomes = activities.map(({ contact }, at) =>
      contact === contactOf(5) ? "refused" : at < 3 ? "existed" : "written",
    );
    expect(results.map(({ outcome }) => outcome)).toEqual(outcomes);
  });

  it("writes a thousand in few requests, at most a hundred operations in each", async () => {
    const activities = Array.from({ length: 1_000 }, (_, at) => activity(at));

    const results = await sinkOf().write(activities);

    expect(results).toEqual(activities.map(() => written));
    expect(batches).toHaveLength(20);
    for (const batch of batches) expect(batch.match(/HTTP\/1\.1/g)).toHaveLength(100);
  });

  it("tags each of its requests, so that our own webhook knows them", async () => {
    await sinkOf().write([withTask(1)]);

    expect(batches[0]?.match(/^(POST|PATCH) \S+\?tag=acs-sync HTTP/gm)).toHaveLength(3);
  });

  it("refuses one whose contact was deleted in between, by code and without harm to its neighbours", async () => {
    await call("DELETE", `contacts(${contactOf(2)})`);

    const results = await sinkOf().write([withTask(1), withTask(2), withTask(3)]);

    expect(results).toMatchObject([written, { outcome: "refused", code: "0x80040217" }, written]);
    expect(rows("acs_emailclicks")).toHaveLength(2);
    expect(rows("tasks")).toHaveLength(2);
  });

  it("cuts text that is too long for its column instead of losing the event", async () => {
    const long = event(1, "click", {
      campaignName: `a${"😀".repeat(300)}`,
      deliveryName: "a\u0000b\n c",
      url: "x".repeat(5_000),
    });

    const results = await sinkOf().write([{ ...activity(1), event: long }]);

    const [row] = rows("acs_emailclicks");
    expect(results).toEqual([written]);
    expect(row).toMatchObject({ acs_campaignname: `a${"😀".repeat(126)}…`, acs_deliveryname: "a b  c" });
    expect(String(row?.acs_trackingurl)).toHaveLength(4_000);
  });

  it("writes into tables that somebody else made, leaving out what they have no column for", async () => {
    const own = activityTables("acs", {
      click: { columns: { campaignName: "", trackingUrl: "acs_mirrorpageurl", mirrorPageUrl: "" } },
    });

    await sinkOf({}, own).write([activity(1)]);

    expect(rows("acs_emailclicks")).toMatchObject([{ acs_mirrorpageurl: "https://shop.example.com/?a=1&b='2'" }]);
    expect(rows("acs_emailclicks")[0]?.acs_campaignname ?? null).toBeNull();
  });

  it("blames the tables, not the events, when a column or a table is not there", async () => {
    const noColumn = activityTables("acs", { click: { columns: { campaignName: "acs_nothing" } } });
    const noTable = activityTables("acs", { click: { name: "acs_nothing" } });
    const noLookup = activityTables("acs", { click: { regarding: "regardingobjectid_contact_nothing" } });

    for (const own of [noColumn, noTable, noLookup]) {
      await expect(sinkOf({}, own).write([activity(1)])).rejects.toThrow(TableError);
    }
    await expect(sinkOf({}, noTable).existing("click", [activity(1).id])).rejects.toThrow(TableError);
  });

  it("blames the tables when the application user lacks a privilege", async () => {
    await core.command?.("withdraw", { privileges: ["prvCreateActivity"] });

    const writing = sinkOf().write([activity(1)]);

    await expect(writing).rejects.toThrow(TableError);
  });

  it("sends with a fresh token when the old one ran out while it worked (B16)", async () => {
    const sink = sinkOf();
    await sink.write([activity(1)]);
    clock.advance(2_000);
    await core.command?.("revoke-tokens", {});
    clock.advance(2_000);

    expect(await sink.write([activity(2)])).toEqual([written]);
  });
});

describe("writing activities again (B17)", () => {
  it("changes nothing about those that are there, completed or opened again by somebody", async () => {
    const sink = sinkOf();
    await sink.write([withTask(1), withTask(2)]);
    await call("PATCH", `acs_emailclicks(${activity(2).id})`, { statecode: 0, statuscode: 1, subject: "mine" });
    const before = [rows("acs_emailclicks"), rows("tasks")];
    clock.advance(60_000);

    const results = await sink.write([withTask(1), withTask(2), withTask(3)]);

    expect(results).toEqual([existed, existed, written]);
    expect(rows("acs_emailclicks")).toEqual(expect.arrayContaining(before[0] ?? []));
    expect(rows("tasks")).toEqual(expect.arrayContaining(before[1] ?? []));
    expect(
      await sink.existing(
        "click",
        [1, 2, 3, 4].map((number) => activity(number).id),
      ),
    ).toEqual(new Set([1, 2, 3].map((number) => activity(number).id)));
  });

  it("makes an activity anew beside its task, when somebody kept only that", async () => {
    const sink = sinkOf();
    await sink.write([withTask(1)]);
    await call("DELETE", `acs_emailclicks(${activity(1).id})`);

    const results = await sink.write([withTask(1)]);

    expect(results).toEqual([written]);
    expect([rows("acs_emailclicks").length, rows("tasks").length]).toEqual([1, 1]);
  });

  it.each([1, 2, 3])(
    "writes each once when the answer to batch %i is lost, and tries again by itself",
    async (lost) => {
      between = async (request, pass) => {
        const answer = await pass(request);
        return batches.length === lost ? { network: "ECONNRESET" } : answer;
      };
      const activities = Array.from({ length: 9 }, (_, at) => withTask(at));

      const results = await sinkOf({ batchOperations: 9, most: 1 }).write(activities);

      expect(results.every(({ outcome }) => outcome !== "refused")).toBe(true);
      expectOnceEach(activities);
    },
  );

  it("begins no batch after one failed, and writes each once when given again, killed before or behind any batch", async () => {
    const activities = Array.from({ length: 9 }, (_, at) => withTask(at));
    for (const moment of ["before", "behind"]) {
      for (let kill = 1; kill <= 3; kill += 1) {
        const reach = batches.length + kill;
        between = async (request, pass) => {
          if (batches.length < reach) return pass(request);
          if (moment === "behind") await pass(request);
          throw new Error("killed");
        };
        const fresh = activities.map((one) => ({ ...one, ...renamed(one, `${moment}${kill}`) }));
        await expect(sinkOf({ batchOperations: 9, most: 1 }).write(fresh)).rejects.toThrow("killed");
        expect(batches).toHaveLength(reach);
        between = (request, pass) => pass(request);

        const results = await sinkOf({ batchOperations: 9 }).write(fresh);

        expect(results.every(({ outcome }) => outcome !== "refused")).toBe(true);
        expectOnceEach(fresh);
      }
    }
  });

  it("writes each once when two write the same at the same time", async () => {
    const activities = Array.from({ length: 9 }, (_, at) => withTask(at));

    const both = await Promise.all([sinkOf().write(activities), sinkOf({ batchOperations: 9 }).write(activities)]);

    const outcomes = activities.map((_, at) => both.map((results) => results[at]?.outcome).sort());
    expect(outcomes).toEqual(activities.map(() => ["existed", "written"]));
    expectOnceEach(activities);
  });
});

describe("writing activities to a Dynamics that is unwell", () => {
  it("waits as long as the service protection limits ask, and refuses nothing (B29)", async () => {
    await core.command?.("switches", { limits: "on", limitRequests: 8, limitWindowSeconds: 30 });
    const activities = Array.from({ length: 100 }, (_, at) => activity(at));

    const results = await sinkOf({ batchOperations: 20 }).write(activities);

    expect(results).toEqual(activities.map(() => written));
    expect(clock.slept.length).toBeGreaterThan(0);
  });

  it("throws when the wait is longer than its time, and changes nothing about what is there when given all again", async () => {
    await core.command?.("switches", { limits: "on", limitRequests: 5, limitWindowSeconds: 1_000 });
    clock.advance(1_000_000);
    const activities = Array.from({ length: 100 }, (_, at) => withTask(at));
    const sink = sinkOf({ batchOperations: 9, most: 1 });

    await expect(sink.write(activities)).rejects.toThrow(ThrottledError);

    await core.command?.("switches", { limits: "off" });
    clock.advance(1_000_000);
    const results = await sink.write(activities);
    expect(results.map(({ outcome }) => outcome)).toContain("existed");
    expectOnceEach(activities);
  });

  it("never has more requests under way than the servers recommend, and fewer when told to", async () => {
    for (const [dopHint, most, allowed] of [
      [3, 16, 3],
      [10, 2, 2],
      [6, 16, 6],
    ] as const) {
      await core.command?.("switches", { dopHint });
      let running = 0;
      let peak = 0;
      between = async (request, pass) => {
        running += 1;
        peak = Math.max(peak, running);
        await new Promise((resolve) => setImmediate(resolve));
        const answer = await pass(request);
        running -= 1;
        return answer;
      };
      const sink = sinkOf({ batchOperations: 2, most });
      await sink.contacts([contactOf(1)]);

      await sink.write(Array.from({ length: 30 }, (_, at) => activity(at)));

      expect(peak).toBe(allowed);
    }
  });

  it("throws what a part says of the peer: too many requests, no token, not available", async () => {
    const parts: [string, new (...all: never[]) => Error][] = [
      ["429 Too Many Requests\r\nRetry-After: 7", ThrottledError],
      ["503 Service Unavailable", UnavailableError],
    ];
    for (const [part, kind] of parts) {
      between = async () => partAnswer(part);

      await expect(sinkOf().write([activity(1)])).rejects.toThrow(kind);
    }
    between = async () => partAnswer("401 Unauthorized");
    await expect(sinkOf().write([activity(1)])).rejects.toThrow(AuthError);
    between = async () => partAnswer("429 Too Many Requests\r\nRetry-After: 7");
    await expect(sinkOf().write([activity(1)])).rejects.toMatchObject({ retryAfterMs: 7_000 });
  });

  it("refuses an event that breaks Dynamics each time while its neighbours are written, and throws when all of them do", async () => {
    const poison = activity(2).id;
    const broken = (request: Sent, ids: readonly string[]): Sent => {
      let body = request.body ?? "";
      for (const id of ids) body = body.replaceAll(`"activityid":"${id}"`, `"activityid":"${id}","acs_boom":1`);
      return { ...request, body };
    };
    const fail = (answer: Came): Came =>
      "network" in answer
        ? answer
        : { ...answer, text: answer.text.replace("400 Bad Request", "500 Internal Server Error") };

    between = async (request, pass) => fail(await pass(broken(request, [poison])));
    const results = await sinkOf().write([activity(1), activity(2), activity(3)]);

    expect(results).toMatchObject([written, { outcome: "refused", code: "0x80048d19" }, written]);
    await expect(sinkOf().write([activity(2)])).rejects.toThrow(UnavailableError);
  });

  it("writes an event that Dynamics failed at the first time only", async () => {
    const poison = activity(2).id;
    between = async (request, pass) => {
      if (batches.length > 1) return pass(request);
      const body = request.body?.replace(`"activityid":"${poison}"`, `"activityid":"${poison}","acs_boom":1`);
      const answer = await pass({ ...request, body });
      if ("network" in answer) return answer;
      return { ...answer, text: answer.text.replace("400 Bad Request", "500 Internal Server Error") };
    };

    expect(await sinkOf().write([activity(1), activity(2)])).toEqual([written, written]);
  });

  it("finds the one to blame when a whole request is refused for its sake", async () => {
    const poison = activity(6).id;
    between = async (request, pass) => {
      if (!request.body?.includes(poison)) return pass(request);
      const text = JSON.stringify({ error: { code: "0x80060888", message: "The payload could not be read." } });
      return { status: 400, headers: { "content-type": "application/json" }, text };
    };
    const activities = Array.from({ length: 9 }, (_, at) => withTask(at));

    const results = await sinkOf().write(activities);

    expect(results.map(({ outcome }) => outcome)).toEqual(
      activities.map(({ id }) => (id === poison ? "refused" : "written")),
    );
  });

  it("understands the failure of a change set inside a change set, as Dataverse answers it", async () => {
    await call("DELETE", `contacts(${contactOf(2)})`);
    between = async (request, pass) => {
      const answer = await pass(request);
      if ("network" in answer) return answer;
      const text = answer.text.replace(
        /Content-Type: application\/http\r\n(Content-Transfer-Encoding: binary\r\n\r\nHTTP\/1\.1 404[\s\S]*?\})(?=\r\n--)/,
        "Content-Type: multipart/mixed; boundary=cs\r\n\r\n--cs\r\nContent-Type: application/http\r\n$1\r\n--cs--\r\n",
      );
      expect(text).not.toBe(answer.text);
      return { ...answer, text };
    };

    const results = await sinkOf().write([activity(1), activity(2), activity(3)]);

    expect(results).toMatchObject([written, { outcome: "refused", code: "0x80040217" }, written]);
  });

  it("takes nothing for written when the answer has fewer parts than were sent", async () => {
    between = async (request, pass) => {
      const answer = await pass(request);
      if ("network" in answer) return answer;
      const [boundary] = answer.text.split("\r\n");
      const parts = answer.text.split(`${boundary}\r\n`);
      return { ...answer, text: [...parts.slice(0, 2), ...parts.slice(3)].join(`${boundary}\r\n`) };
    };

    await expect(sinkOf().write([activity(1), activity(2), activity(3)])).rejects.toThrow(/2 of 3 change sets/);
  });
});

function partAnswer(part: string): Came {
  const text = `--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 ${part}\r\n\r\n{}\r\n--b--\r\n`;
  return { status: 200, headers: { "content-type": "multipart/mixed; boundary=b" }, text };
}

/** The same event under another id. */
function renamed(
  { event: { type } }: NewActivity,
  name: string,
): Pick<NewActivity, "id" | "task"> & { event: EmailEvent } {
  count += 1;
  const own = event(count, type, { id: `${name}-${count}` });
  return { id: activityIdOf(own), event: own, task: { id: taskIdOf(own) } };
}
let count = 1_000;

function expectOnceEach(activities: readonly NewActivity[]): void {
  const clicks = rows("acs_emailclicks");
  const tasks = rows("tasks");
  for (const { id, task } of activities) {
    expect(clicks.filter(({ activityid }) => activityid === id)).toMatchObject([{ statecode: 1, statuscode: 2 }]);
    expect(tasks.filter(({ activityid }) => activityid === task?.id)).toHaveLength(1);
  }
}
