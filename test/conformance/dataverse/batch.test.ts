// facts/dataverse.md §6.3: $batch, change sets, content ids.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, type Dataverse, startDataverse } from "./simulator.js";

let dataverse: Dataverse;
beforeAll(async () => {
  dataverse = await startDataverse();
});
afterAll(() => dataverse.close());

const request = (method: string, url: string, body?: object, headers = "") =>
  `${method} ${url} HTTP/1.1\r\nContent-Type: application/json; type=entry\r\n${headers}\r\n${body ? JSON.stringify(body) : ""}`;
const part = (inner: string, contentId?: string | number) =>
  `Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n${contentId === undefined ? "" : `Content-ID: ${contentId}\r\n`}\r\n${inner}\r\n`;
const multipart = (boundary: string, parts: string[]) =>
  `${parts.map((text) => `--${boundary}\r\n${text}`).join("")}--${boundary}--\r\n`;
const changeSet = (parts: string[], boundary = "changeset_1") =>
  `Content-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n${multipart(boundary, parts)}`;
const batch = (parts: string[], headers: Record<string, string> = {}): Promise<Answer> =>
  dataverse.call("POST", "$batch", multipart("batch_1", parts), {
    "content-type": 'multipart/mixed; boundary="batch_1"',
    ...headers,
  });
