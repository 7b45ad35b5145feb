import { beforeEach, describe, expect, it } from "vitest";
import { type DataverseCore, makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { inventContact } from "../../infra/local/scenarios/contacts.js";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { makeDynamicsOptOuts } from "../../shared/dataverse/opt-outs.js";
import { makeDynamicsSource } from "../../shared/dataverse/source.js";
import { ConflictError, MissingError, RefusedError, TableError } from "../../shared/errors.js";
import type { DynamicsOptOutStore } from "../../shared/flows/optout-ports.js";
import type { HttpClient } from "../../shared/http/client.js";
import { parseRecordId, type RecordId, type RowVersion } from "../../shared/model/ids.js";
import { makeDynamicsClient } from "../../shared/services.js";
import { coreHttp, coreWorld } from "../support/core-http.js";
import { type FixedClock, fixedClock } from "../support/fixed-clock.js";
import { lossyHttp } from "../support/lossy-http.js";
import { aMappingDocument, compiled } from "../support/mappings.js";

const mapping = compiled(aMappingDocument());
const host = "dataverse.test";
let clock: FixedClock;
let core: DataverseCore;
let optOuts: DynamicsOptOutStore;

beforeEach(async () => {
  clock = fixedClock("2026-03-01T10:00:00Z");
  core = makeDataverseCore(coreWorld(clock));
  optOuts = makeDynamicsOptOuts(clientOf("integration"), { tag: "acs sync" });
  await command("seed", { set: "contacts", rows: [1, 2, 3, 4].map(inventContact) });
});

function clientOf(
  app: "integration" | "editor",
  http: HttpClient = coreHttp({ [host]: core }, clock),
): DataverseClient {
  const url = new URL(`http://${host}`);
  const auth = { by: "client-secret" as const, authority: url, tenantId: WELL_KNOWN.tenant, ...LOCAL_APPS[app] };
  return makeDynamicsClient({ dynamics: { url, auth } }, http, clock);
}

async function command(name: string, body: unknown): Promise<void> {
  await core.command?.(name, body);
}

function contact(number: number): RecordId {
  return parseRecordId(inventContact(number).contactid);
}

async function versionNow(id: RecordId): Promise<RowVersion> {
  return (await makeDynamicsSource(clientOf("integration")).fetchRow(mapping, id)).version;
}

function row(id: RecordId): Record<string, unknown> {
  const rows = core.state?.("contacts", new URLSearchParams()) as Iterable<Record<string, unknown>>;
  return [...rows].find(({ contactid }) => contactid === id) ?? {};
}

/** Somebody at work does something; a second goes by. */
async function atWork(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<void> {
  clock.advance(1_000);
  await clientOf("editor").call({ operation: "work", method, path, ...(body !== undefined && { body }) });
}

async function merge(winner: RecordId, loser: RecordId): Promise<void> {
  const reference = (contactid: string) => ({ "@odata.type": "Microsoft.Dynamics.CRM.contact", contactid });
  await atWork("POST", "Merge", {
    Target: reference(winner),
    Subordinate: reference(loser),
    PerformParentingChecks: false,
  });
}

/** The same store, every answer of which passes through `change`, parsed. */
function tampered(change: (body: Record<string, unknown>, path: string) => void): DynamicsOptOutStore {
  const client = clientOf("integration");
  const changed = <T>(body: T, path: string | URL): T => {
    change(body as Record<string, unknown>, String(path));
    return body;
  };
  const spoiled: DataverseClient = {
    ...client,
    json: async (call) => changed(await client.json(call), call.path),
    async call(call) {
      const response = await client.call(call);
      return { ...response, text: JSON.stringify(changed(JSON.parse(response.text), call.path)) };
    },
  };
  return makeDynamicsOptOuts(spoiled, { tag: "acs sync" });
}

describe("writing opt-outs to a contact", () => {
  it("changes these columns under the version that was read, and answers the new one", async () => {
    const before = await versionNow(contact(1));
    const { lastname } = row(contact(1));

    const after = await optOuts.write(mapping, contact(1), { donotemail: true, donotphone: true }, before);

    expect(after).toBe(await versionNow(contact(1)));
    expect(after).not.toBe(before);
    expect(row(contact(1))).toMatchObject({ donotemail: true, donotphone: true, donotfax: false, lastname });
  });

  it("writes nothing when somebody has changed the contact since it was read", async () => {
    const before = await versionNow(contact(1));
    await atWork("PATCH", `contacts(${contact(1)})`, { jobtitle: "Dev" });

    const late = optOuts.write(mapping, contact(1), { donotemail: true }, before);

    await expect(late).rejects.toThrow(ConflictError);
    expect(row(contact(1))).toMatchObject({ donotemail: false });
  });

  it("reports a conflict when the answer was lost, though the write is there: the next look sees it", async () => {
    let lost = 0;
    const http = lossyHttp({ [host]: core }, clock, ({ method }) => {
      lost += method === "PATCH" ? 1 : 0;
      return method === "PATCH" && lost === 1;
    });
    const store = makeDynamicsOptOuts(clientOf("integration", http), { tag: "acs sync" });

    const repeated = store.write(mapping, contact(1), { donotemail: true }, await versionNow(contact(1)));

    await expect(repeated).rejects.toThrow(ConflictError);
    expect(row(contact(1))).toMatchObject({ donotemail: true });
  });

  it("does not bring a deleted contact back", async () => {
    const before = await versionNow(contact(1));
    await atWork("DELETE", `contacts(${contact(1)})`);

    await expect(optOuts.write(mapping, contact(1), { donotemail: true }, before)).rejects.toThrow(MissingError);

    expect(row(contact(1))).toEqual({});
  });

  it("carries our tag, so that our own notice is recognised", async () => {
    const paths: string[] = [];
    const client = clientOf("integration");
    const noting: DataverseClient = {
      ...client,
      call(call) {
        paths.push(String(call.path));
        return client.call(call);
      },
    };

    await makeDynamicsOptOuts(noting, { tag: "acs sync" }).write(
      mapping,
      contact(1),
      { donotemail: true },
      await versionNow(contact(1)),
    );

    expect(paths).toEqual([`contacts(${contact(1)})?$select=contactid,donotemail&tag=acs%20sync`]);
  });

  it("says which column Dynamics would not change", async () => {
    const store = tampered((body) => Object.assign(body, { donotemail: false }));

    const passedOver = store.write(mapping, contact(1), { donotemail: true }, await versionNow(contact(1)));

    await expect(passedOver).rejects.toThrow(RefusedError);
    await expect(passedOver).rejects.toThrow("kept its own value in donotemail");
  });

  it("refuses a column that the table does not have", async () => {
    const unknown = optOuts.write(mapping, contact(1), { acs_nothing: true }, await versionNow(contact(1)));

    await expect(unknown).rejects.toThrow(RefusedError);
  });
});

describe("the master of a merged contact", () => {
  it("is the last one of a chain", async () => {
    await merge(contact(2), contact(1));
    await merge(contact(3), contact(2));

    expect(await optOuts.masterOf(mapping, contact(1))).toBe(contact(3));
    expect(await optOuts.masterOf(mapping, contact(2))).toBe(contact(3));
  });

  it("is nobody for a contact that was never merged, and for one that is gone", async () => {
    await atWork("DELETE", `contacts(${contact(4)})`);

    expect(await optOuts.masterOf(mapping, contact(1))).toBeUndefined();
    expect(await optOuts.masterOf(mapping, contact(4))).toBeUndefined();
  });

  it("is nobody when the master is gone", async () => {
    await merge(contact(2), contact(1));
    await atWork("DELETE", `contacts(${contact(2)})`);

    expect(await optOuts.masterOf(mapping, contact(1))).toBeUndefined();
  });

  it("is never guessed when Dynamics cannot be asked", async () => {
    await command("withdraw", { privileges: ["prvReadContact"] });

    await expect(optOuts.masterOf(mapping, contact(1))).rejects.toThrow(TableError);
  });
});

describe("the last opt-in in the audit history", () => {
  const optIn = () => optOuts.lastOptIn(mapping, contact(1), "donotemail");
  const edit = (values: Record<string, unknown>) => atWork("PATCH", `contacts(${contact(1)})`, values);

  beforeEach(() => command("switches", { audit: "on" }));

  it.each([
    ["that come with their time", true],
    ["whose time is in the audit rows", false],
  ])("is the last change from true to false, among changes %s", async (_how, auditRecordInDetails) => {
    await command("switches", { auditRecordInDetails });
    await edit({ donotemail: true });
    await edit({ donotemail: false });
    await edit({ donotemail: true });
    await edit({ donotemail: false, donotphone: true });
    await edit({ donotphone: false });

    expect(await optIn()).toBe(Date.parse("2026-03-01T10:00:04Z"));
  });

  it.each([[true], [false]])("is not what we wrote ourselves (with times in the details: %s)", async (inDetails) => {
    await command("switches", { auditRecordInDetails: inDetails });
    await edit({ donotemail: true });
    await edit({ donotemail: false });
    await edit({ donotemail: true });
    clock.advance(1_000);
    await optOuts.write(mapping, contact(1), { donotemail: false }, await versionNow(contact(1)));

    expect(await optIn()).toBe(Date.parse("2026-03-01T10:00:02Z"));
  });

  it("is unknown when only we have ever opted the contact in", async () => {
    await edit({ donotemail: true });
    await optOuts.write(mapping, contact(1), { donotemail: false }, await versionNow(contact(1)));

    expect(await optIn()).toBeUndefined();
  });

  it("is unknown for a contact that was never opted out, or whose history was off", async () => {
    await command("switches", { audit: "off" });
    await edit({ donotemail: true });
    await edit({ donotemail: false });
    await command("switches", { audit: "on" });

    expect(await optIn()).toBeUndefined();
  });

  it("is found on a later page of the history", async () => {
    for (let times = 0; times < 60; times += 1) await edit({ donotemail: times % 2 === 0 });
    for (let times = 0; times < 120; times += 1) {
      await optOuts.write(mapping, contact(1), { donotemail: times % 2 === 0 }, await versionNow(contact(1)));
    }

    expect(await optIn()).toBe(Date.parse("2026-03-01T10:01:00Z"));
  });

  it("is an error, and not unknown, when our user may not read the history", async () => {
    await command("withdraw", { privileges: ["prvReadAuditSummary"] });

    await expect(optIn()).rejects.toThrow(TableError);
  });
});
