// facts/dataverse.md §1.8, §3, §7, §8, §12: merge, aggregation, limits, privileges, and what companies do to environments.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WELL_KNOWN } from "../../../infra/local/dataverse/model/ids.js";
import { type Dataverse, register, startDataverse, startReceiver } from "./simulator.js";

let dataverse: Dataverse;
beforeEach(async () => {
  dataverse = await startDataverse();
});
afterEach(() => dataverse.close());

describe("merging (§1.8, §6.1)", () => {
  const merge = (target: string, subordinate: string, content: object = {}) =>
    dataverse.call("POST", "Merge", {
      Target: { "@odata.type": "Microsoft.Dynamics.CRM.contact", contactid: target },
      Subordinate: { "@odata.type": "Microsoft.Dynamics.CRM.contact", contactid: subordinate },
      UpdateContent: { "@odata.type": "Microsoft.Dynamics.CRM.contact", ...content },
      PerformParentingChecks: false,
    });

  it("takes the content over, retires the other row, and moves its activities, closed ones too", async () => {
    const master = await dataverse.create("contacts", { lastname: "Master" });
    const other = await dataverse.create("contacts", { lastname: "Other", jobtitle: "Dev" });
    const task = await dataverse.create("tasks", {
      subject: "T",
      "regardingobjectid_contact_task@odata.bind": `/contacts(${other})`,
    });
    await dataverse.call("PATCH", `tasks(${task})`, { statecode: 1 });

    const answer = await merge(master, other, { jobtitle: "Dev" });

    expect(answer.status).toBe(204);
    expect((await dataverse.get(`contacts(${master})`)).json).toMatchObject({
      lastname: "Master",
      jobtitle: "Dev",
      merged: false,
    });
    expect((await dataverse.get(`contacts(${other})`)).json).toMatchObject({
      statecode: 1,
      statuscode: 2,
      merged: true,
      _masterid_value: master,
    });
    expect((await dataverse.get(`tasks(${task})`)).json._regardingobjectid_value).toBe(master);
    expect((await dataverse.get(`activitypointers(${task})`)).json._regardingobjectid_value).toBe(master);
  });

  it("raises Merge on the master, and Update on both rows one level deeper", async () => {
    const receiver = await startReceiver();
    const master = await dataverse.create("contacts", { lastname: "Master" });
    const other = await dataverse.create("contacts", { lastname: "Other" });
    await register(dataverse, receiver.url, [{ message: "Update" }, { message: "Merge" as "Update" }]);
    await merge(master, other, { jobtitle: "Dev" });
    const hooks = await receiver.wait(3);
    const seen = hooks.map(({ body }) => [body.MessageName, body.PrimaryEntityId, body.Depth]).sort();

    expect(seen).toEqual(
      [
        ["Merge", master, 1],
        ["Update", master, 2],
        ["Update", other, 2],
      ].sort(),
    );
    const merged = hooks.find(({ body }) => body.MessageName === "Merge");
    expect(merged?.body.InputParameters).toContainEqual({ key: "SubordinateId", value: other });
    await receiver.close();
  });

  it("refuses itself, unknown rows and other tables", async () => {
    const id = await dataverse.create("contacts", { lastname: "One" });

    expect((await merge(id, id)).status).toBe(400);
    expect((await merge(id, "00000000-0000-4000-8000-000000000000")).status).toBe(404);
    expect(
      (await dataverse.call("POST", "Merge", { Target: { "@odata.type": "Microsoft.Dynamics.CRM.task" } })).status,
    ).toBe(400);
  });
});

describe("$apply (§3)", () => {
  it("groups, counts, sums and averages, with filter first; null keys are left out", async () => {
    for (const [jobtitle, creditlimit, gendercode] of [
      ["Dev", 10, 1],
      ["Dev", 30, 2],
      [null, 5, 1],
    ] as const) {
      await dataverse.create("contacts", { jobtitle, creditlimit, gendercode });
    }
    const grouped = await dataverse.get(
      "contacts?$apply=groupby((jobtitle),aggregate($count as n,creditlimit with sum as total))",
    );
    const filtered = await dataverse.get(
      "contacts?$apply=filter(gendercode eq 1)/aggregate(creditlimit with average as mean,creditlimit with max as most)",
    );

    expect(grouped.json.value).toEqual([
      { jobtitle: "Dev", n: 2, total: 40 },
      { n: 1, total: 5 },
    ]);
    expect(filtered.json.value).toEqual([{ mean: 7.5, most: 10 }]);
  });

  it("refuses what Dataverse refuses and says what it does not imitate", async () => {
    expect((await dataverse.get("contacts?$apply=groupby((createdon))")).status).toBe(400);
    expect((await dataverse.get("contacts?$apply=aggregate($count as n)&$orderby=n")).status).toBe(400);
    expect((await dataverse.get("contacts?$apply=aggregate(lastname with countdistinct as n)")).status).toBe(501);
  });
});

