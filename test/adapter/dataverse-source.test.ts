import { beforeEach, describe, expect, it } from "vitest";
import { type DataverseCore, makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { inventContact } from "../../infra/local/scenarios/contacts.js";
import { makeDynamicsSource } from "../../shared/dataverse/source.js";
import { AuthError, MalformedError, MissingError, RefusedError } from "../../shared/errors.js";
import type { DynamicsSource, TrackedPage } from "../../shared/flows/ports.js";
import { mappingOfPlan, planOf } from "../../shared/flows/reconcile-plan.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { parseRecordId, type RecordId } from "../../shared/model/ids.js";
import { makeDynamicsClient } from "../../shared/services.js";
import { coreHttp, coreWorld } from "../support/core-http.js";
import { type FixedClock, fixedClock } from "../support/fixed-clock.js";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";

const account = "ad6b3f4b-1be7-e611-8101-e0071b6af231";
let clock: FixedClock;
let core: DataverseCore;
let source: DynamicsSource;
let contact: CompiledMapping;

beforeEach(async () => {
  clock = fixedClock("2026-03-01T00:00:00Z");
  core = makeDataverseCore(coreWorld(clock));
  source = sourceAs(LOCAL_APPS.integration);
  const mapping = shippedMappings().get("contact");
  if (!mapping) throw new Error("no mapping");
  contact = mapping;
  await command("seed", { set: "contacts", rows: Array.from({ length: 12 }, (_, number) => inventContact(number)) });
});

function sourceAs(app: { clientId: string; clientSecret: string }): DynamicsSource {
  const url = new URL("http://dataverse.test");
  const auth = { by: "client-secret" as const, authority: url, tenantId: WELL_KNOWN.tenant, ...app };
  return makeDynamicsSource(
    makeDynamicsClient({ dynamics: { url, auth } }, coreHttp({ "dataverse.test": core }, clock), clock),
  );
}

async function command(name: string, body: unknown): Promise<void> {
  await core.command?.(name, body);
}

function idOf(number: number): RecordId {
  return parseRecordId(inventContact(number).contactid);
}

/** Follows a tracked read to its delta link. */
async function follow(link?: string): Promise<{ changed: string[]; deleted: string[]; delta: string }> {
  const changed: string[] = [];
  const deleted: string[] = [];
  let page: TrackedPage = await source.readChanges(contact, link);
  for (;;) {
    changed.push(...page.changed.map(({ id }) => id));
    deleted.push(...page.deleted);
    if (page.delta !== undefined) return { changed, deleted, delta: page.delta };
    page = await source.readChanges(contact, page.next);
  }
}

/** Edits through the Web API, as someone at work would. */
async function edit(method: "PATCH" | "DELETE", id: string, body?: unknown): Promise<void> {
  const url = new URL("http://dataverse.test");
  const auth = { by: "client-secret" as const, authority: url, tenantId: WELL_KNOWN.tenant, ...LOCAL_APPS.editor };
  const client = makeDynamicsClient({ dynamics: { url, auth } }, coreHttp({ "dataverse.test": core }, clock), clock);
  await client.call({ operation: "edit", method, path: `contacts(${id})`, ...(body !== undefined && { body }) });
}

describe("reading Dynamics through its Web API", () => {
  it("knows the organisation behind the address", async () => {
    expect(await source.organizationId()).toBe(WELL_KNOWN.organization);
  });

  it("reads a row with every mapped column, empty ones as null, dates as days, and its version", async () => {
    const { id, version, row } = await source.fetchRow(contact, idOf(1));

    expect(id).toBe(idOf(1));
    expect(version).toMatch(/^\d+$/);
    expect(Object.keys(row).sort()).toEqual(Object.keys(contact.columns).sort());
    expect(row).toMatchObject({ contactid: id, birthdate: inventContact(1).birthdate, gendercode: 1, fax: null });
  });

  it("reads what a lookup points to, its table and its name, when the mapping wants to know (B21, B23)", async () => {
    const mapping = compiled(
      aMappingDocument(
        [
          aField({ source: { column: "parentcustomerid", as: "name" } }),
          aField({ source: { column: "parentcustomerid", as: "type" }, target: "cusParentType" }),
        ],
        { columns: { contactid: "id", parentcustomerid: { type: "lookup", targets: ["account", "contact"] } } },
      ),
    );
    await command("seed", { set: "accounts", rows: [{ accountid: account, name: "Contoso" }] });
    await edit("PATCH", idOf(1), { "parentcustomerid_account@odata.bind": `/accounts(${account})` });

    const company = { parentcustomerid: account, "parentcustomerid.type": "account" };
    const none = { parentcustomerid: null, "parentcustomerid.type": null, "parentcustomerid.name": null };

    expect((await source.fetchRow(mapping, idOf(1))).row).toMatchObject({
      ...company,
      "parentcustomerid.name": "Contoso",
    });
    expect((await source.fetchRow(mapping, idOf(2))).row).toMatchObject(none);
    expect((await source.fetchRows(mapping, [idOf(1)])).map(({ row }) => row)).toMatchObject([company]);
    const page = await source.readPage(mapping, undefined, 50);
    expect(page.rows.map(({ row }) => row["parentcustomerid.type"]).filter((type) => type !== null)).toEqual([
      "account",
    ]);
  });

  it("says missing only of a row that does not exist", async () => {
    await expect(source.fetchRow(contact, parseRecordId("11111111-1111-4111-8111-111111111111"))).rejects.toThrow(
      MissingError,
    );
  });

  it("reads many rows by id in one request and leaves out those that do not exist", async () => {
    const rows = await source.fetchRows(contact, [
      idOf(3),
      parseRecordId("11111111-1111-4111-8111-111111111111"),
      idOf(5),
    ]);

    expect(rows.map(({ id }) => id).sort()).toEqual([idOf(3), idOf(5)].sort());
  });

  it("reads of a contact only its opt-outs, and when it changed and was made, where those are compared in bulk", async () => {
    const columns = { contactid: "id", lastname: "string", donotemail: "boolean" };
    const optOuts = { direction: "both", attributes: { email: "donotemail" } };
    const plan = planOf([compiled(aMappingDocument(undefined, { columns, optOuts }))]);
    if (!plan) throw new Error("no plan");
    const made = Date.parse("2026-03-01T00:00:00Z");
    clock.advance(61_000);
    await edit("PATCH", idOf(3), { donotemail: true });

    const [row] = await source.fetchRows(mappingOfPlan(plan), [idOf(3)]);

    expect(row).toMatchObject({ id: idOf(3), createdAt: made, changedAt: made + 61_000 });
    expect(row?.row).toEqual({ contactid: idOf(3), donotemail: true, merged: false });
  });

  it("pages through the whole table, every row once", async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await source.readPage(contact, cursor, 5);
      expect(page.rows.length).toBeLessThanOrEqual(5);
      seen.push(...page.rows.map(({ id }) => id));
      cursor = page.next;
    } while (cursor !== undefined);

    expect(seen).toHaveLength(12);
    expect(new Set(seen).size).toBe(12);
  });

  it("gets a delta link, and from it exactly what was changed and deleted since, by version", async () => {
    const first = await follow();
    await edit("PATCH", idOf(2), { lastname: "Neuhaus" });
    await edit("DELETE", idOf(4));

    const second = await follow(first.delta);
    const third = await follow(second.delta);

    expect(first.changed).toHaveLength(12);
    expect([second.changed, second.deleted]).toEqual([[idOf(2)], [idOf(4)]]);
    expect([third.changed, third.deleted]).toEqual([[], []]);
  });

  it("names an expired link by its code", async () => {
    const { delta } = await follow();
    await edit("PATCH", idOf(2), { lastname: "Neuhaus" });
    await command("expire-delta-tokens", {});

    const reading = source.readChanges(contact, delta);

    await expect(reading).rejects.toThrow(RefusedError);
    await expect(reading).rejects.toMatchObject({ code: "0x80044352" });
  });

  it("refuses a link that leads to another host, where our token would go", async () => {
    await expect(source.readChanges(contact, "https://evil.test/api/data/v9.2/contacts")).rejects.toThrow(
      MalformedError,
    );
  });

  it("gets a fresh token once when the old one was revoked", async () => {
    await source.organizationId();
    clock.advance(2_000);
    await command("revoke-tokens", {});
    clock.advance(2_000);

    expect(await source.organizationId()).toBe(WELL_KNOWN.organization);
  });

  it("tells wrong credentials and a missing application user apart, both as ours to mend", async () => {
    const wrong = sourceAs({ ...LOCAL_APPS.integration, clientSecret: "wrong" }).organizationId();
    const stranger = sourceAs(LOCAL_APPS.stranger).organizationId();

    await expect(wrong).rejects.toThrow(/DYNAMICS_CLIENT_SECRET/);
    await expect(stranger).rejects.toThrow(/application user/);
    await expect(stranger).rejects.toThrow(AuthError);
  });
});
