// What our Dataverse simulator posts for what people and programs do, once registered by infra/dataverse, and the envelopes that makes.

import { beforeEach, describe, expect, it } from "vitest";
import { applyRegistration, planRegistration } from "../../infra/dataverse/provision.js";
import { makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { type DataverseOptions, LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import { parseNotice } from "../../shared/dataverse/notice.js";
import { type NoticeOutcome, receiveNotice } from "../../shared/flows/receive-notice.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import { makeMemoryChangeQueue } from "../../shared/messaging/memory-queue.js";
import type { Envelope } from "../../shared/model/envelope.js";
import { makeDynamicsClient } from "../../shared/services.js";
import { openControl, settingsOf } from "../support/calm-ports.js";
import { type CoreWorld, coreHttp, coreWorld } from "../support/core-http.js";
import { type FixedClock, fixedClock } from "../support/fixed-clock.js";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";

const crm = "Microsoft.Dynamics.CRM";
const tables = new Map([
  ["contact", compiled(aMappingDocument())],
  ["account", mappingOf("account", "accounts", "name")],
  ["acs_event", mappingOf("acs_event", "acs_events", "acs_name")],
]);
const webhook = { url: "https://app.example.com/api/ingress-webhook", key: "key", name: "acs-sync" };

let clock: FixedClock;
let world: CoreWorld;
let client: DataverseClient;
let ports: Parameters<typeof receiveNotice>[0];
beforeEach(async () => {
  await start();
});

async function start(options: Partial<DataverseOptions> = {}): Promise<void> {
  clock = fixedClock("2026-03-01T00:00:00Z");
  world = coreWorld(clock);
  const core = makeDataverseCore(world, options);
  const url = new URL("http://dataverse.test");
  const { clientId, clientSecret } = LOCAL_APPS.integration;
  const auth = { by: "client-secret" as const, authority: url, tenantId: WELL_KNOWN.tenant, clientId, clientSecret };
  client = makeDynamicsClient({ dynamics: { url, auth } }, coreHttp({ "dataverse.test": core }, clock), clock);
  const binding = { campaignTenant: "acme", epoch: 1, createdAt: "2026-03-01T00:00:00Z" };
  ports = {
    settings: settingsOf(tables).source,
    control: openControl(),
    binding: async () => ({ organizationId: WELL_KNOWN.organization, ...binding }),
    queue: makeMemoryChangeQueue({ lanes: 2, clock }),
    ownTag: "acs-sync",
  };
  await makeCustomTable();
  await applyRegistration(await planRegistration({ client, webhook, mappings: tables }), () => {});
}

function mappingOf(name: string, set: string, column: string): CompiledMapping {
  return compiled(
    aMappingDocument([aField({ source: { column }, target: "name" })], {
      table: { name, set, id: `${name}id` },
      resource: { api: "profileAndServicesExt", name: `cus${set.replace("_", "")}` },
      columns: { [`${name}id`]: "id", [column]: "string" },
    }),
  );
}

async function makeCustomTable(): Promise<void> {
  const label = { LocalizedLabels: [{ Label: "Event", LanguageCode: 1033 }] };
  const name = {
    "@odata.type": `${crm}.StringAttributeMetadata`,
    SchemaName: "acs_Name",
    DisplayName: label,
    IsPrimaryName: true,
    MaxLength: 200,
    FormatName: { Value: "Text" },
  };
  await post("EntityDefinitions", {
    "@odata.type": `${crm}.EntityMetadata`,
    SchemaName: "acs_Event",
    DisplayName: label,
    DisplayCollectionName: label,
    OwnershipType: "UserOwned",
    HasNotes: false,
    HasActivities: false,
    Attributes: [name],
  });
}

async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<string> {
  const { headers: answered } = await client.call({ operation: "post", method: "POST", path, body, headers });
  return /\(([0-9a-f-]{36})\)$/.exec(answered["odata-entityid"] ?? "")?.[1] ?? "";
}

/** Takes in whatever was posted so far, in the order it came. */
async function takeIn(): Promise<{ message: string; received: NoticeOutcome }[]> {
  await new Promise((resolve) => setImmediate(resolve));
  const outcomes: { message: string; received: NoticeOutcome }[] = [];
  for (const { body } of world.posted.splice(0)) {
    const notice = parseNotice(JSON.parse(body), "2026-03-01T00:00:09.000Z");
    outcomes.push({ message: notice.message, received: await receiveNotice(ports, notice) });
  }
  return outcomes;
}

/** What was queued, as `message: table id kind row?`, in any order. */
function queued(outcomes: Awaited<ReturnType<typeof takeIn>>): string[] {
  const say = (message: string, { table, id, kind, row }: Envelope): string =>
    `${message}: ${table} ${id} ${kind}${row ? " with row" : ""}`;
  return outcomes
    .flatMap(({ message, received }) =>
      received.outcome === "queued" ? received.envelopes.map((envelope) => say(message, envelope)) : [received.reason],
    )
    .sort();
}

async function listenTo(message: "Associate" | "Disassociate"): Promise<void> {
  const find = async (path: string) =>
    ((await client.json({ operation: "find", path })) as { value: Record<string, string>[] }).value[0];
  const found = await find(`sdkmessages?$select=sdkmessageid&$filter=${encodeURIComponent(`name eq '${message}'`)}`);
  const endpoint = await find("serviceendpoints?$select=serviceendpointid");
  await post("sdkmessageprocessingsteps", {
    ...{ name: message, stage: 40, mode: 1, rank: 1, asyncautodelete: true },
    "eventhandler_serviceendpoint@odata.bind": `/serviceendpoints(${endpoint?.serviceendpointid})`,
    "sdkmessageid@odata.bind": `/sdkmessages(${found?.sdkmessageid})`,
  });
}

describe("what the simulator posts", () => {
  it("makes an envelope with the row of a Create and of an Update, and one without of a Delete", async () => {
    const id = await post("contacts", { lastname: "Lee" });
    const created = queued(await takeIn());
    await client.call({ operation: "edit", method: "PATCH", path: `contacts(${id})`, body: { lastname: "Low" } });
    const updated = await takeIn();
    await client.call({ operation: "delete", method: "DELETE", path: `contacts(${id})` });
    const deleted = queued(await takeIn());

    expect(created).toEqual([`Create: contact ${id} upsert with row`]);
    expect(queued(updated)).toEqual([`Update: contact ${id} upsert with row`]);
    expect(updated[0]?.received).toMatchObject({
      envelopes: [{ row: { contactid: id, lastname: "Low" }, settings: 1 }],
    });
    expect(deleted).toEqual([`Delete: contact ${id} delete`]);
  });

  it("makes a fresh read of both rows of a Merge, beside the Update that it is for each", async () => {
    const [winner, loser] = [
      await post("contacts", { lastname: "Lee" }),
      await post("contacts", { lastname: "Leigh" }),
    ];
    await takeIn();

    await post("Merge", {
      Target: { "@odata.type": `${crm}.contact`, contactid: winner },
      Subordinate: { "@odata.type": `${crm}.contact`, contactid: loser },
      UpdateContent: { "@odata.type": `${crm}.contact`, lastname: "Leigh" },
      PerformParentingChecks: false,
    });

    expect(queued(await takeIn())).toEqual(
      [
        `Merge: contact ${loser} upsert`,
        `Merge: contact ${winner} upsert`,
        `Update: contact ${loser} upsert with row`,
        `Update: contact ${winner} upsert with row`,
      ].sort(),
    );
  });

  it.each(["none", "target"] as const)(
    "makes a fresh read of both ends of an Associate that calls its table %s",
    async (associateEntityName) => {
      await start({ switches: { associateEntityName, referenceRaises: "associate" } });
      await listenTo("Associate");
      await listenTo("Disassociate");
      const [account, contact] = [
        await post("accounts", { name: "Firm" }),
        await post("contacts", { lastname: "Lee" }),
      ];
      await takeIn();

      const path = `contacts(${contact})/parentcustomerid_account/$ref`;
      const body = { "@odata.id": `${client.root.href}accounts(${account})` };
      await client.call({ operation: "associate", method: "PUT", path, body });
      const tied = queued(await takeIn());
      await client.call({ operation: "disassociate", method: "DELETE", path });
      const untied = queued(await takeIn());

      expect(tied).toEqual([`Associate: account ${account} upsert`, `Associate: contact ${contact} upsert`]);
      expect(untied).toEqual([`Disassociate: account ${account} upsert`, `Disassociate: contact ${contact} upsert`]);
    },
  );

  it("makes an envelope with its row for each row of a bulk, which raises the single messages", async () => {
    const ids = [await post("acs_events", { acs_name: "a" }), await post("acs_events", { acs_name: "b" })];
    await takeIn();

    const Targets = ids.map((id) => ({ "@odata.type": `${crm}.acs_event`, acs_eventid: id, acs_name: "c" }));
    await post(`acs_events/${crm}.UpdateMultiple`, { Targets });

    expect(queued(await takeIn())).toEqual(ids.map((id) => `Update: acs_event ${id} upsert with row`).sort());
  });

  it.each(["absent", "null"] as const)(
    "makes a fresh read of a row whose notice was cut, members %s",
    async (webhookTruncation) => {
      await start({ switches: { webhookTruncation, webhookMaxBytes: 2_000 } });

      const id = await post("contacts", { lastname: "Lee", description: "x".repeat(1_500) });

      expect(queued(await takeIn())).toEqual([`Create: contact ${id} upsert`]);
    },
  );

  it("is known as our own echo by the tag of the request", async () => {
    await post("contacts?tag=acs-sync", { lastname: "Lee" });

    expect(queued(await takeIn())).toEqual(["own-echo"]);
  });
});