describe("service protection (§7)", () => {
  it("tells in every answer what is left, and how parallel to be", async () => {
    const first = await dataverse.get("WhoAmI");
    const second = await dataverse.get("WhoAmI");
    const left = (answer: typeof first) => Number(answer.headers.get("x-ms-ratelimit-burst-remaining-xrm-requests"));

    expect(left(second)).toBe(left(first) - 1);
    expect(first.headers.get("x-ms-ratelimit-time-remaining-xrm-requests")).toMatch(/^1,\d{3}\.\d\d$/);
    expect(first.headers.get("x-ms-dop-hint")).toBe("10");
  });

  it("refuses requests above the number of a window with 429, per user, until the window has moved on", async () => {
    await dataverse.sim("switches", { limits: "on", limitRequests: 5, limitWindowSeconds: 300 });
    const answers = [];
    for (let index = 0; index < 7; index += 1) answers.push(await dataverse.get("WhoAmI"));
    const editor = await dataverse.call("GET", "WhoAmI", undefined, {
      authorization: `Bearer ${await dataverse.tokenOf("editor")}`,
    });
    await dataverse.sim("clock", { skewMs: 301_000 });
    const later = await dataverse.get("WhoAmI");

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429, 429]);
    expect(answers[5]?.json.error).toEqual({
      code: "0x80072322",
      message: "Number of requests exceeded the limit of 5 over time window of 300 seconds.",
    });
    const waits = answers.slice(5).map(({ headers }) => Number(headers.get("retry-after")));
    expect(waits[0]).toBeGreaterThan(290);
    expect(waits[1]).toBeGreaterThan(Number(waits[0]) - 1);
    expect([editor.status, later.status]).toEqual([200, 200]);
  });

  it("takes the time of each operation in a batch, side by side with other requests, and counts it as spent", async () => {
    await dataverse.sim("switches", { limits: "on", operationMs: 100 });
    const part = "--b\r\nContent-Type: application/http\r\n\r\nGET /api/data/v9.2/WhoAmI HTTP/1.1\r\n\r\n\r\n";
    const batch = () =>
      dataverse.call("POST", "$batch", `${part.repeat(4)}--b--\r\n`, { "content-type": "multipart/mixed; boundary=b" });
    const operations = async () => ((await dataverse.sim("state/summary")) as { operations: number }).operations;
    const before = await operations();

    const startedAt = performance.now();
    await Promise.all([batch(), batch(), batch()]);
    const ms = performance.now() - startedAt;

    const after = await operations();
    const left = (await dataverse.get("WhoAmI")).headers.get("x-ms-ratelimit-time-remaining-xrm-requests");
    expect(ms).toBeGreaterThan(398);
    expect(ms).toBeLessThan(1_100);
    expect(after - before).toBe(12);
    expect(Number(left?.replace(",", ""))).toBeLessThan(1_198.9);
  });

  it("refuses requests above the number at once, and above the time spent, with their own codes", async () => {
    await dataverse.sim("switches", { limits: "on", limitConcurrent: 2 });
    await dataverse.sim("latency", 80);
    const together = await Promise.all([1, 2, 3, 4].map(() => dataverse.get("WhoAmI")));
    await dataverse.sim("switches", { limitConcurrent: 50, limitExecutionMs: 50 });
    const slow = await dataverse.get("WhoAmI");

    expect(together.map(({ status }) => status).sort()).toEqual([200, 200, 429, 429]);
    expect(together.find(({ status }) => status === 429)?.json.error).toEqual({
      code: "0x80072326",
      message: "Number of concurrent requests exceeded the limit of 2.",
    });
    expect(slow.json.error.code).toBe("0x80072321");
    expect(slow.json.error.message).toContain(
      "Combined execution time of incoming requests exceeded limit of 50 milliseconds",
    );
  });
});

