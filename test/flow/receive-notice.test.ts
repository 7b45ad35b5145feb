import { beforeEach, describe, expect, it } from "vitest";
import { imageAliasOf, parseNotice } from "../../shared/dataverse/notice.js";
import { UnavailableError } from "../../shared/errors.js";
import type { IngressControl } from "../../shared/flows/ports.js";
import { type NoticeOutcome, receiveNotice } from "../../shared/flows/receive-notice.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import { type Envelope, messageIdOf, parseEnvelope } from "../../shared/model/envelope.js";
import {
  aContext,
  aMessage,
  cut,
  entity,
  ids,
  type MessageCase,
  messages,
  organizationId,
  pair,
  reference,
} from "../fixtures/notices/contexts.js";
import { openControl, settingsOf } from "../support/calm-ports.js";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";

const receivedAt = "2026-03-01T10:00:05.000Z";
const contacts = compiled(aMappingDocument());
const accounts = compiled(
  aMappingDocument([aField({ source: { column: "name" }, target: "companyName" })], {
    table: { name: "account", set: "accounts", id: "accountid" },
    resource: { api: "profileAndServicesExt", name: "cusAccount" },
    columns: { accountid: "id", name: "string" },
  }),
);

let settings: ReturnType<typeof settingsOf>;
let control: IngressControl;
let sent: Envelope[];
let ports: Parameters<typeof receiveNotice>[0];
beforeEach(() => {
  settings = settingsOf(bothTables());
  control = { wanted: "running", drain: true, parked: new Map() };
  sent = [];
  ports = {
    settings: settings.source,
    control: { ...openControl(), current: async () => control },
    binding: async () => ({ organizationId, campaignTenant: "acme", epoch: 1, createdAt: receivedAt }),
    queue: {
      send: async (envelopes) => void sent.push(...envelopes),
      sendBundles: async () => {},
      schedule: async () => {},
      depths: async () => new Map(),
    },
    ownTag: "acs-sync",
  };
});

function bothTables(): ReadonlyMap<string, CompiledMapping> {
  return new Map([
    ["contact", contacts],
    ["account", accounts],
  ]);
}

function post(body: unknown): Promise<NoticeOutcome> {
  return receiveNotice(ports, parseNotice(body, receivedAt));
}

function withImage(mapping: CompiledMapping, version = "5948260"): Record<string, unknown> {
  const image = entity("contact", ids.ann, { contactid: ids.ann, lastname: "Lee" }, { RowVersion: version });
  return aContext({ PostEntityImages: [pair(imageAliasOf(mapping), image)] });
}

const named = messages.map((message: MessageCase) => [message.what, message] as const);

