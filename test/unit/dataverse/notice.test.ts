import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { imageAliasOf, parseNotice } from "../../../shared/dataverse/notice.js";
import { MalformedError } from "../../../shared/errors.js";
import type { Notice } from "../../../shared/flows/notice.js";
import {
  aContext,
  cut,
  entity,
  ids,
  type MessageCase,
  messages,
  option,
  pair,
} from "../../fixtures/notices/contexts.js";
import { aField, aMappingDocument, compiled } from "../../support/mappings.js";

const receivedAt = "2026-03-01T10:00:05.000Z";
const mapping = compiled(
  aMappingDocument([
    aField(),
    aField({ source: { column: "birthdate" }, target: "birthDate", type: "date" }),
    aField({ source: { column: "gendercode" }, target: "gender", type: "enumeration" }),
  ]),
);
const imageColumns = {
  contactid: ids.ann,
  lastname: "Lee",
  birthdate: "/Date(641692800000)/",
  gendercode: option(2),
};

/** Our own post-image, as it comes with Create and Update, with `changes` on top. */
function anImage(changes: Record<string, unknown> = {}, columns: Record<string, unknown> = imageColumns) {
  return entity("contact", ids.ann, columns, { RowVersion: "5948260", ...changes });
}

function withImage(value: unknown, alias = imageAliasOf(mapping)): Record<string, unknown> {
  return aContext({ PostEntityImages: [pair(alias, value)] });
}

function imageIn(body: unknown) {
  return parseNotice(body, receivedAt).records[0]?.image(mapping);
}

function rowsOf({ records }: Notice): string[] {
  return records.map(({ table, id }) => `${table} ${id}`);
}

const named = messages.map((message: MessageCase) => [message.what, message] as const);

