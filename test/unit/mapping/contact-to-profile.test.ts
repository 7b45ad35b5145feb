import { describe, expect, it } from "vitest";
import contactToProfile from "../../../shared/mapping/contact-to-profile.json" with { type: "json" };
import { columnsOf, validateMapping } from "../../../shared/mapping/validate.js";
import { contactColumns } from "../../fixtures/contact-columns.js";
import { profileFields } from "../../fixtures/profile-fields.js";
import { compiled } from "../../support/mappings.js";

const { mapping } = validateMapping(contactToProfile) as Extract<
  ReturnType<typeof validateMapping>,
  { mapping: unknown }
>;

describe("the shipped mapping of contacts to profiles", () => {
  it("is valid", () => {
    expect(validateMapping(contactToProfile).problems).toEqual([]);
  });

  it.each(Object.entries(mapping.columns))("reads %s, a column that contacts have, as its type %s", (column, type) => {
    expect(contactColumns[column]?.type).toBe(type);
  });

  it("lists no column that it does not read", () => {
    const read = new Set([mapping.table.id, ...mapping.fields.flatMap(({ source }) => columnsOf(source))]);

    expect(Object.keys(mapping.columns).filter((column) => !read.has(column))).toEqual([]);
  });

  it.each(mapping.fields.map((field) => [field.target, field] as const))(
    "writes %s, a field that profiles have, with its type and its length",
    (target, { type, maxLength }) => {
      expect(profileFields[target]).toMatchObject({ type, ...(type === "string" && { length: maxLength }) });
    },
  );

  it("writes only values that an enumeration has", () => {
    const enumerations = mapping.fields.filter(({ type }) => type === "enumeration");

    for (const { target, replacements, otherwise } of enumerations) {
      expect(profileFields[target]?.values).toEqual(
        expect.arrayContaining([...Object.values(replacements), otherwise]),
      );
    }
    expect(enumerations.map(({ target }) => target)).toEqual(["gender"]);
  });

  it("keeps the contact's id in a profile field that is long enough for a GUID", () => {
    expect(mapping.key).toEqual({ field: "externalId", address: { by: "uri" } });
    expect(profileFields.externalId?.length).toBeGreaterThanOrEqual(36);
  });

  it("takes every text a contact column can hold, without a failure", () => {
    const texts = Object.entries(contactColumns).filter(([, { type }]) => type === "string");
    const longest = Object.fromEntries(texts.map(([column, { length }]) => [column, "x".repeat(length ?? 0)]));

    const mapped = compiled(contactToProfile).map({ ...longest, birthdate: "1990-05-17", gendercode: 1 });

    expect(mapped.always.email).toHaveLength(100);
    expect(mapped.always.lastName).toHaveLength(50);
    expect(mapped.warnings).not.toContainEqual(expect.stringContaining("email"));
  });

  it("writes a contact field by field", () => {
    const mapped = compiled(contactToProfile).map({
      salutation: "Dr.",
      firstname: "Ada",
      middlename: null,
      lastname: "Example",
      emailaddress1: "ada@example.com",
      mobilephone: "+44 20 7946 0000",
      telephone1: null,
      fax: null,
      birthdate: "1990-05-17",
      gendercode: 2,
      address1_line1: "1 Sample Street",
      address1_line2: null,
      address1_line3: null,
      address1_city: "London",
      address1_postalcode: "N1 1AA",
    });

    expect(mapped).toEqual({
      always: {
        salutation: "Dr.",
        firstName: "Ada",
        middleName: "",
        lastName: "Example",
        email: "ada@example.com",
        mobilePhone: "+44 20 7946 0000",
        phone: "",
        fax: "",
        birthDate: "1990-05-17",
        gender: "female",
        "location.address1": "1 Sample Street",
        "location.address2": "",
        "location.address3": "",
        "location.city": "London",
        "location.zipCode": "N1 1AA",
      },
      insertOnly: {},
      warnings: [],
    });
  });

  it.each([
    [1, "male"],
    [2, "female"],
    [3, "unknown"],
    [null, "unknown"],
  ])("writes the gender %j as %s", (gendercode, gender) => {
    expect(compiled(contactToProfile).map({ gendercode }).always.gender).toBe(gender);
  });
});