const statuses = (answer: Answer): number[] =>
  [...answer.text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
const URL_OF = "/api/data/v9.2";
const count = async (filter: string) => Number((await dataverse.get(`contacts/$count?$filter=${filter}`)).text);

describe("a batch (§6.3)", () => {
  it("runs its requests in order and answers in order, with absolute, rooted and relative URLs and plain JSON types", async () => {
    const contactid = crypto.randomUUID();
    const answer = await batch([
      part(request("POST", `${dataverse.api}/contacts`, { contactid, lastname: "Batch" })),
      part(request("PATCH", `${URL_OF}/contacts(${contactid})`, { firstname: "Ann" }, "If-Match: *\r\n")),
      part(request("GET", `contacts(${contactid})?$select=fullname`)),
    ]);

    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(/^multipart\/mixed; boundary=batchresponse_/);
    expect(statuses(answer)).toEqual([204, 204, 200]);
    expect(answer.text).toContain(`OData-EntityId: ${dataverse.api}/contacts(${contactid})`);
    expect(answer.text).toContain('"fullname":"Ann Batch"');
  });

  it("stops at the first failure with that failure's status, keeping what went before", async () => {
    const answer = await batch([
      part(request("POST", `${URL_OF}/contacts`, { lastname: "BeforeStop" })),
      part(request("POST", `${URL_OF}/contacts`, { nope: 1 })),
      part(request("POST", `${URL_OF}/contacts`, { lastname: "AfterStop" })),
    ]);

    expect(answer.status).toBe(400);
    expect(statuses(answer)).toEqual([204, 400]);
    expect([await count("lastname eq 'BeforeStop'"), await count("lastname eq 'AfterStop'")]).toEqual([1, 0]);
  });

  it("goes on with continue-on-error: 200 outside, each part its own status, failures with REQ_ID", async () => {
    const answer = await batch(
      [
        part(request("POST", `${URL_OF}/contacts`, { nope: 1 })),
        part(request("GET", `${URL_OF}/contacts(00000000-0000-4000-8000-000000000000)`)),
        part(request("POST", `${URL_OF}/contacts`, { lastname: "AfterError" })),
      ],
      { prefer: "odata.continue-on-error" },
    );

    expect(answer.status).toBe(200);
    expect(statuses(answer)).toEqual([400, 404, 204]);
    expect(answer.text).toMatch(/Req_id: [0-9a-f-]{36}/i);
    expect(await count("lastname eq 'AfterError'")).toBe(1);
  });

  it.each([
    ["an unclosed body", "--batch_1\r\n\r\n"],
    ["a part that is not http", multipart("batch_1", ["Content-Type: text/plain\r\n\r\nx\r\n"])],
    ["a bad request line", multipart("batch_1", [part("GET")])],
    ["a batch in a batch", multipart("batch_1", [part(request("POST", `${URL_OF}/$batch`))])],
    [
      "more than 1000 operations",
      multipart(
        "batch_1",
        Array.from({ length: 1001 }, () => part(request("GET", `${URL_OF}/WhoAmI`))),
      ),
    ],
  ])("refuses %s with 400", async (_name, body) => {
    const answer = await dataverse.call("POST", "$batch", body, {
      "content-type": "multipart/mixed; boundary=batch_1",
    });

    expect(answer.status).toBe(400);
  });

  it("takes 1000 operations", async () => {
    const answer = await batch(Array.from({ length: 1000 }, () => part(request("GET", `${URL_OF}/WhoAmI`))));

    expect(statuses(answer).length).toBe(1000);
  });
});

describe("a change set (§6.3)", () => {
  it("creates and refers to what it created by content id, in URLs and in binds", async () => {
    const answer = await batch([
      changeSet([
        part(request("POST", `${URL_OF}/contacts`, { lastname: "Set" }), 1),
        part(
          request("POST", `${URL_OF}/tasks`, { subject: "Call", "regardingobjectid_contact_task@odata.bind": "$1" }),
          2,
        ),
        part(request("PATCH", "$2", { statecode: 1, statuscode: 5 }), 3),
      ]),
    ]);
    const tasks = await dataverse.get(
      "tasks?$select=statecode&$expand=regardingobjectid_contact_task($select=lastname)&$filter=subject eq 'Call'",
    );

    expect(answer.status).toBe(200);
    expect(statuses(answer)).toEqual([204, 204, 204]);
    expect(answer.text).toMatch(/boundary=changesetresponse_[\s\S]*Content-ID: 1[\s\S]*Content-ID: 2/);
    expect(tasks.json.value).toMatchObject([{ statecode: 1, regardingobjectid_contact_task: { lastname: "Set" } }]);
  });

  it("does all or nothing: a failure leaves one error part and no row, no version, no delta", async () => {
    const tracked = await dataverse.get("contacts?$select=lastname", { prefer: "odata.track-changes" });
    const answer = await batch(
      [
        changeSet([
          part(request("POST", `${URL_OF}/contacts`, { lastname: "Undone" }), 1),
          part(request("POST", `${URL_OF}/contacts`, { lastname: "x".repeat(51) }), 2),
        ]),
        part(request("POST", `${URL_OF}/contacts`, { lastname: "AfterSet" })),
      ],
      { prefer: "odata.continue-on-error" },
    );
    const delta = await dataverse.get(String(tracked.json["@odata.deltaLink"]));

    expect(await count("lastname eq 'Undone'")).toBe(0);
    expect(statuses(answer)).toEqual([400, 204]);
    expect(answer.text).toContain("0x80044331");
    expect(delta.json.value.map(({ lastname }) => lastname)).toEqual(["AfterSet"]);
  });

  it.each([
    ["a GET", [part(request("GET", `${URL_OF}/contacts`), 1)], "GET"],
    ["a part without Content-ID", [part(request("POST", `${URL_OF}/contacts`, { lastname: "x" }))], "Content-ID"],
    [
      "a reference to a later id",
      [
        part(
          request("POST", `${URL_OF}/tasks`, { subject: "x", "regardingobjectid_contact_task@odata.bind": "$2" }),
          1,
        ),
        part(request("POST", `${URL_OF}/contacts`, { lastname: "x" }), 2),
      ],
      "Content-ID Reference: '$2' does not exist in the batch context.",
    ],
  ])("refuses %s", async (_name, parts, message) => {
    const answer = await batch([changeSet(parts)]);

    expect(answer.status).toBe(400);
    expect(answer.text).toContain(message);
  });
});
