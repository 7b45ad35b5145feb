// infra/local/dataverse/README.md: what is not imitated is refused with 501, never answered as if it were something else.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Dataverse, startDataverse } from "./simulator.js";

let dataverse: Dataverse;
let contact: string;
let account: string;
beforeAll(async () => {
  dataverse = await startDataverse();
  contact = await dataverse.create("contacts", { lastname: "Lee" });
  account = await dataverse.create("accounts", { name: "Fabrikam" });
});
afterAll(() => dataverse.close());

describe("what the simulator does not imitate (facts/dataverse.md §3, §6)", () => {
  it.each([
    "fetchXml=<fetch/>",
    "savedQuery=00000000-0000-0000-0000-000000000001",
    "userQuery=00000000-0000-0000-0000-000000000001",
  ])("refuses a query by %s instead of answering a plain list", async (query) => {
    const answer = await dataverse.get(`contacts?${query}`);

    expect(answer.status).toBe(501);
    expect(answer.text).toContain("does not imitate");
  });

  it("refuses to create a row through another row's collection", async () => {
    const answer = await dataverse.call("POST", `accounts(${account})/contact_customer_accounts`, '{"lastname":"Ng"}');

    expect(answer.status).toBe(501);
  });

  it("refuses an upload to a column", async () => {
    const answer = await dataverse.call("PATCH", `contacts(${contact})/entityimage`, "bytes");

    expect(answer.status).toBe(501);
  });
});
