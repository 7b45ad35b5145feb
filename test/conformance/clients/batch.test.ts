import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type Row, refusal, useDataverse } from "./support.js";

const { connect } = useDataverse();

describe("dynamics-web-api: batches (facts/dataverse.md §6.3)", () => {
  it("does reads and writes in one request and answers each in its place", async () => {
    const api = connect();
    const [kept, gone] = [randomUUID(), randomUUID()];
    for (const key of [kept, gone]) await api.upsert({ collection: "contacts", key, data: { lastname: "Lee" } });

    api.startBatch();
    api.retrieve({ collection: "contacts", key: kept, select: ["lastname"] });
    api.create({ collection: "contacts", data: { lastname: "New" } });
    api.update({ collection: "contacts", key: kept, data: { lastname: "Ng" } });
    api.deleteRecord({ collection: "contacts", key: gone });
    api.retrieveMultiple({ collection: "contacts", select: ["lastname"], orderBy: ["lastname"] });
    const [read, created, , , listed] = await api.executeBatch();

    expect(read).toMatchObject({ contactid: kept, lastname: "Lee" });
    expect(created).toMatch(/^[0-9a-f-]{36}$/);
    expect(listed.value).toMatchObject([{ lastname: "New" }, { lastname: "Ng" }]);
  });

  it("refers to a row made earlier in the same change set by its content id", async () => {
    const api = connect();

    api.startBatch();
    api.create({ collection: "contacts", data: { lastname: "Parent" }, contentId: "1" });
    api.create({ collection: "contacts", data: { lastname: "Child", "parentcustomerid_contact@odata.bind": "$1" } });
    const [parent, child] = await api.executeBatch();

    const row: Row = await api.retrieve({ collection: "contacts", key: child, select: ["_parentcustomerid_value"] });
    expect(row).toHaveProperty("_parentcustomerid_value", parent);
  });

  it("undoes a change set when one of its writes is refused", async () => {
    const api = connect();
    const key = randomUUID();

    api.startBatch();
    api.upsert({ collection: "contacts", key, data: { lastname: "Lee" } });
    api.update({ collection: "contacts", key: randomUUID(), data: { lastname: "nobody" } });
    await refusal(api.executeBatch());

    expect(await refusal(api.retrieve({ collection: "contacts", key }))).toMatchObject({ status: 404 });
  });

  it("goes on after an error outside change sets when told to", async () => {
    const api = connect();
    const key = randomUUID();

    api.startBatch();
    api.retrieve({ collection: "contacts", key: randomUUID() });
    api.upsert({ collection: "contacts", key, data: { lastname: "Lee" }, inChangeSet: false });
    const outcome: unknown = await api.executeBatch({ continueOnError: true }).catch((error: unknown) => error);

    // The client reports the failed part; what matters is that the part after it was done.
    expect(JSON.stringify(outcome)).toContain("0x80040217");
    expect(await api.retrieve({ collection: "contacts", key, select: ["lastname"] })).toHaveProperty("lastname", "Lee");
  });

  it("counts inside a batch", async () => {
    const api = connect();

    api.startBatch();
    api.count({ collection: "contacts", filter: "lastname eq 'nobody at all'" });
    const [count] = await api.executeBatch();

    expect(Number(count)).toBe(0);
  });
});
