import { describe, expect, it } from "vitest";
import { annotationPreferences, rowFromContext, rowFromWebApi } from "../../../shared/dataverse/to-row.js";
import { MalformedError } from "../../../shared/errors.js";
import { coversMapping } from "../../../shared/mapping/compile.js";
import { aField, aMappingDocument, compiled } from "../../support/mappings.js";

const account = "ad6b3f4b-1be7-e611-8101-e0071b6af231";

/** A mapping that reads one column of each kind, and of the lookup what `of` says. */
function reading(...of: Record<string, unknown>[]) {
  const sources = [
    { column: "lastname" },
    { column: "birthdate" },
    { column: "createdon" },
    { column: "acme_wall" },
    { column: "acme_hobbies" },
    { column: "creditlimit" },
    ...of.map((one) => ({ column: "parentcustomerid", ...one })),
  ];
  const columns = {
    contactid: "id",
    lastname: "string",
    birthdate: { type: "datetime", behaviour: "dateOnly" },
    createdon: { type: "datetime", behaviour: "userLocal" },
    acme_wall: { type: "datetime", behaviour: "timeZoneIndependent" },
    acme_hobbies: "choices",
    creditlimit: "money",
    parentcustomerid: { type: "lookup", targets: ["account", "contact"] },
  };
  const fields = sources.map((source, index) => aField({ source, target: `cus${"abcdefghij".charAt(index)}` }));
  return compiled(aMappingDocument(fields, { table: { name: "acme_x", set: "acme_xs", id: "contactid" }, columns }));
}

const whole = reading({ as: "name" }, { as: "type" });
const expected = {
  contactid: "223f05ea-7593-f011-b4cc-000d3aa25840",
  lastname: "Lee",
  birthdate: "1990-05-03",
  createdon: "2025-09-17T03:25:10Z",
  acme_wall: "2026-03-01T09:00:00",
  acme_hobbies: "1,3",
  creditlimit: 1500,
  parentcustomerid: account,
  "parentcustomerid.type": "account",
  "parentcustomerid.name": "Contoso",
};

const schema = "http://schemas.microsoft.com/xrm/2011/Contracts";
const option = (Value: number) => ({ __type: `OptionSetValue:${schema}`, Value });
const reference = (changes: Record<string, unknown> = {}) => ({
  __type: `EntityReference:${schema}`,
  Id: account,
  KeyAttributes: [],
  LogicalName: "account",
  Name: "Contoso",
  RowVersion: null,
  ...changes,
});
const attributes = (changes: Record<string, unknown> = {}) =>
  new Map<string, unknown>(
    Object.entries({
      contactid: "223f05ea-7593-f011-b4cc-000d3aa25840",
      lastname: "Lee",
      birthdate: "/Date(641692800000)/",
      createdon: "/Date(1758079510000)/",
      acme_wall: `/Date(${Date.UTC(2026, 2, 1, 9)})/`,
      acme_hobbies: [option(3), option(1)],
      creditlimit: { __type: `Money:${schema}`, Value: 1500.0 },
      parentcustomerid: reference(),
      ...changes,
    }),
  );

const answer = (changes: Record<string, unknown> = {}) => ({
  "@odata.etag": 'W/"5"',
  contactid: "223f05ea-7593-f011-b4cc-000d3aa25840",
  lastname: "Lee",
  birthdate: "1990-05-03",
  createdon: "2025-09-17T03:25:10Z",
  acme_wall: "2026-03-01T09:00:00Z",
  acme_hobbies: "3,1",
  creditlimit: 1500.0,
  "_parentcustomerid_value@OData.Community.Display.V1.FormattedValue": "Contoso",
  "_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "account",
  _parentcustomerid_value: account,
  ...changes,
});

describe("a row of Dataverse", () => {
  it("has one spelling, through the Web API and in an image alike", () => {
    expect(rowFromWebApi(whole, answer())).toEqual(expected);
    expect(rowFromContext(whole, attributes())).toEqual(expected);
    expect(coversMapping(expected, whole)).toBe(true);
  });

  it.each(["2026-03-01T09:00:00Z", "2026-03-01T09:00:00.000Z", "2026-03-01T09:00:00"])(
    "keeps the digits of a time zone independent value, whatever stands behind them: %s (B19)",
    (acme_wall) => {
      expect(rowFromWebApi(whole, answer({ acme_wall })).acme_wall).toBe("2026-03-01T09:00:00");
      expect(rowFromContext(whole, attributes({ acme_wall })).acme_wall).toBe("2026-03-01T09:00:00");
    },
  );

  it.each(["/Date(641692800000)/", "1990-05-03", "1990-05-03T00:00:00.000Z"])(
    "never shifts a day: %s (B18)",
    (birthdate) => {
      expect(rowFromContext(whole, attributes({ birthdate })).birthdate).toBe("1990-05-03");
    },
  );

  it("spells an instant in UTC, whatever offset a tool gave it", () => {
    const row = rowFromContext(whole, attributes({ createdon: "2025-09-17T05:25:10.000+02:00" }));

    expect(row.createdon).toBe("2025-09-17T03:25:10Z");
  });

  it("refuses an image with a time that is none, instead of taking it for empty", () => {
    expect(() => rowFromContext(whole, attributes({ createdon: "/Date(99999999999999999)/" }))).toThrow(MalformedError);
  });

  it("knows that an empty lookup points nowhere", () => {
    const empty = { parentcustomerid: null, "parentcustomerid.type": null, "parentcustomerid.name": null };

    const rows = [
      rowFromWebApi(whole, answer({ _parentcustomerid_value: null, ...withoutAnnotations })),
      rowFromContext(whole, attributes({ parentcustomerid: null })),
      rowFromContext(whole, new Map()),
    ];

    for (const row of rows) {
      expect(row).toMatchObject(empty);
      expect(coversMapping(row, whole)).toBe(true);
    }
  });

  it.each([null, undefined, 7])("does not cover the mapping when an image leaves the name open: %j", (Name) => {
    const row = rowFromContext(whole, attributes({ parentcustomerid: reference({ Name }) }));

    expect(row).not.toHaveProperty(["parentcustomerid.name"]);
    expect(row["parentcustomerid.type"]).toBe("account");
    expect(coversMapping(row, whole)).toBe(false);
  });

  it("covers a mapping that wants no name although the image leaves it open", () => {
    const mapping = reading({ target: "account" });
    const row = rowFromContext(mapping, attributes({ parentcustomerid: reference({ Name: null }) }));

    expect(row["parentcustomerid.type"]).toBe("account");
    expect(row).not.toHaveProperty(["parentcustomerid.name"]);
    expect(coversMapping(row, mapping)).toBe(true);
  });
});

const withoutAnnotations = {
  "_parentcustomerid_value@OData.Community.Display.V1.FormattedValue": undefined,
  "_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": undefined,
};

describe("annotationPreferences", () => {
  it("asks for what the mapping wants of lookups, and for nothing more", () => {
    const type = "Microsoft.Dynamics.CRM.lookuplogicalname";
    const name = "OData.Community.Display.V1.FormattedValue";

    expect(annotationPreferences(reading({}))).toEqual([]);
    expect(annotationPreferences(reading({ as: "type" }))).toEqual([`odata.include-annotations="${type}"`]);
    expect(annotationPreferences(whole)).toEqual([`odata.include-annotations="${type},${name}"`]);
  });
});
