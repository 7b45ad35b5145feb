import { describe, expect, it } from "vitest";
import { imageAliasOf, parseNotice } from "../../../shared/dataverse/notice.js";
import { MalformedError } from "../../../shared/errors.js";
import { aField, aMappingDocument, compiled } from "../../support/mappings.js";

const receivedAt = "2026-03-01T10:00:05.000Z";
const id = "223f05ea-7593-f011-b4cc-000d3aa25840";
const mapping = compiled(
  aMappingDocument([
    aField(),
    aField({ source: { column: "birthdate" }, target: "birthDate", type: "date" }),
    aField({ source: { column: "gendercode" }, target: "gender", type: "enumeration" }),
  ]),
);

/** A context in the shape of facts/dataverse.md §1.4. */
function aContext(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    CorrelationId: "158cf2d3-ad9b-4831-aef0-3a69720ae19b",
    MessageName: "Update",
    OperationCreatedOn: "/Date(1758079510000+0200)/",
    OrganizationId: "29C6E552-e16f-ef11-a66b-6045bd1e7d8b",
    ParentContext: null,
    PostEntityImages: [{ key: imageAliasOf(mapping), value: anImage() }],
    PrimaryEntityId: id,
    PrimaryEntityName: "contact",
    RequestId: "3fab629b-b795-4834-a2ca-5a09b2cc6934",
    SharedVariables: [{ key: "IsAutoTransact", value: true }],
    ...changes,
  };
}

function anImage(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    Attributes: [
      { key: "contactid", value: id },
      { key: "lastname", value: "Lee" },
      { key: "birthdate", value: "/Date(641692800000)/" },
      {
        key: "gendercode",
        value: { __type: "OptionSetValue:http://schemas.microsoft.com/xrm/2011/Contracts", Value: 2 },
      },
    ],
    Id: id,
    RowVersion: "5948260",
    ...changes,
  };
}

describe("parseNotice", () => {
  it("reads what happened to which row, and when, without the shifted offset", () => {
    const notice = parseNotice(aContext(), receivedAt);

    expect(notice).toMatchObject({
      organizationId: "29c6e552-e16f-ef11-a66b-6045bd1e7d8b",
      table: "contact",
      id,
      message: "Update",
      occurredAt: "2025-09-17T03:25:10.000Z",
    });
  });

  it("takes the row from the image whose alias names the mapping's column set, in our spelling", () => {
    const image = parseNotice(aContext(), receivedAt).image(mapping);

    expect(image).toEqual({
      version: "5948260",
      row: { contactid: id, lastname: "Lee", birthdate: "1990-05-03", gendercode: 2, merged: null },
    });
  });

  it("reads a column that such an image leaves out as empty", () => {
    const context = aContext({
      PostEntityImages: [{ key: imageAliasOf(mapping), value: anImage({ Attributes: [] }) }],
    });

    const image = parseNotice(context, receivedAt).image(mapping);

    expect(image?.row.lastname).toBeNull();
  });

  it.each([
    ["under another alias", [{ key: "post", value: anImage() }]],
    ["without row version", [{ key: imageAliasOf(mapping), value: anImage({ RowVersion: null }) }]],
    [
      "of another row",
      [{ key: imageAliasOf(mapping), value: anImage({ Id: "223f05ea-7593-f011-b4cc-000000000000" }) }],
    ],
  ])("takes no row from an image %s", (_why, images) => {
    const notice = parseNotice(aContext({ PostEntityImages: images }), receivedAt);

    expect(notice.image(mapping)).toBeUndefined();
  });

  it("reads a body that was cut for its size: no images, absent or null, but the row's id", () => {
    const { PostEntityImages: _images, ParentContext: _parent, ...cut } = aContext();

    expect(parseNotice(cut, receivedAt).image(mapping)).toBeUndefined();
    expect(parseNotice({ ...cut, PostEntityImages: null }, receivedAt).id).toBe(id);
  });

  it("finds the tag of our own writes in any parent context", () => {
    const grandparent = aContext({ SharedVariables: [{ key: "tag", value: "acs-sync" }] });
    const context = aContext({ ParentContext: aContext({ ParentContext: grandparent }) });

    expect(parseNotice(context, receivedAt).tags).toEqual(["acs-sync"]);
  });

  it.each([
    ["null", null],
    ["a text", "hello"],
    ["a list", []],
    ["an empty object", {}],
    ["a context without id", aContext({ PrimaryEntityId: "not a guid" })],
    ["a context without message", aContext({ MessageName: undefined })],
    ["a context with pairs that are none", aContext({ SharedVariables: [1, 2] })],
  ])("refuses %s as malformed", (_what, body) => {
    expect(() => parseNotice(body, receivedAt)).toThrow(MalformedError);
  });
});