describe("parseNotice", () => {
  it("reads what happened in which request and job, and when, without the shifted offset", () => {
    const notice = parseNotice(aContext({ OrganizationId: "29C6E552-E16F-ef11-a66b-6045bd1e7d8b" }), receivedAt);

    expect(notice).toMatchObject({
      organizationId: "29c6e552-e16f-ef11-a66b-6045bd1e7d8b",
      message: "Update",
      occurredAt: "2025-09-17T03:25:10.000Z",
      correlationId: "158cf2d3-ad9b-4831-aef0-3a69720ae19b",
      requestId: "3fab629b-b795-4834-a2ca-5a09b2cc6934",
      operationId: "5b1d1b1a-79f1-4f98-8467-81a6347f8865",
      truncated: false,
    });
  });

  it.each(named)("finds every row of %s, each once", (_what, { body, about, deleted }) => {
    const notice = parseNotice(body, receivedAt);

    expect(rowsOf(notice)).toEqual(about);
    expect(notice.records.every((record) => record.deleted === (deleted ?? false))).toBe(true);
  });

  it.each(["absent", "null"] as const)("still finds the primary row of a cut body, its members %s", (how) => {
    const notice = parseNotice(cut(withImage(anImage()), how), receivedAt);

    expect(rowsOf(notice)).toEqual([`contact ${ids.ann}`]);
    expect(notice.truncated).toBe(true);
    expect(notice.records[0]?.image(mapping)).toBeUndefined();
  });

  it.each([
    ["braces and capitals", `{${ids.ann.toUpperCase()}}`],
    ["nothing", null],
    ["an empty text", ""],
  ])("takes the primary row's id from %s, or else from the Target", (_how, PrimaryEntityId) => {
    const notice = parseNotice(aContext({ PrimaryEntityId }), receivedAt);

    expect(rowsOf(notice)).toEqual([`contact ${ids.ann}`]);
  });

  it.each([
    ["Microsoft's own form", "/Date(1758079510000+0000)/", "2025-09-17T03:25:10.000Z"],
    ["ISO, as some tools write it again", "2025-09-17T03:25:10.000Z", "2025-09-17T03:25:10.000Z"],
    ["nothing", null, receivedAt],
    ["the lowest date of .NET", "/Date(-62135596800000)/", receivedAt],
    ["a number that is no time", "/Date(99999999999999999)/", receivedAt],
    ["a year of five digits", "+012026-01-01T00:00:00Z", receivedAt],
  ])("reads the time of the change from %s", (_what, OperationCreatedOn, expected) => {
    expect(parseNotice(aContext({ OperationCreatedOn }), receivedAt).occurredAt).toBe(expected);
  });

  it("takes the row from the image whose alias names the mapping's column set, in our spelling", () => {
    const image = imageIn(withImage(anImage()));

    expect(image).toEqual({
      version: "5948260",
      row: { contactid: ids.ann, lastname: "Lee", birthdate: "1990-05-03", gendercode: 2, merged: null },
    });
  });

  it("reads a column that such an image leaves out as empty", () => {
    const image = imageIn(withImage(anImage({}, {})));

    expect(image?.row.lastname).toBeNull();
  });

  it.each([
    ["under another alias", withImage(anImage(), "post")],
    ["without row version", withImage(anImage({ RowVersion: null }))],
    ["of another row", withImage(anImage({ Id: ids.bob }))],
    ["of a row whose id is none", withImage(anImage({ Id: "Ann" }))],
    ["with a date that is none", withImage(anImage({}, { birthdate: "/Date(99999999999999999)/" }))],
    ["that is no image", withImage("post")],
    ["of a message that may change the row further", { ...withImage(anImage()), MessageName: "Merge" }],
  ])("takes no row from an image %s", (_why, body) => {
    expect(imageIn(body)).toBeUndefined();
  });

  it("takes no row from an image registered for the columns of an older mapping", () => {
    const older = compiled(aMappingDocument([aField()]));

    expect(imageIn(withImage(anImage(), imageAliasOf(older)))).toBeUndefined();
  });

  it("finds the tag of our own writes in any parent context", () => {
    const grandparent = aContext({ SharedVariables: [pair("tag", "acs-sync")] });
    const context = aContext({ ParentContext: aContext({ ParentContext: grandparent }) });

    expect(parseNotice(context, receivedAt).tags).toEqual(["acs-sync"]);
  });

  it.each([
    ["null", null],
    ["a text", "hello"],
    ["a list", []],
    ["an empty object", {}],
    ["a context whose id is none", aContext({ PrimaryEntityId: "not a guid" })],
    ["a context without message", aContext({ MessageName: undefined })],
    ["a context with pairs that are none", aContext({ SharedVariables: [1, 2] })],
    ["a context without organisation", aContext({ OrganizationId: null })],
  ])("refuses %s as malformed", (_what, body) => {
    expect(() => parseNotice(body, receivedAt)).toThrow(MalformedError);
  });

  it("says nothing but malformed about any JSON, and never makes an envelope's id or time of nonsense", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        expectNoticeOrMalformed(body);
      }),
    );
  });

  it("says nothing but malformed about a context of which any members are any JSON", () => {
    const members = Object.keys(aContext());
    const broken = fc.dictionary(fc.constantFrom(...members), fc.jsonValue(), { maxKeys: 4 });

    fc.assert(
      fc.property(fc.constantFrom(...messages), broken, ({ body }, changes) => {
        expectNoticeOrMalformed({ ...body, ...changes });
      }),
      { numRuns: 500 },
    );
  });

  it("says nothing but malformed about parameters and images with any values", () => {
    const names = [
      "Target",
      "EntityMoniker",
      "SubordinateId",
      "Subordinate",
      "RelatedEntities",
      "Targets",
      "Ids",
      "id",
    ];
    const parameters = fc.array(fc.record({ key: fc.constantFrom(...names), value: anyReference() }));
    const image = fc.record({
      Id: fc.constantFrom<unknown>(ids.ann, null),
      Attributes: anyColumns(),
      RowVersion: anyText(),
    });

    fc.assert(
      fc.property(parameters, parameters, image, (InputParameters, OutputParameters, value) => {
        const images = [pair(imageAliasOf(mapping), value)];
        expectNoticeOrMalformed(aContext({ InputParameters, OutputParameters, PostEntityImages: images }));
      }),
      { numRuns: 500 },
    );
  });
});

function anyText() {
  return fc.oneof(fc.string(), fc.constantFrom(null, "5948260", ids.ann, "/Date(99999999999999999)/"));
}

function anyColumns() {
  const value = fc.oneof(fc.jsonValue(), anyText(), fc.record({ Value: fc.jsonValue() }), fc.record({ Id: anyText() }));
  return fc.array(fc.record({ key: fc.constantFrom("birthdate", "gendercode", "lastname"), value }));
}

function anyReference() {
  const row = fc.record(
    {
      Id: fc.oneof(anyText(), fc.jsonValue()),
      LogicalName: fc.oneof(anyText(), fc.jsonValue()),
      Attributes: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  return fc.oneof(fc.jsonValue(), row, fc.array(row), fc.record({ Entities: fc.array(row) }));
}

function expectNoticeOrMalformed(body: unknown): void {
  try {
    const notice = parseNotice(body, receivedAt);
    for (const record of notice.records) {
      expect(record.id).toMatch(/^[0-9a-f-]{36}$/);
      record.image(mapping);
    }
    expect(notice.occurredAt).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(notice.correlationId.length).toBeLessThanOrEqual(128);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
  }
}
