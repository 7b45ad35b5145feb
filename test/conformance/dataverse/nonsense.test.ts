// Nothing a client sends may end the simulator, or come out as a fault of the simulator's own (500).
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Dataverse, startDataverse } from "./simulator.js";

let dataverse: Dataverse;
let id: string;
beforeAll(async () => {
  dataverse = await startDataverse();
  id = await dataverse.create("contacts", { lastname: "Lee" });
});
afterAll(() => dataverse.close());

const words = [
  ...[
    "contacts",
    "tasks",
    "EntityDefinitions",
    "Attributes",
    "$count",
    "$ref",
    "$value",
    "WhoAmI",
    "Merge",
    "$batch",
    "lastname",
    "parentcustomerid_account",
  ],
  ...[
    "(",
    ")",
    "'",
    '"',
    ",",
    "/",
    "=",
    "?",
    "&",
    "$filter=",
    "$select=",
    "$expand=",
    "$orderby=",
    "$apply=",
    "$top=",
    "$skiptoken=",
    "$deltatoken=",
    "@p1",
  ],
  ...[
    " eq ",
    " and ",
    "not ",
    "null",
    "1",
    "%",
    "%zz",
    "%27",
    "groupby",
    "aggregate",
    "Microsoft.Dynamics.CRM.In",
    "PropertyName",
    "[",
    "]",
    ";",
    "any(x:x",
    "\\",
  ],
];
const nonsense = fc.array(fc.constantFrom(...words), { maxLength: 12 }).map((parts) => parts.join(""));

it("answers any path and query with something other than 500, and goes on", async () => {
  await fc.assert(
    fc.asyncProperty(
      nonsense,
      fc.constantFrom("GET", "POST", "PATCH", "PUT", "DELETE"),
      fc.boolean(),
      async (path, method, onRow) => {
        const start = onRow ? `contacts(${id})/` : "";
        const body = method === "GET" || method === "DELETE" ? undefined : '{"lastname":"x"}';
        const answer = await dataverse.call(method, `${start}${path}`, body, {
          prefer: 'odata.include-annotations="*("',
        });

        expect([500, 0]).not.toContain(answer.status);
      },
    ),
    { numRuns: 600, seed: 7 },
  );
});

it("answers any body with something other than 500", async () => {
  const columns = fc.constantFrom(
    "lastname",
    "birthdate",
    "gendercode",
    "creditlimit",
    "statecode",
    "contactid",
    "parentcustomerid_account@odata.bind",
    "__proto__",
    "constructor",
    "@odata.id",
    "x@y@z",
  );
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(columns, fc.jsonValue({ maxDepth: 2 })),
      fc.constantFrom("contacts", "EntityDefinitions", "Merge", "serviceendpoints", "$batch"),
      async (body, path) => {
        const answer = await dataverse.call("POST", path, body);

        expect(answer.status).not.toBe(500);
      },
    ),
    { numRuns: 400, seed: 7 },
  );
});

it("answers any batch body with something other than 500", async () => {
  const lines = fc.constantFrom(
    "--b",
    "--b--",
    "--c",
    "--c--",
    "",
    "Content-Type: application/http",
    "Content-Type: multipart/mixed; boundary=c",
    "Content-ID: 1",
    "GET contacts HTTP/1.1",
    "POST $1 HTTP/1.1",
    "PATCH contacts(1) HTTP/1.1",
    "{}",
    "junk",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(lines, { maxLength: 20 }), async (parts) => {
      const answer = await dataverse.call("POST", "$batch", parts.join("\r\n"), {
        "content-type": "multipart/mixed; boundary=b",
      });

      expect(answer.status).not.toBe(500);
    }),
    { numRuns: 400, seed: 7 },
  );
});