describe("privileges that are taken away (§4, §12)", () => {
  it.each([
    ["prvReadContact", "GET", "contacts"],
    ["prvCreateContact", "POST", "contacts"],
    ["prvWriteContact", "PATCH", "contacts(00000000-0000-4000-8000-000000000000)"],
    ["prvDeleteContact", "DELETE", "contacts(00000000-0000-4000-8000-000000000000)"],
  ])(
    "without %s a %s on %s is 403 0x80040220, and works again when it is given back",
    async (privilege, method, path) => {
      const body = method === "GET" || method === "DELETE" ? undefined : { lastname: "x" };
      await dataverse.sim("withdraw", { privileges: [privilege] });
      const refused = await dataverse.call(method, path, body);
      await dataverse.sim("withdraw", { privileges: [] });
      const allowed = await dataverse.call(method, path, body);

      expect(refused.status).toBe(403);
      expect(refused.json.error.code).toBe("0x80040220");
      expect(refused.json.error.message).toContain(`is missing ${privilege} privilege`);
      expect(allowed.status).not.toBe(403);
    },
  );

  it("without organisation-wide read a table can be read but not tracked", async () => {
    await dataverse.sim("withdraw", { privileges: ["prvReadContact:organization"] });

    expect((await dataverse.get("contacts")).status).toBe(200);
    expect((await dataverse.get("contacts?$select=lastname", { prefer: "odata.track-changes" })).status).toBe(403);
  });

  it("without prvActOnBehalfOfAnotherUser nobody can be impersonated", async () => {
    await dataverse.sim("withdraw", { privileges: ["prvActOnBehalfOfAnotherUser"] });

    expect((await dataverse.get("WhoAmI", { mscrmcallerid: WELL_KNOWN.editorUser })).status).toBe(403);
    expect((await dataverse.get("WhoAmI")).status).toBe(200);
  });
});

describe("impersonation (§8)", () => {
  it("goes by system user id or by directory object id; an unknown one is refused", async () => {
    const { json } = await dataverse.get(`systemusers(${WELL_KNOWN.editorUser})?$select=azureactivedirectoryobjectid`);
    const byObject = await dataverse.get("WhoAmI", { callerobjectid: String(json.azureactivedirectoryobjectid) });
    const byUser = await dataverse.get("WhoAmI", { mscrmcallerid: WELL_KNOWN.editorUser });
    const unknown = await dataverse.get("WhoAmI", { callerobjectid: "00000000-0000-4000-8000-000000000000" });

    expect([byObject.json.UserId, byUser.json.UserId]).toEqual([WELL_KNOWN.editorUser, WELL_KNOWN.editorUser]);
    expect(unknown.status).toBe(403);
  });
});

describe("what companies do to their environments (issue 3)", () => {
  it("restore to yesterday: rows and row versions go back, what came later is gone", async () => {
    const id = await dataverse.create("contacts", { lastname: "Old" });
    await dataverse.sim("snapshot", { name: "yesterday" });
    const before = (await dataverse.get(`contacts(${id})?$select=versionnumber`)).json.versionnumber;
    await dataverse.call("PATCH", `contacts(${id})`, { lastname: "New" });
    const later = await dataverse.create("contacts", { lastname: "Later" });
    await dataverse.sim("restore", { name: "yesterday" });
    const after = await dataverse.get(`contacts(${id})?$select=lastname,versionnumber`);
    const next = await dataverse.call(
      "POST",
      "contacts?$select=versionnumber",
      { lastname: "Next" },
      { prefer: "return=representation" },
    );

    expect(after.json).toMatchObject({ lastname: "Old", versionnumber: before });
    expect((await dataverse.get(`contacts(${later})`)).status).toBe(404);
    expect(Number(next.json.versionnumber)).toBe(Number(before) + 1);
  });

  it("copy to a sandbox: another organisation id, and steps and endpoints come along and go on calling", async () => {
    const receiver = await startReceiver();
    await register(dataverse, receiver.url, [{ message: "Create" }]);
    await dataverse.sim("copy", { organizationId: "10000000-0000-4000-a000-0000000000ff" });
    const who = await dataverse.get("WhoAmI");
    await dataverse.create("contacts", { lastname: "Lee" });
    const [hook] = await receiver.wait(1);

    expect(who.json.OrganizationId).toBe("10000000-0000-4000-a000-0000000000ff");
    expect(hook?.body.OrganizationId).toBe("10000000-0000-4000-a000-0000000000ff");
    expect((await dataverse.get("organizations?$select=organizationid")).json.value).toMatchObject([
      { organizationid: "10000000-0000-4000-a000-0000000000ff" },
    ]);
    await receiver.close();
  });
});