describe("receiving a notice", () => {
  it.each(named)("queues one envelope for each row of %s, without a row, to be read fresh", async (_what, message) => {
    const { body, about, deleted } = message;

    const received = await post(body);

    const ignored = { outcome: "ignored", reason: "names-no-record" };
    expect(received).toEqual(about.length === 0 ? ignored : { outcome: "queued", envelopes: sent });
    expect(sent.map(({ table, id }) => `${table} ${id}`)).toEqual(about);
    for (const envelope of sent) {
      expect(envelope).toEqual({
        v: 1,
        table: envelope.table,
        id: envelope.id,
        kind: deleted ? "delete" : "upsert",
        cause: "notice",
        attempt: 0,
        occurredAt: "2025-09-17T03:25:10.000Z",
        correlationId: "158cf2d3-ad9b-4831-aef0-3a69720ae19b",
        nonce: envelope.nonce,
        settings: 1,
      });
      expect(parseEnvelope(JSON.parse(JSON.stringify(envelope)))).toEqual(envelope);
    }
  });

  it("sends the row along when its image covers the mapping in force, under that mapping's column set and version", async () => {
    settings.publish(bothTables());

    await post(withImage(contacts));

    expect(sent).toMatchObject([
      { version: "5948260", row: { contactid: ids.ann, lastname: "Lee" }, columns: contacts.columnSet, settings: 2 },
    ]);
  });

  it("leaves the row out when a mapping with other columns was published a second ago", async () => {
    const wider = compiled(
      aMappingDocument([aField(), aField({ source: { column: "firstname" }, target: "firstName" })]),
    );
    settings.publish(new Map([["contact", wider]]));

    await post(withImage(contacts));

    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ id: ids.ann, settings: 2 });
    expect(sent[0]).not.toHaveProperty("row");
    expect(sent[0]).not.toHaveProperty("columns");
  });

  it("leaves the row out but says its version when the image leaves open what the mapping reads", async () => {
    const named = compiled(
      aMappingDocument([aField({ source: { column: "parentcustomerid", as: "name" }, target: "companyName" })], {
        columns: { contactid: "id", parentcustomerid: "lookup" },
      }),
    );
    settings.publish(new Map([["contact", named]]));
    const columns = { contactid: ids.ann, parentcustomerid: reference("account", ids.firm) };
    const image = entity("contact", ids.ann, columns, { RowVersion: "5948260" });

    await post(aContext({ PostEntityImages: [pair(imageAliasOf(named), image)] }));

    expect(sent[0]).toMatchObject({ id: ids.ann, version: "5948260" });
    expect(sent[0]).not.toHaveProperty("row");
  });

  it.each(["absent", "null"] as const)("drops what was cut and names no row any more, members %s", async (how) => {
    const associate = aMessage("Associate", { Target: reference("contact", ids.ann) });
    const bulk = aMessage("UpdateMultiple", {}, { PrimaryEntityName: "contact" });

    const received = [await post(cut(associate, how)), await post(cut(bulk, how))];

    const truncated = { outcome: "ignored", reason: "truncated" };
    expect(received).toEqual([truncated, truncated]);
    expect(sent).toEqual([]);
  });

  it.each(["absent", "null"] as const)("queues the row that a cut Merge still names, members %s", async (how) => {
    const about = { PrimaryEntityName: "contact", PrimaryEntityId: ids.ann };

    await post(cut(aMessage("Merge", { SubordinateId: ids.bob }, about), how));

    expect(sent.map(({ id }) => id)).toEqual([ids.ann]);
  });

  it("makes the same message ids when the same notice is posted again, and never the same for two rows", async () => {
    for (const { body } of messages) {
      sent = [];
      await post(body);
      const first = sent.map(messageIdOf);
      sent = [];
      await post(structuredClone(body));
      const again = sent.map(messageIdOf);

      expect(again).toEqual(first);
      expect(new Set(first).size).toBe(first.length);
    }
  });

  it("tells two changes of one request apart when nothing but the job that posts them does", async () => {
    await post(aContext({ OperationId: "5b1d1b1a-79f1-4f98-8467-000000000001" }));
    await post(aContext({ OperationId: "5b1d1b1a-79f1-4f98-8467-000000000002" }));
    await post({ ...aContext({ OperationCreatedOn: null }), OperationId: null, RequestId: null });
    await post({ ...aContext(), OperationId: null, RequestId: null });

    expect(new Set(sent.map(messageIdOf)).size).toBe(4);
  });

  it("makes the same message id of one change that comes through both doors with its version, or as a deletion", async () => {
    const [, , deletion] = messages;
    for (const job of ["5b1d1b1a-79f1-4f98-8467-000000000001", "5b1d1b1a-79f1-4f98-8467-000000000002"]) {
      await post({ ...withImage(contacts), OperationId: job });
      await post({ ...deletion?.body, OperationId: job });
    }

    expect(new Set(sent.map(messageIdOf)).size).toBe(2);
  });

  it("queues the mapped rows of a notice that also names rows of other tables", async () => {
    settings.publish(new Map([["contact", contacts]]));
    const related = [reference("contact", ids.ann), reference("lead", ids.bob)];

    await post(aMessage("Associate", { Target: reference("account", ids.firm), RelatedEntities: related }));

    expect(sent.map(({ table, id }) => [table, id])).toEqual([["contact", ids.ann]]);
  });

  it.each([
    ["stopped", { wanted: "stopped" as const }],
    ["parked", { parked: new Map([["contact", "five equal failures"]]) }],
  ])("answers and drops a notice while the flow or its table is %s", async (reason, wish) => {
    control = { ...control, ...wish };

    const received = await post(aContext());

    expect(received).toEqual({ outcome: "ignored", reason });
    expect(sent).toEqual([]);
  });

  it("queues only the rows of tables that are not parked", async () => {
    control = { ...control, parked: new Map([["contact", "five equal failures"]]) };
    const related = [reference("contact", ids.ann)];

    await post(aMessage("Associate", { Target: reference("account", ids.firm), RelatedEntities: related }));

    expect(sent.map(({ table }) => table)).toEqual(["account"]);
  });

  it("drops our own echo and tables nobody maps, and refuses another organisation's notice even while stopped", async () => {
    const echo = await post(aContext({ SharedVariables: [pair("tag", "acs-sync")] }));
    const stranger = await post(aMessage("Update", {}, { PrimaryEntityName: "lead", PrimaryEntityId: ids.ann }));
    control = { ...control, wanted: "stopped" };
    const foreign = post(aContext({ OrganizationId: ids.firm }));

    expect(echo).toEqual({ outcome: "ignored", reason: "own-echo" });
    expect(stranger).toEqual({ outcome: "ignored", reason: "table-not-mapped" });
    await expect(foreign).rejects.toMatchObject({ kind: "unauthenticated" });
    expect(sent).toEqual([]);
  });

  it.each(["binding", "control", "settings", "queue"] as const)(
    "throws when the %s is away, so that the sender tries again",
    async (port) => {
      const away = async () => {
        throw new UnavailableError("away", false);
      };
      const broken = {
        ...ports,
        ...(port === "binding" && { binding: away }),
        ...(port === "control" && { control: { ...ports.control, current: away } }),
        ...(port === "settings" && { settings: { current: away, atLeast: away } }),
        ...(port === "queue" && { queue: { ...ports.queue, send: away } }),
      };

      const received = receiveNotice(broken, parseNotice(aContext(), receivedAt));

      await expect(received).rejects.toMatchObject({ kind: "unavailable" });
    },
  );
});
